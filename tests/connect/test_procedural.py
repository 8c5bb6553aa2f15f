"""Procedural connections deliver what stored ones of the same rule and seed do, and refuse rules they cannot draw."""

import os
import subprocess
import sys

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from spikeloop import connect, init
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import AllToAll, Connection, FixedOutDegree, FixedProb, OneToOne, Procedural

DRAWS = [0.7, init.Uniform(0.5, 1.5), init.Normal(1.0, 0.2), init.LogNormal(1.0, 0.5), init.Exponential(2.0),
         init.TruncatedNormal(1.0, 0.5, low=0.0), init.Clipped(init.Normal(1.0, 1.0), 0.0, 2.0)]  # fmt: skip
RULES = {
    "one_to_one": lambda w, **o: OneToOne(w, **o),
    "all_to_all": lambda w, **o: AllToAll(w, **o),
    "without_autapses": lambda w, **o: AllToAll(w, autapses=False, **o),
    "prob": lambda w, **o: FixedProb(0.2, w, autapses=False, **o),
    "degree": lambda w, **o: FixedOutDegree(7, w, **o),
    "distinct": lambda w, **o: FixedOutDegree(7, w, multapses=False, autapses=False, **o),
}


def numbers(x):
    return np.asarray(u.get_mantissa(x))


def pair(rule, n_pre, n_post):
    return Procedural(rule)(n_pre, n_post), rule(n_pre, n_post)


def spikes(*shape, seed=0, graded=False):
    rng = np.random.default_rng(seed)
    s = rng.random(shape) < 0.4
    return jnp.asarray(s * rng.normal(size=shape) if graded else s)


def dense(connection):
    """The matrix of weights."""
    edges = connection.to_coo()
    matrix = np.zeros((connection.n_pre, connection.n_post))
    np.add.at(matrix, (edges.sources, edges.targets), np.asarray(edges.weight))
    return matrix


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("rule", RULES)
def test_equals_the_stored_connection_to_the_bit(rule, precision):
    sl.environ.set(precision=precision)
    for weight in (0.7, DRAWS[2]):
        ours, wanted = pair(RULES[rule](weight, seed=2**63 + 5), 67, 67)
        for given_spikes in (spikes(67), spikes(67, graded=True), spikes(2, 3, 67), spikes(67).astype(int)):
            assert np.array_equal(ours(given_spikes), wanted(given_spikes))
        assert np.array_equal(ours.stored().indices, wanted.indices)
        assert np.array_equal(ours.stored().weight.value, wanted.weight.value)
        assert np.array_equal(spikes(67) @ ours, wanted(spikes(67)))


@pytest.mark.parametrize("weight", DRAWS)
def test_every_distribution_of_weights(weight):
    ours, wanted = pair(FixedProb(0.1, weight, seed=4), 50, 133)
    assert np.array_equal(ours(spikes(50)), wanted(spikes(50)))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(n_pre=st.integers(4, 90), n_post=st.integers(4, 90), seed=st.integers(0, 2**64 - 1), graded=st.booleans())
def test_any_size_and_seed(n_pre, n_post, seed, graded):
    for rule in (FixedProb(0.5, 1.5, seed=seed), FixedOutDegree(3, init.Uniform(0.0, 1.0), seed=seed)):
        ours, wanted = pair(rule, n_pre, n_post)
        s = spikes(n_pre, seed=seed % 97, graded=graded)
        assert np.array_equal(ours(s), wanted(s))


def test_more_than_65536_targets_and_no_spike_at_all():
    ours, wanted = pair(FixedOutDegree(100, init.Normal(1.0, 0.1), seed=1), 40, 70_001)
    assert np.array_equal(ours(spikes(40)), wanted(spikes(40)))
    assert not np.any(ours(jnp.zeros(40)))


def test_threads_do_not_change_a_bit():
    s = spikes(3_001)
    before, results = sl.get_num_threads(), []
    rules = [FixedOutDegree(100, 0.1, seed=3), FixedProb(0.03, init.Normal(1.0, 0.2), seed=3)]
    connections = [pair(rule, 3_001, 2_999) for rule in rules]
    try:
        for n in (1, 2, 3):
            sl.set_num_threads(n)
            for ours, wanted in connections:
                loss = lambda x, ours=ours: (ours(x) ** 2).sum()  # noqa: E731
                results.append((ours(s), jax.grad(loss)(s.astype(jnp.float32))))
                assert np.array_equal(results[-1][0], wanted(s))
    finally:
        sl.set_num_threads(before)
    for one, two, three in zip(results[:2], results[2:4], results[4:], strict=True):
        assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(one, two, three, strict=True))


