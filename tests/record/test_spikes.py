import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import arithmetic, calls, copies, loop_body


def test_rows_of_a_plain_loop_are_the_spikes(net, dense):
    spikes = sl.record.Spikes(net.N)

    def step(i):
        net.update(i * 0.1 * u.ms)
        return spikes()

    rows = sl.transform.for_loop(step, np.arange(400))
    assert (rows.shape, rows.dtype) == ((400, 6), np.uint8)
    found = spikes.read(rows)
    steps, indices = np.nonzero(dense[0])
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.times.to_decimal(u.ms), steps * 0.1)
    np.testing.assert_array_equal(found.to_array(), dense[0] > 0)
    np.testing.assert_array_equal(found.counts, dense[0].sum(0))
    assert (found.start, found.stop) == (0 * u.ms, 40 * u.ms)


def test_a_part_of_the_population_and_of_the_time(net, dense):
    chosen = [44, 3, 7]
    spikes = sl.record.Spikes(net.N, neurons=chosen, start=10 * u.ms, stop=25.1 * u.ms)
    rows = sl.transform.for_loop(lambda x: spikes(x), jnp.asarray(dense[0]))
    found = spikes.read(rows, t0=5 * u.ms)
    np.testing.assert_array_equal(found.to_array(), dense[0][100:251, chosen] > 0)
    assert found.start.to_decimal(u.ms) == pytest.approx(15)


def test_spikes_of_a_batch(net):
    sl.nn.init_all_states(net, batch_size=2)
    net.N.V.value = net.N.V.value.at[1].add(5 * u.mV)
    spikes, events = sl.record.Spikes(net.N), sl.record.Events(net.N, 500)
    result = sl.record.run(net.update, 20 * u.ms, record=[spikes, events])
    bits, listed = result["spikes"], result["events"]
    assert bits.batch == listed.batch == (2,)
    np.testing.assert_array_equal(bits.to_array(), listed.to_array())
    np.testing.assert_array_equal(bits.counts, net.count.value)
    np.testing.assert_array_equal(bits[1].to_array(), bits.to_array()[:, 1])
    with pytest.raises(TypeError, match=r"take one sample first, record\[k\].times"):
        bits.times


@pytest.mark.skipif(sl.kernels._library.native is None, reason="the native library is not built")
def test_recording_adds_one_native_call_and_nothing_as_large_as_the_population():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.networks.COBANetwork(1000, out_degree=5))
    n = net.size
    spikes, rate, events = (
        sl.record.Spikes(net.N),
        sl.record.Rate(net.N, groups=net.populations),
        sl.record.Events(net.N, 1000),
    )
    volts = sl.record.States(net.N, "V", neurons=[3, 5])

    def step():
        net.step()

    def recorded():
        net.step()
        events()
        return spikes(), rate(), volts()

    without, body = loop_body(step), loop_body(recorded)
    names = {"record_pack": 1, "record_count": 1, "record_append": 1}
    assert calls(body) == sorted([*calls(without), *names])
    made = [line for line in arithmetic(body, n) if "dynamic-update-slice" not in line]  # rows put into their place
    assert len(made) == len(arithmetic(without, n)) == 0
    assert len(copies(body, n)) == len(copies(without, n)) == 0


def test_four_thousand_neurons_fit_into_five_megabytes():
    sl.environ.set(dt=0.1 * u.ms)
    N = sl.LIF(4000)
    rows = sl.transform.for_loop(sl.record.Spikes(N), jnp.zeros((3, 4000)))
    assert rows.nbytes / 3 * 10_000 <= 5.01e6  # a byte of each row tells whether a count did not fit


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda N: sl.record.Spikes(3), TypeError, "needs a population such as net.N or a part of it; given int"),
        (lambda N: sl.record.Spikes(N, neurons=[45]), IndexError, "neuron 45 of a population of 45"),
        (lambda N: sl.record.Spikes(N, neurons=slice(0, 46)), IndexError, "0:46 of a population of 45"),
        (lambda N: sl.record.Spikes(N, neurons=[0.5]), TypeError, "a slice or a list of indices"),
        (lambda N: sl.record.Spikes(N, neurons=-1), IndexError, "neuron -1"),
        (lambda N: sl.record.Events(N, 0), ValueError, "at least 1; given 0"),
        (lambda N: sl.record.Spikes(N)(jnp.zeros(3)), sl.record._recorder.ShapeError, r"\(..., 45\); given \(3,\)"),
    ],
)
def test_mistakes(net, make, error, message):
    with pytest.raises(error, match=message):
        make(net.N)


def test_windows_must_lie_in_the_run(net):
    rows = np.zeros((100, 6), np.uint8)
    for window, message in [
        ({"stop": 11 * u.ms}, "stop is at 11 ms, outside the run of 10 ms"),
        ({"start": 5 * u.ms, "stop": 5 * u.ms}, "not before stop"),
        ({"start": 0.25 * u.ms}, "is no multiple of dt"),
        ({"start": -1 * u.ms}, "must not be negative"),
    ]:
        with pytest.raises(ValueError, match=message):
            sl.record.Spikes(net.N, **window).read(rows)
    with pytest.raises(TypeError, match="needs a time"):
        sl.record.Spikes(net.N, start=3).read(rows)
