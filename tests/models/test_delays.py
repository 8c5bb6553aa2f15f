"""Delays of projections: when input arrives, in every order of calls, and what gradients pass through them."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from delayed import EDGES, STEPS, N, Net, connection, dense, random_spikes, run
from hlo import arithmetic, calls, copies, loop_body
from spikeloop.connect import Connection, _stored
from spikeloop.kernels import _library

needs_native = pytest.mark.skipif(_library.native is None, reason="the native library is not built")


@pytest.fixture(params=["input ring", "spike queue"], autouse=True)
def queued(request, monkeypatch):
    """How input is held for synapses with a delay each; spikes of real rows are queued from 16 synapses a delay on."""
    is_queue = request.param == "spike queue"
    monkeypatch.setattr(_stored, "PIECE", 0 if is_queue else np.inf)
    return is_queue


@pytest.mark.parametrize("kind", ["delta", "synapse"])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("delay", "kwargs", "steps"), [("each", {}, STEPS), (3, {}, 3), (0, {}, 0),
                                                        (None, {"delay": 0.7 * u.ms}, 7),
                                                        (None, {"delay": 0.0 * u.ms}, 0)])  # fmt: skip
def test_input_arrives_after_its_delay_and_what_the_order_adds(kind, order, delay, kwargs, steps):
    spikes = random_spikes(60)
    late = 0 if order == "before" else 1
    wanted = dense(kind, spikes, steps, late=late)
    np.testing.assert_allclose(run(Net(kind, order, delay, **kwargs), spikes), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["delta", "synapse"])
@pytest.mark.parametrize(("delay", "kwargs", "steps"), [("each", {}, STEPS), (None, {"delay": 0.4 * u.ms}, 4)])
@pytest.mark.parametrize("dtype", [np.bool_, np.float32])
def test_batches(kind, delay, kwargs, steps, dtype):
    spikes = random_spikes(40, 3)
    ours = run(Net(kind, "before", delay, **kwargs), spikes.astype(dtype), batch_size=3)
    np.testing.assert_allclose(ours, dense(kind, spikes, steps), rtol=1e-4, atol=1e-5)


def test_graded_spikes():
    spikes = random_spikes(40) * np.random.default_rng(3).normal(size=(40, N)).astype(np.float32)
    for delay, kwargs, steps in (("each", {}, STEPS), (None, {"delay": 0.4 * u.ms}, 4)):
        ours = run(Net("delta", "before", delay, **kwargs), spikes)
        np.testing.assert_allclose(ours, dense("delta", spikes, steps), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("delay", ["each", 4])
def test_what_is_on_its_way_between_two_runs_is_not_lost_and_a_reset_drops_it(delay):
    spikes = random_spikes(40)
    whole = run(net := Net("synapse", "after", delay), spikes)
    first = run(net, spikes[:13])  # initialises again: nothing of the first run is left
    rest = sl.transform.for_loop(net.update, jnp.asarray(spikes[13:]))
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    batch = run(net, np.stack([spikes] * 2, 1), batch_size=2)  # another batch size
    np.testing.assert_array_equal(batch[:, 1], whole)
    np.testing.assert_array_equal(run(net, spikes), whole)


def test_jumps_of_a_model_that_takes_them_elsewhere_than_in_V():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.Module()
    net.N = sl.CubaLIF(N)
    unit = net.N.delta_unit
    now, late = (sl.DeltaProj(comm=connection(unit, d, 0.5), post=net.N) for d in (None, np.full(len(EDGES), 3)))
    net.projs = [now, late]
    traces = []
    for proj, start in ((now, 5), (late, 2)):
        sl.nn.init_all_states(net)
        V = []
        for k in range(12):
            proj(jnp.full(N, 1.0 * (k == start)))
            net.N()
            V.append(net.N.V.value.mantissa)
        traces.append(np.array(V))
    np.testing.assert_array_equal(*traces)
    assert np.ptp(traces[0], axis=0).max() > 0


def test_a_model_that_shares_jumps_out_takes_one_delay_only():
    with pytest.raises(TypeError, match=r"exc: IafPscExp divides delta input .* use AlignPostProj"):
        sl.DeltaProj(comm=connection(u.pA), post=sl.IafPscExp(N), label="exc")
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.Module()
    net.N = sl.IafPscExp(N)
    net.proj = sl.DeltaProj(comm=connection(u.pA, 3), post=net.N)
    net.each = sl.AlignPostProj(comm=connection(u.pA), post=net.N, **net.N.excitatory)
    sl.nn.init_all_states(net)
    seen = []
    for k in range(6):
        net.proj(jnp.full(N, 1.0 * (k == 0)))
        net.N()
        seen.append(bool(net.N.I_syn_ex.value.mantissa.any()))
    assert seen == [False, False, False, True, True, True]


def test_rows_in_any_order_give_the_same():
    spikes = random_spikes(40)
    sl.environ.set(dt=0.1 * u.ms)
    order = [EDGES[k] for k in (1, 0, 3, 2, 5, 4, 7, 6)]
    weight = np.array([2.0, 1, 4, 3, 6, 5, 8, 7])
    net = Net("delta")
    net.proj.comm = connection(u.mV, "each", weight, order)
    np.testing.assert_allclose(run(net, spikes), dense("delta", spikes, STEPS), rtol=1e-4, atol=1e-5)


class Several(sl.nn.Module):
    """A population that projects to itself, in parts and several times, into one receptor and by jumps."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIF(N, tau=20.0 * u.ms, V_th=4.0 * u.mV)
        syn, out = sl.Expon.desc(N, tau=5.0 * u.ms), sl.CUBA.desc()
        each = lambda comm: sl.AlignPostProj(comm=comm, syn=syn, out=out, post=self.N)  # noqa: E731
        self.a = each(connection(u.mS))
        self.b = each(Connection([1, 0], [0, 1, 2], 20.0 * u.mS, 2, N, delay=np.array([9, 4])))
        self.c = sl.AlignPostProj(comm=connection(u.mS, 2), syn=syn, out=out, post=self.N)
        self.d = sl.DeltaProj(comm=connection(u.mV, "each", 0.1), post=self.N)
        self.e = sl.DeltaProj(comm=connection(u.mV, None, 0.2), post=self.N, delay=0.6 * u.ms)

    def update(self, x):
        spikes = self.N.get_spike()
        self.a(spikes)
        self.b(spikes[..., 3:])
        self.c(spikes)
        self.d(spikes)
        self.e(spikes)
        return self.N(x * u.mA)


