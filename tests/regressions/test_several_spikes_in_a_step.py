"""Several spikes of one neuron in a step count wherever spikes go: synapses, delays, plasticity, recorders."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from brainunit import ms, mV
from spikeloop.kernels import _record

COUNTS = np.array([[0, 1, 2, 5], [3, 0, 0, 1], [0, 0, 0, 0], [0, 2, 0, 0], *np.zeros((6, 4), int)])
DTYPES = [np.float32, np.int32, np.uint8, np.float16]


@pytest.fixture(autouse=True)
def setting():
    sl.environ.set(dt=1 * ms)


def rule(**kwargs):
    return sl.connect.FixedOutDegree(3, weight=0.5 * mV, seed=0, **kwargs)


def arrived(delay=None, own=None, dtype=np.float32, native=True):
    """What arrives in each step at integrators without leak, all of it."""
    neuron = sl.LIF(6, tau=1e9 * ms, V_th=1e6 * mV, V_rest=0 * mV)
    proj = sl.DeltaProj(comm=rule(**({} if own is None else {"delay": own})), pre=4, post=neuron, delay=delay)
    sl.nn.init_all_states(sl.nn.Sequential(proj, neuron))

    def step(spikes):
        proj(spikes)
        neuron()
        return neuron.V.value

    V = sl.transform.for_loop(step, jnp.asarray(COUNTS, dtype))
    return np.diff(np.asarray(V.to_decimal(mV)), axis=0, prepend=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [{}, {"delay": 2 * ms}, {"own": 3 * ms}, {"own": np.arange(1, 13) % 4 * ms + 1 * ms}])
def test_synapses_deliver_each_spike(given, dtype):
    one = np.eye(4)
    weights = np.asarray((one @ rule()(4, 6)).to_decimal(mV))
    found = arrived(**given, dtype=dtype)
    np.testing.assert_allclose(found.sum(0), COUNTS.sum(0) @ weights, rtol=1e-4)
    if not given:
        np.testing.assert_allclose(found, COUNTS @ weights, atol=1e-4)


def one_by_one(model, counts):
    """Releases, where each of the spikes of a step gets a step of its own that takes no time."""
    sl.nn.init_all_states(model)
    out = []
    for row in counts:
        total = np.zeros(len(row))
        for k in range(max(1, row.max())):
            with sl.environ.context(dt=(1 if k == 0 else 1e-9) * ms):
                total = total + np.asarray(model(jnp.asarray(row > k, sl.environ.dftype())))
        out.append(total)
    return np.array(out)


def short_term(name, U, **attributes):
    base = getattr(sl, name)
    return (type(f"Own{name}", (base,), attributes) if attributes else base)(9, U=U)


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize(("name", "U"), [("STP", 0.3), ("STP", 1.0), ("STP", 1e-3), ("STD", 0.3), ("STD", 0.0)])
def test_short_term_plasticity_takes_one_spike_after_the_other(name, U, precision):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (15, 9)) * rng.integers(0, 2, (15, 9))
    tolerance = {"rtol": 3e-5 if precision == 32 else 1e-6, "atol": 1e-6}
    with sl.environ.context(precision=precision):
        expected = one_by_one(short_term(name, U), counts)
        for model in (short_term(name, U), short_term(name, U, kernel=None)):  # native, and by JAX
            sl.nn.init_all_states(model)
            found = np.asarray(sl.transform.for_loop(model, jnp.asarray(counts)))
            np.testing.assert_allclose(found, expected, **tolerance)
            assert (model.x.value >= -1e-6).all()


def test_short_term_plasticity_keeps_its_gradients():
    make = sl.nn.init_all_states(sl.STP(3, U=1.0))

    def loss(s):
        sl.nn.init_all_states(make)
        return sum((make(x)).sum() for x in s)

    s = jnp.array([[1.0, 0.0, 2.0], [0.5, 3.0, 1.0]])
    assert np.isfinite(np.asarray(jax.tree.leaves(sl.transform.grad(loss, argnums=0)(s))[0])).all()


@pytest.mark.parametrize("delay", [None, 2 * ms])
@pytest.mark.parametrize("pairs", ["all", "nearest"])
def test_learning_counts_each_spike(pairs, delay):
    """Additive STDP: two spikes of a source in a step change the weight as much as two sources with one each."""

    def weights(counts, n):
        neuron = sl.LIF(1, tau=5 * ms, V_th=1 * mV, V_rest=0 * mV, V_reset=0 * mV)
        rule = sl.plasticity.STDP(A_plus=0.01, A_minus=0.01, w_max=100 * mV, pairs=pairs)
        comm = sl.connect.AllToAll(weight=50 * mV)
        proj = sl.DeltaProj(comm=comm, pre=n, post=neuron, plasticity=rule, delay=delay)
        sl.nn.init_all_states(sl.nn.Sequential(proj, neuron))

        def step(spikes, current):
            proj(spikes)
            return neuron(current)

        drive = jnp.zeros((len(counts), 1)).at[4::7].set(1e3) * u.mA
        sl.transform.for_loop(step, jnp.asarray(counts, jnp.float32), drive)
        return np.asarray(proj.comm.weight.value.to_decimal(mV)).ravel() - 50, np.asarray(rule_trace(rule))

    def rule_trace(rule):
        return rule.x.value

    one = np.zeros((30, 1), int)
    one[[2, 9, 16]] = 1
    (change, x), (twice, x_twice) = weights(one, 1), weights(2 * one, 1)
    assert abs(change[0]) > 1e-3
    if pairs == "all":
        np.testing.assert_allclose(x_twice, 2 * x, rtol=1e-5)
        np.testing.assert_allclose(twice, 2 * change, rtol=0.05)
    else:
        np.testing.assert_allclose(x_twice, x, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_recorders_count(dtype):
    source = sl.PoissonSpike(4, 1 * u.Hz)
    rate, events = sl.record.Rate(source, groups={"a": slice(0, 2), "b": slice(2, 4)}), sl.record.Events(source, 30)

    def step(spikes):
        events(spikes)
        return rate(spikes)

    rows = sl.transform.for_loop(step, jnp.asarray(COUNTS, dtype))
    np.testing.assert_array_equal(rate.read(rows).counts, COUNTS.reshape(-1, 2, 2).sum(-1))
    found = events.read()
    np.testing.assert_array_equal(found.counts, COUNTS.sum(0))
    np.testing.assert_array_equal(
        found.steps, np.repeat(*np.array([(k, n) for k, row in enumerate(COUNTS) for n in row]).T)
    )


def test_a_list_of_events_that_is_full_tells_how_many_there_were():
    source = sl.PoissonSpike(4, 1 * u.Hz)
    events = sl.record.Events(source, int(COUNTS.sum()) - 1)
    sl.transform.for_loop(events, jnp.asarray(COUNTS, jnp.float32))
    with pytest.raises(sl.record.Overflow, match=f"there were {COUNTS.sum()}"):
        events.read()


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_refuse_counts(dtype):
    spikes = sl.record.Spikes(sl.PoissonSpike(4, 1 * u.Hz))
    with pytest.raises(sl.record.Overflow, match=r"in 3 steps a neuron spiked several times. Write record.Events"):
        spikes.read(sl.transform.for_loop(spikes, jnp.asarray(COUNTS, dtype)))
    few = jnp.asarray(COUNTS > 1, dtype)
    np.testing.assert_array_equal(spikes.read(sl.transform.for_loop(spikes, few)).to_array(), COUNTS > 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_native_records_are_those_of_the_reference(dtype, native):
    with sl.environ.context(precision=64):
        values = np.random.default_rng(3).choice([0, 0, 0, 1, 0.5, 2, 7.9, -3, np.nan, np.inf], (5, 101))
        spikes = jnp.asarray(values, dtype)
        groups = ((0, 101), (3, 90), (7, 7))
        np.testing.assert_array_equal(
            jax.jit(lambda s: _record.count(s, groups))(spikes), _record._count_reference(spikes, groups=groups)[0]
        )
        finite = jnp.where(jnp.isinf(spikes), 0, spikes)[:1]
        clock, events = jnp.array([[3, 5]], jnp.int32), jnp.full((1, 90, 2), -1, jnp.int32)
        found = jax.jit(_record.append)(finite, clock, events)
        for a, b in zip(found, _record._append_reference(finite, clock, events), strict=True):
            np.testing.assert_array_equal(a, b)
