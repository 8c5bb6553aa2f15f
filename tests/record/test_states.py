import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from hlo import copies


def test_every_step(net, dense):
    V = sl.record.run(net.update, 40 * u.ms, record=sl.record.States(net.N, "V"))["V"]
    np.testing.assert_array_equal(V.values.to_decimal(u.mV), dense[1].to_decimal(u.mV))
    np.testing.assert_allclose(V.times.to_decimal(u.ms), np.arange(400) * 0.1)
    assert len(V) == 400


@pytest.mark.parametrize("chunk", [100, 10_000])
def test_intervals_of_all_kinds_in_one_run(net, dense, chunk):
    made = {
        "slow": sl.record.States(net.N, "V", every=1 * u.ms, neurons=[7, 0]),
        "odd": sl.record.States(net.N, "V", every=0.7 * u.ms, neurons=slice(2, 9, 3)),
        "part": sl.record.States(net.N, "V", every=0.5 * u.ms, neurons=4, start=5 * u.ms, stop=31 * u.ms),
    }
    result = sl.record.run(net.update, 40 * u.ms, record=made, chunk=chunk)
    V = np.asarray(dense[1].mantissa)
    np.testing.assert_array_equal(result["slow"], V[9::10, [7, 0]])
    np.testing.assert_array_equal(result["odd"], V[6::7, 2:9:3])
    np.testing.assert_array_equal(result["part"], V[54:310:5, [4]])
    np.testing.assert_allclose(result["part"].times.to_decimal(u.ms), np.arange(54, 310, 5) * 0.1)
    assert result["odd"].values.unit == u.mV


def test_nested_loops_make_one_row_an_interval(net, dense):
    volts = sl.record.States(net.N, "V", every=1 * u.ms)

    def millisecond(i):
        sl.transform.for_loop(lambda k: net.update((10 * i + k) * 0.1 * u.ms), np.arange(10))
        return volts()

    rows = sl.transform.for_loop(millisecond, np.arange(40))
    assert rows.shape == (40, 45)
    np.testing.assert_array_equal(volts.read(rows), np.asarray(dense[1].mantissa)[9::10])


def test_a_wide_interval_costs_nothing_in_the_steps_between(net):
    volts = sl.record.States(net.N, "V", every=1 * u.ms)
    config = 1000, (10,), True
    program = sl.transform.jit(lambda first: sl.record._chunk._run((net.update, volts), config, (first,))).compile(0)
    rows = 100 * net.size * 4
    assert program.memory_analysis().output_size_in_bytes < rows + 20 * net.size * 4
    assert program.memory_analysis().temp_size_in_bytes < rows
    loops = program.as_text().split("\nENTRY")[0].splitlines()
    assert not copies(loops, net.size)


def test_other_states_and_units(net):
    result = sl.record.run(net.update, 1 * u.ms, record=[sl.record.States(net.N, "spike", neurons=[1])])
    assert result["spike"].values.shape == (10, 1)
    assert not isinstance(result["spike"].values, u.Quantity)


def test_mistakes(net):
    States = sl.record.States
    with pytest.raises(ValueError, match=r"COBANetwork.N has no State 'v'. Did you mean 'V'\?"):
        States(net.N, "v")
    with pytest.raises(ValueError, match="has no State 'qqq'. It has"):
        States(net.N, "qqq")
    with pytest.raises(IndexError, match="neuron 45"):
        States(net.N, "V", neurons=[1, 45])
    for every, message in [(0.25 * u.ms, "every of 0.25 ms is no multiple of dt"), (0 * u.ms, "at least one step")]:
        with pytest.raises(ValueError, match=message):
            sl.record.run(net.update, 1 * u.ms, record=States(net.N, "V", every=every))
    with pytest.raises(TypeError, match="every needs a time"):
        sl.record.run(net.update, 1 * u.ms, record=States(net.N, "V", every=3))
    with pytest.raises(ValueError, match="start at 0.5 ms is no multiple of the 1 ms"):
        record = States(net.N, "V", every=1 * u.ms, start=0.5 * u.ms)
        sl.record.run(net.update, 2 * u.ms, record=record)


def test_before_init_all_states():
    N = sl.LIF(3)
    with pytest.raises(sl._errors.NotInitializedError, match="init_all_states"), sl.environ.context(dt=1 * u.ms):
        sl.record.run(lambda t: None, 2 * u.ms, record=sl.record.States(N, "V"))