def test_several_projections_of_a_population_to_itself():
    sl.environ.set(dt=0.1 * u.ms, precision=64)
    net = sl.nn.init_all_states(Several())
    assert len(net.N.receptors) == 1
    assert net.N.receptors[0].input_ring.ring.value.shape == (10, N)
    x = np.random.default_rng(0).uniform(0, 300, (80, N))
    spikes = np.asarray(sl.transform.for_loop(net.update, jnp.asarray(x)))
    assert 10 < spikes.sum() < 300
    # the same from sums over synapses: what a spike of step n delivers is there in step n + 1 + its delay
    g, jump = np.zeros((120, N)), np.zeros((120, N))
    sources, targets, steps = np.array(EDGES).T
    V, level, last = np.zeros(N), np.zeros(N), np.zeros(N)
    for n in range(80):
        V = V - 4.0 * last
        level = level + g[n]
        V = (level + x[n]) + (V - level - x[n]) * np.exp(-0.1 / 20) + jump[n]
        level = level * np.exp(-0.1 / 5)
        last = (V >= 4.0).astype(float)
        np.testing.assert_array_equal(spikes[n], last)
        for k, (i, j, d) in enumerate(zip(sources, targets, steps, strict=True)):
            g[n + 1 + d, j] += (k + 1) * last[i]
            g[n + 3, j] += (k + 1) * last[i]
            jump[n + 1 + d, j] += 0.1 * last[i]
            jump[n + 7, j] += 0.2 * last[i]
        g[n + 10, 1] += 20 * last[3]
        g[n + 5, 0] += 20 * last[4]