@pytest.mark.parametrize("weight", [0.7, DRAWS[2]])
@pytest.mark.parametrize("rule", ["without_autapses", "prob", "degree"])
def test_gradients_are_those_of_the_dense_product(rule, weight):
    sl.environ.set(precision=64)
    ours, wanted = pair(RULES[rule](weight, seed=6), 31, 31)
    matrix = dense(wanted) / ours.weight.value
    s, t = spikes(4, 31, graded=True), spikes(4, 31, seed=1, graded=True)

    def added(s, w, t):
        return t + ours.undelayed(s, w)

    def through(run):
        return jax.jit(jax.value_and_grad(lambda *a: jnp.sin(run(*a)).sum(), (0, 1, 2)))(s, jnp.ones(1) * 1.3, t)

    # 1e-12: sums of some tens of numbers of size 1
    for a, b in zip(*(jax.tree.leaves(through(f)) for f in (added, lambda s, w, t: t + s @ (w * matrix))),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    check_grads(lambda *a: jnp.sin(added(*a)), (s[0], jnp.ones(1), t[0]), order=2, modes=("fwd", "rev"))


def test_the_gradient_reaches_the_weight_of_a_model():
    connection = Procedural(FixedProb(0.3, 2.0, seed=1))(20, 20)
    s = spikes(20)
    grads = sl.transform.grad(lambda: (connection(s) ** 2).sum(), connection.states(sl.ParamState))()
    (ours,) = jax.tree.leaves(grads)
    sums = numbers(connection(s)) / 2.0
    np.testing.assert_allclose(ours, 4.0 * (sums**2).sum(), rtol=1e-5)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, 1)])
def test_vmap(axes):
    ours, wanted = pair(FixedOutDegree(5, DRAWS[2], seed=1), 20, 30)
    values = [spikes(20, graded=True).astype(jnp.float32), jnp.ones(30)]
    args = [x if a is None else jnp.stack([x * k for k in range(4)], a) for x, a in zip(values, axes, strict=True)]
    results = [
        (jax.vmap(c.add_into, axes)(*args),
         jax.vmap(jax.grad(lambda s, t, c=c: (c.add_into(s, t) ** 2).sum()), axes)(*args))
        for c in (ours, wanted)
    ]  # fmt: skip
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def network(comm, batch):
    post = sl.LIF(23, V_th=1e3 * u.mV)
    proj = sl.AlignPostProj(comm=comm, syn=sl.Expon.desc(23, tau=5.0 * u.ms), out=sl.CUBA.desc(), post=post, pre=19)
    sl.nn.init_all_states(proj, batch_size=batch)
    sl.nn.init_all_states(post, batch_size=batch)
    train = spikes(40, *(() if batch is None else (batch,)), 19)

    def step(s):
        proj(s)
        post(0.0 * u.mA)
        return post.V.value

    return numbers(sl.transform.for_loop(step, train))


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("delay", [None, 0.7 * u.ms, init.Uniform(0.3 * u.ms, 2.0 * u.ms)])
def test_projections_with_any_delay(delay, batch):
    sl.environ.set(dt=0.1 * u.ms)
    rule = FixedProb(0.4, init.Normal(1.0 * u.mS, 0.2 * u.mS), delay=delay, seed=5)
    ours, wanted = network(Procedural(rule), batch), network(rule, batch)
    assert np.ptp(wanted) > 0
    assert np.array_equal(ours, wanted)


def test_delta_projections_and_a_delay_of_the_projection():
    sl.environ.set(dt=0.1 * u.ms)
    results = []
    for wrap in (Procedural, lambda rule: rule):
        post = sl.LIF(23, V_th=1e3 * u.mV)
        proj = sl.DeltaProj(comm=wrap(FixedOutDegree(4, 0.5 * u.mV, seed=2)), post=post, pre=19, delay=0.4 * u.ms)
        sl.nn.init_all_states(proj)
        sl.nn.init_all_states(post)
        results.append(sl.transform.for_loop(lambda s: (proj(s), post(0.0 * u.mA), post.V.value)[2], spikes(30, 19)))
    assert np.array_equal(*map(numbers, results))


