"""PD14: numbers of neurons and synapses, weights and delays, rates, reproducibility, the compiled loop."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from hlo import arithmetic, calls, copies, loop_body
from spikeloop.kernels import _library
from spikeloop.networks import _pd14_table as table

needs_native = pytest.mark.skipif(_library.native is None, reason="the native library is not built")


@pytest.fixture(autouse=True)
def time_step():
    sl.environ.set(dt=0.1 * u.ms)


def simulate(steps, **options):
    sl.random.seed(1)
    net = sl.nn.init_all_states(sl.networks.PD14(**options))
    sl.transform.for_loop(lambda: (net.update(), None)[1], length=steps)
    return net


def test_the_table_makes_the_published_numbers():
    assert table.SIZES.sum() == 77_169
    assert table.SYNAPSES.sum() == pytest.approx(298.9e6, rel=1e-3)
    assert table.PSC[0, 2] == 2 * 87.81
    assert (table.PSC[:, 1::2] == -4 * 87.81).all()


def test_sizes_synapses_weights_and_delays_of_a_small_circuit():
    net = sl.networks.PD14(0.05)
    sizes = np.round(0.05 * table.SIZES).astype(int)
    assert [part.stop - part.start for part in net.populations.values()] == sizes.tolist()
    edges = net.recurrent.comm.to_coo()
    bounds = np.cumsum(sizes)
    post, pre = (np.searchsorted(bounds, neurons, side="right") for neurons in (edges.targets, edges.sources))
    weight, delay = edges.weight.to_decimal(u.pA), 0.1 * edges.delay
    for i in range(8):
        for j in range(8):
            block = (post == i) & (pre == j)
            assert block.sum() == pytest.approx(table.SYNAPSES[i, j] * 0.05**1.5, abs=1)
            if block.sum() > 3000:
                mean = table.PSC[i, j] / 0.05**0.25
                assert weight[block].mean() == pytest.approx(mean, rel=0.01)
                assert weight[block].std() == pytest.approx(0.1 * abs(mean), rel=0.05)
                # redrawing what is below 0.05 ms raises the mean
                assert delay[block].mean() == pytest.approx(table.DELAY[j], rel=0.06)
    assert ((weight > 0) == (pre % 2 == 0)).all()
    assert edges.delay.min() >= 1


@needs_native
@pytest.mark.parametrize("drive", ["poisson", "dc"])
def test_rates_lie_near_those_of_the_full_circuit(drive):
    net = simulate(8000, scale=0.05, drive=drive)
    rates = np.array([rate.to_decimal(u.Hz) for rate in net.rates(0.8 * u.second).values()])
    assert (rates > 0.6 * table.RATES).all()
    assert (rates < 1.6 * table.RATES).all()
    low, high = net.expected_rate
    assert low < net.mean_rate(0.8 * u.second).to_decimal(u.Hz) < high


def test_the_mean_input_does_not_depend_on_the_number_of_inputs():
    def mean_input(drive, **options):
        net = sl.networks.PD14(0.05, drive=drive, **options)
        share = np.sqrt(net.in_degree)
        recurrent = table.current((table.PSC * table.SYNAPSES / table.SIZES[:, None]) @ table.RATES)
        external = table.current(table.EXTERNAL_PSC * table.EXTERNAL_INDEGREE * table.EXTERNAL_RATE)
        return net._currents() + share * recurrent + (share * external if drive == "poisson" else 0)

    full = mean_input("dc", in_degree=1.0)
    for drive in ("poisson", "dc"):
        np.testing.assert_allclose(mean_input(drive, in_degree=0.1), full, rtol=1e-12)


def test_the_seed_decides_the_synapses():
    a, b, c = (sl.networks.PD14(0.02, seed=seed).recurrent.comm.indices for seed in (3, 3, 4))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@needs_native
def test_one_and_two_threads_give_the_same_bits():
    before, results = sl.get_num_threads(), []
    try:
        for threads in (1, 2):
            sl.set_num_threads(threads)
            net = simulate(1000, scale=0.1, drive="dc")
            results.append((net.N.V.value.mantissa, net.count.value, net.recurrent.comm.indices))
    finally:
        sl.set_num_threads(before)
    assert float(results[0][1].sum()) > 0
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


@needs_native
def test_the_loop_has_three_native_calls_and_copies_nothing():
    net = sl.nn.init_all_states(sl.networks.PD14(0.02, drive="dc"))

    def step():
        net.step()

    body = loop_body(step)
    assert len(calls(body)) == 3
    assert copies(body, net.size) == []
    assert arithmetic(body, net.size) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"scale": 0}, "scale"), ({"scale": 1.1}, "scale"), ({"drive": "ac"}, "drive"), ({"in_degree": 2.0}, "in_degree")],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=f"PD14: {message} must"):
        sl.networks.PD14(**options)


@needs_native
def test_activity_is_asynchronous_and_irregular():
    sl.random.seed(1)
    net = sl.nn.init_all_states(sl.networks.PD14(0.1))
    spikes = sl.record.Spikes(net.N)
    trains = sl.record.run(net.update, 1.5 * u.second, record=spikes)["spikes"]
    for name, part in net.populations.items():
        some = trains.select(part)
        assert 0.5 < np.nanmean(sl.analysis.cv(some)) < 1.2, name
        assert abs(sl.analysis.correlation(some.select(slice(0, 100)), 5.0 * u.ms)) < 0.05, name