@needs_native
@pytest.mark.parametrize("batch", [None, 3])
def test_rings_and_lists_are_updated_in_place(batch, queued):
    sl.environ.set(dt=0.1 * u.ms)
    n = 500

    class Large(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = sl.LIFRef(n, tau=20.0 * u.ms, V_th=20.0 * u.mV)
            rng = np.random.default_rng(0)
            rows = np.sort(rng.integers(0, n, (400, 10)), axis=1).ravel()
            timed = Connection(rows, [], 0.5 * u.mS, 400, n, delay=np.tile(np.arange(10), 400))
            self.E = sl.AlignPostProj(comm=timed, syn=sl.Expon.desc(n), out=sl.CUBA.desc(), post=self.N)
            rule = sl.connect.FixedOutDegree(10, -2.5 * u.mV, seed=2)
            self.I = sl.DeltaProj(comm=rule, pre=100, post=self.N, delay=0.8 * u.ms)

        def update(self):
            spikes = self.N.get_spike()
            self.E(spikes[..., :400])
            self.I(spikes[..., 400:])
            self.N(30.0 * u.mA)

    net = sl.nn.init_all_states(Large(), batch_size=batch)
    body = loop_body(net.update)
    each = (
        ["event_deliver", "event_enqueue", "event_relay"] if queued and not batch else ["event_relay", "event_scatter"]
    )
    assert calls(body) == ["event_collect", *each, "program"]
    assert copies(body, 100) == []
    assert arithmetic(body, 100) == []  # nor is a part of the population cut out


# --- derivatives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["delta", "synapse"])
@pytest.mark.parametrize(("delay", "kwargs", "steps"), [("each", {}, STEPS), (None, {"delay": 0.4 * u.ms}, 4)])
@pytest.mark.parametrize("weight", [None, 0.7])
def test_gradients_pass_the_delay(kind, delay, kwargs, steps, weight):
    sl.environ.set(dt=0.1 * u.ms, precision=64)
    net = Net(kind, "before", delay, **kwargs)
    unit = u.mV if kind == "delta" else u.mS
    net.proj.comm = connection(unit, delay, weight)
    rng = np.random.default_rng(0)
    spikes = jnp.asarray(rng.normal(size=(12, N)) * (rng.random((12, N)) < 0.4))
    cts = jnp.asarray(rng.normal(size=(12, N)))

    def loss(spikes):
        sl.nn.init_all_states(net)
        return (jnp.sin(sl.transform.for_loop(net.update, spikes)) * cts).sum()

    by_state, by_spikes = sl.transform.grad(loss, net.states(sl.ParamState), argnums=0)(spikes)
    (by_weight,) = jax.tree.leaves(by_state)

    def wanted(spikes, w):
        arriving = jnp.zeros((40, N))
        for k, ((i, j, _), d) in enumerate(zip(EDGES, np.broadcast_to(steps, len(EDGES)), strict=True)):
            arriving = arriving.at[d : d + 12, j].add(jnp.broadcast_to(w, len(EDGES))[k] * spikes[:, i])

        def step(carry, x):
            V, g = carry
            a, b = np.exp(-0.1 / 20), np.exp(-0.1 / 5)
            V, g = (V * a + x, g) if kind == "delta" else ((g + x) + (V - g - x) * a, (g + x) * b)
            return (V, g), V

        _, V = jax.lax.scan(step, (jnp.zeros(N), jnp.zeros(N)), arriving[:12])
        return (jnp.sin(V) * cts).sum()

    w = jnp.asarray(np.arange(1.0, len(EDGES) + 1) if weight is None else weight)
    for ours, dense_one in zip((by_spikes, by_weight), jax.grad(wanted, (0, 1))(spikes, w), strict=True):
        np.testing.assert_allclose(ours, dense_one, rtol=1e-10, atol=1e-10)


def test_lanes_of_vmap_have_rings_of_their_own():
    sl.environ.set(dt=0.1 * u.ms)
    spikes = random_spikes(20, 4)
    for delay in ("each", 3):
        net = Net("synapse", "before", delay)
        sl.nn.vmap_init_all_states(net, axis_size=4)
        states = list(net.states(sl.ShortTermState).values())
        step = sl.transform.vmap(net.update, in_states=states, out_states=states)
        lanes = np.asarray(sl.transform.for_loop(step, jnp.asarray(spikes)))
        for k in range(4):
            np.testing.assert_array_equal(lanes[:, k], run(Net("synapse", "before", delay), spikes[:, k]))
