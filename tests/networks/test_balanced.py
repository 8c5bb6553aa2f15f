"""The benchmark networks: rates, batches, reproducibility, and the form of the compiled loop."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import arithmetic, calls, copies, loop_body
from spikeloop.kernels import _library

NETWORKS = [sl.networks.COBANetwork, sl.networks.CUBANetwork, sl.networks.COBAHHNetwork]
needs_native = pytest.mark.skipif(_library.native is None, reason="the native library is not built")


def simulate(make, ms=500, size=4000, batch=None, **kwargs):
    """(network, spike counts of every step) after a run of `ms` milliseconds."""
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(1)
    net = sl.nn.init_all_states(make(size, **kwargs), **({} if batch is None else {"batch_size": batch}))
    times = u.Quantity(jnp.arange(round(ms / 0.1)) * 0.1, unit=u.ms)
    return net, sl.transform.for_loop(lambda t: net.update(t).sum(-1), times)


@pytest.mark.parametrize("make", NETWORKS)
def test_mean_rate_is_in_the_range_that_is_expected(make):
    net, _ = simulate(make)
    low, high = make.expected_rate
    assert low < net.mean_rate(500 * u.ms).to_decimal(u.Hz) < high


@pytest.mark.parametrize("make", NETWORKS)
def test_mean_rate_counts_the_spikes(make):
    net, per_step = simulate(make, ms=50, size=500)
    rate = float(per_step.sum()) / 500 / 0.05
    assert rate > 0
    np.testing.assert_allclose(net.mean_rate(50 * u.ms).to_decimal(u.Hz), rate, rtol=1e-6)


@needs_native
@pytest.mark.parametrize("make", NETWORKS)
def test_one_and_two_threads_give_the_same_bits(make):
    before, results = sl.get_num_threads(), []
    try:
        for threads in (1, 2):
            sl.set_num_threads(threads)
            net, per_step = simulate(make, ms=30, size=40_000)
            results.append((net.N.V.value.mantissa, net.count.value, per_step))
    finally:
        sl.set_num_threads(before)
    assert float(results[0][2].sum()) > 0
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


def test_the_same_seed_gives_the_same_network_and_another_one_does_not():
    a, b, c = (sl.networks.COBANetwork(200, seed=s) for s in (3, 3, 4))
    assert np.array_equal(a.E.comm.indices, b.E.comm.indices)
    assert not np.array_equal(a.E.comm.indices, c.E.comm.indices)
    assert a.E.comm.num_synapses == 160 * 80
    assert a.I.comm.num_synapses == 40 * 80


@pytest.mark.parametrize("make", NETWORKS)
def test_a_batch_runs_every_sample(make):
    net, per_step = simulate(make, ms=50, size=300, batch=3)
    assert net.count.value.shape == (3, 300)
    assert per_step.shape == (500, 3)
    np.testing.assert_array_equal(per_step.sum(0), net.count.value.sum(1))
    # init.Uniform draws for the whole batch, so that samples differ
    assert len({float(x) for x in net.count.value.sum(1)}) > 1


def test_a_sample_of_a_batch_is_the_run_without_a_batch():
    net, _ = simulate(sl.networks.COBANetwork, ms=20, size=300, batch=2)
    sl.nn.init_all_states(net, batch_size=2)
    start = net.N.V.value
    times = u.Quantity(jnp.arange(200) * 0.1, unit=u.ms)
    sl.transform.for_loop(lambda t: net.update(t).sum(), times)
    batched = net.N.V.value.mantissa
    for k in range(2):
        sl.nn.init_all_states(net)
        net.N.V.value = start[k]
        sl.transform.for_loop(lambda t: net.update(t).sum(), times)
        assert np.array_equal(net.N.V.value.mantissa, batched[k])


# --- the compiled loop ----------------------------------------------------------------------------------------------


def test_the_search_finds_copies_and_arithmetic():
    a, b = sl.State(jnp.zeros(1000)), sl.State(jnp.ones(1000))

    def step():  # two buffers that change places cannot both be updated in place
        a.value, b.value = b.value, a.value * 2

    body = loop_body(step)
    assert copies(body, 1000)
    assert arithmetic(body, 1000)
    assert copies(body, 1001) == []


@needs_native
@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("batch", [None, 3])
def test_one_native_call_for_each_projection_and_population_and_no_copy(make, batch):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(make(500), batch_size=batch)

    def step():
        spikes = net.N.get_spike()
        net.E(spikes[..., :400])
        net.I(spikes[..., 400:])
        net.N(net.drive)

    body = loop_body(step)
    assert calls(body) == ["event_scatter", "event_scatter", "program"]
    assert copies(body, 400) == []
    assert arithmetic(body, 400) == []


@needs_native
@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("batch", [None, 3])
def test_the_whole_update_has_only_the_count_of_spikes_besides(make, batch):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(make(500), batch_size=batch)
    body = loop_body(lambda: net.update(0.0 * u.ms) * 0)
    assert calls(body) == ["event_scatter", "event_scatter", "program"]
    assert copies(body, 400) == []


class DeltaNet(sl.nn.Module):
    def __init__(self, n=500):
        super().__init__()
        self.N = sl.LIFRef(n, tau=20.0 * u.ms, V_th=20.0 * u.mV, tau_ref=2.0 * u.ms)
        rule = sl.connect.FixedOutDegree
        self.E = sl.DeltaProj(comm=rule(10, 0.5 * u.mV, seed=1), pre=400, post=self.N)
        self.I = sl.DeltaProj(comm=rule(10, -2.5 * u.mV, seed=2), pre=100, post=self.N)

    def update(self):
        spikes = self.N.get_spike()
        self.E(spikes[..., :400])
        self.I(spikes[..., 400:])
        self.N(30.0 * u.mA)


@needs_native
@pytest.mark.parametrize("batch", [None, 3])
def test_a_network_of_delta_projections_is_updated_in_place(batch):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(DeltaNet(), batch_size=batch)
    body = loop_body(net.update)
    assert calls(body) == ["event_scatter", "event_scatter", "program"]
    assert copies(body, 400) == []
    assert arithmetic(body, 400) == []


class MixedNet(sl.nn.Module):
    """An adaptive model with receptors of several kinds, short-term plasticity and delays."""

    def __init__(self, n=500):
        super().__init__()
        self.N = sl.AdExIF(n)
        rule, g0 = sl.connect.FixedOutDegree, 0.0 * u.mS
        self.stp = sl.STP(n)
        self.ampa = sl.AlignPostProj(
            comm=rule(10, 0.1 * u.mS, delay=1.5 * u.ms, seed=1), pre=n, post=self.N,
            syn=sl.DualExpon.desc(n, g_initializer=g0), out=sl.COBA.desc(E=0.0 * u.mV),
        )  # fmt: skip
        self.nmda = sl.AlignPostProj(
            comm=rule(10, 0.1 * u.mS, seed=2), pre=n, post=self.N,
            syn=sl.Alpha.desc(n, g_initializer=g0), out=sl.MgBlock.desc(),
        )  # fmt: skip
        self.gaba = sl.AlignPostProj(
            comm=rule(10, 0.1 * u.mS, delay=sl.init.Uniform(0.5 * u.ms, 2.0 * u.ms), seed=3), pre=n, post=self.N,
            syn=sl.Expon.desc(n, g_initializer=g0), out=sl.COBA.desc(E=-80.0 * u.mV),
        )  # fmt: skip

    def update(self):
        spikes = self.N.get_spike()
        self.ampa(spikes)
        self.nmda(self.stp(spikes))
        self.gaba(spikes)
        self.N(30.0 * u.mA)


@needs_native
def test_receptors_plasticity_and_delays_of_all_kinds_are_native_calls_and_no_more():
    sl.environ.set(dt=0.1 * u.ms)
    body = loop_body(sl.nn.init_all_states(MixedNet()).update)
    assert calls(body) == [
        "event_collect",
        "event_relay",
        "event_scatter",
        "event_scatter",
        "program",
        "program",
    ]
    assert copies(body, 500) == []
    assert arithmetic(body, 500) == []


@needs_native
@pytest.mark.parametrize("make", [sl.LIF, sl.LIFRef, sl.IF])
@pytest.mark.parametrize("batch", [None, 3])
def test_neurons_alone_are_updated_in_place(make, batch):
    sl.environ.set(dt=0.1 * u.ms)
    neuron = sl.nn.init_all_states(make(500), batch_size=batch)

    def step():
        neuron(2.0 * u.mA)

    body = loop_body(step)
    assert calls(body) == ["program"]
    assert copies(body, 500) == []
    assert arithmetic(body, 500) == []


@needs_native
def test_a_population_of_two_axes_is_updated_in_place():
    sl.environ.set(dt=0.1 * u.ms)
    neuron = sl.nn.init_all_states(sl.LIFRef((20, 30)))

    def step():
        neuron(2.0 * u.mA)

    body = loop_body(step)
    assert calls(body) == ["program"]
    assert copies(body, 600) == []


@needs_native
def test_recording_spikes_costs_no_copy_of_a_state():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.networks.COBANetwork(500))
    body = loop_body(lambda: net.update(0.0 * u.ms))
    # what is recorded is written into the row of its step
    assert [line for line in copies(body, 400) if "f32[500]" in line] == []


def test_eager_and_compiled_steps_agree():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.networks.CUBANetwork(100, out_degree=5))
    start = {k: s.value for k, s in net.states().items()}
    for _ in range(5):
        net.update(0.0 * u.ms)
    eager = [np.asarray(x) for x in jax.tree.leaves({str(k): s.value for k, s in net.states().items()})]
    for k, s in net.states().items():
        s.value = start[k]
    sl.transform.for_loop(lambda: net.update(0.0 * u.ms), length=5)
    looped = jax.tree.leaves({str(k): s.value for k, s in net.states().items()})
    for a, b in zip(eager, looped, strict=True):
        assert np.array_equal(a, b)


def test_former_names_lead_to_the_networks():
    with pytest.warns(DeprecationWarning, match=r"networks.COBA is called networks.COBANetwork now"):
        assert sl.networks.COBA is sl.networks.COBANetwork
    assert not hasattr(sl.networks, "COBBA")