def test_what_it_says_of_itself():
    connection = Procedural(FixedProb(0.1, 2.0 * u.nS, seed=8))(100, (5, 20))
    text = repr(connection.describe())
    assert "100 → 5 × 20" in text
    assert "about 1,000, drawn by FixedProb(0.1) from the seed 8" in text
    assert "nothing is stored; 2 kB would be" in text
    assert isinstance(connection.stored(), Connection)
    assert repr(Procedural(AllToAll(1.0))) == "Procedural(AllToAll())"
    fresh = Procedural(FixedProb(0.1, 1.0))(100, 100)
    assert np.array_equal(fresh(spikes(100)), fresh.stored()(spikes(100)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Procedural(connect.FixedInDegree(3, 1.0)), TypeError, r"FixedInDegree\(3\).*Use FixedOutDegree"),
        (lambda: Procedural(connect.FixedTotalNumber(3, 1.0)), TypeError, r"FixedTotalNumber\(3\).*Use FixedProb"),
        (lambda: Procedural(connect.SmallWorld(2, 0.1, 1.0)), TypeError, "Use SmallWorld without Procedural"),
        (lambda: Procedural(0.5), TypeError, "takes a rule of connect"),
        (lambda: Procedural(Procedural(OneToOne(1.0))), TypeError, "takes a rule of connect"),
        (lambda: Procedural(FixedProb(0.5, np.ones(9)))(5, 5), ShapeError, "weight must be one number"),
        (lambda: Procedural(FixedProb(0.5, init.KaimingNormal()))(5, 5), TypeError, "cannot be drawn one by one"),
        (lambda: Procedural(FixedProb(0.5, 1.0, delay=np.ones(9, int)))(5, 5), ShapeError, "delay must be one time"),
        (lambda: Procedural(FixedOutDegree(9, 1.0, multapses=False))(5, 5), ValueError, "9 distinct targets"),
        (lambda: Procedural(OneToOne(1.0))(5, 6), ValueError, "populations of one size"),
    ],
)
def test_bad_input(make, error, message):
    sl.environ.set(dt=0.1 * u.ms)
    with pytest.raises(error, match=message):
        make()


def test_units_and_shapes_are_checked_at_the_call():
    connection = Procedural(FixedProb(0.5, 1.0 * u.nS, seed=1))(5, 6)
    with pytest.raises(UnitError, match="ProceduralConnection.weight is in nS"):
        connection.add_into(jnp.ones(5), jnp.zeros(6) * u.mV)
    with pytest.raises(ShapeError, match="spikes of 5 sources"):
        connection(jnp.ones(4))
    out = connection.add_into(jnp.ones(5), jnp.zeros(6) * u.uS)
    np.testing.assert_allclose(numbers(out), numbers(connection(jnp.ones(5))) * 1e-3, rtol=1e-6)


FALLBACK = """
import warnings, jax, jax.numpy as jnp, numpy as np
from spikeloop import connect, init
ours = connect.Procedural(connect.FixedProb(0.3, init.Normal(1.0, 0.2), seed=1))(20, 30)
s = jnp.asarray(np.arange(20) % 3 == 0, jnp.float32)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    out, grad = ours(s), jax.grad(lambda s: (ours(s) ** 2).sum())(s)
    ours(s)
names = sorted(str(w.message).split("'")[1] for w in told if "runs as its JAX reference" in str(w.message))
assert names == ["procedural_gather", "procedural_scatter"], names
np.savez(OUT, out=out, grad=grad)
"""


def test_without_the_library_it_runs_along_stored_synapses(tmp_path):
    file = tmp_path / "out.npz"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "SPIKELOOP_NATIVE": "0"}
    program = f"OUT = {str(file)!r}\n{FALLBACK}"
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    saved = np.load(file)
    ours = Procedural(FixedProb(0.3, DRAWS[2], seed=1))(20, 30)
    s = jnp.asarray(np.arange(20) % 3 == 0, jnp.float32)
    np.testing.assert_allclose(saved["out"], ours(s), rtol=1e-6)
    np.testing.assert_allclose(saved["grad"], jax.grad(lambda s: (ours(s) ** 2).sum())(s), rtol=1e-6)
