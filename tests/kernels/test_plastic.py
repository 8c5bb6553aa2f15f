"""The two plastic kernels against their references, which a replay of spike trains checks in tests/plasticity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.connect import Connection
from spikeloop.kernels import _plastic
from spikeloop.kernels._plastic import Side, columns_p, rows_p, update_columns, update_rows
from spikeloop.plasticity._columns import columns_of

DEPENDENCES = [_plastic.ADDITIVE, _plastic.LINEAR, _plastic.POWER]


@pytest.fixture(autouse=True)
def double(native):
    sl.environ.set(precision=64)


class Case:
    """Random synapses, events and coefficients; `fixed`: rows of one length, without indptr."""

    def __init__(self, n_pre=13, n_post=9, fixed=None, dtype=np.float64, dependence=0, wide=False, seed=0):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, 7, n_pre) if fixed is None else np.full(n_pre, fixed)
        nnz = int(lengths.sum())
        indices = rng.integers(0, max(n_post, 1), nnz)  # several synapses of a pair are allowed
        indptr = np.append(0, lengths.cumsum()) if fixed is None else np.zeros(0, int)
        connection = Connection(indices, indptr, rng.uniform(-0.2, 1.2, nnz), n_pre, n_post)
        self.columns = columns_of(connection, 0) if wide else columns_of(connection)
        self.indices, self.indptr = connection.indices, connection.indptr
        self.weight = jnp.asarray(connection.weight.value, dtype).reshape(-1)
        self.a, self.b = (jnp.asarray(rng.normal(0, 0.3, n), dtype) for n in (n_post, n_pre))
        self.s, self.r = (jnp.asarray(rng.normal(size=n) * (rng.random(n) < 0.4), dtype) for n in (n_pre, n_post))
        self.law = jnp.asarray([0.0, 1.0, 0.0, 1.0, 0.4], dtype)
        self.down_law = jnp.asarray([0.0, 1.0, 1.0, -1.0, 0.6], dtype)
        self.dependence = dependence

    def rows(self, weight, a, s=None):
        events = self.s if s is None else s
        return update_rows(Side(events, a, self.law, self.dependence), self.indices, self.indptr, weight)

    def down(self, weight, b, r=None):
        events = self.r if r is None else r
        return update_columns(Side(events, b, self.down_law, self.dependence), self.columns, self.indptr, weight)

    def both(self, weight, a, b):
        return self.rows(self.down(weight, b), a)


def by_reference(fun, *args):
    """`fun` with the references in place of the kernels."""
    jaxpr = jax.make_jaxpr(fun)(*args)
    run = {kernel.primitive: kernel.reference for kernel in (rows_p, columns_p)}
    env = dict(zip(jaxpr.jaxpr.invars, args, strict=True)) | dict(zip(jaxpr.jaxpr.constvars, jaxpr.consts, strict=True))
    value = lambda v: v.val if hasattr(v, "val") else env[v]  # noqa: E731
    for eqn in jaxpr.jaxpr.eqns:
        inputs = [value(v) for v in eqn.invars]
        out = run[eqn.primitive](*inputs, **eqn.params) if eqn.primitive in run else eqn.primitive.bind(
            *inputs, **eqn.params)  # fmt: skip
        env.update(zip(eqn.outvars, out if isinstance(out, list) else [out], strict=True))
    return [env[v] for v in jaxpr.jaxpr.outvars]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dependence", DEPENDENCES)
@pytest.mark.parametrize(("n_pre", "n_post", "fixed"), [(13, 9, None), (13, 9, 3), (1, 1, 1), (0, 3, None), (5, 5, 0)])
@pytest.mark.parametrize("wide", [False, True])
def test_native_equals_reference(dtype, dependence, n_pre, n_post, fixed, wide):
    c = Case(n_pre, n_post, fixed, dtype, dependence, wide)
    (wanted,) = by_reference(c.both, c.weight, c.a, c.b)
    ours = jax.jit(c.both)(c.weight, c.a, c.b)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=8 * np.finfo(dtype).eps)
    if n_pre == 13:
        assert not np.array_equal(ours, c.weight)


def test_a_dense_loop_says_the_same():
    c = Case(dependence=_plastic.LINEAR)
    w, indptr = np.array(c.weight), np.asarray(c.indptr)
    for i in range(13):
        for k in range(indptr[i], indptr[i + 1]):
            j = int(c.indices[k])
            if c.r[j] != 0:
                w[k] = np.clip(w[k] + c.r[j] * c.b[i] * max(1 - w[k], 0), 0, 1)
            if c.s[i] != 0:
                w[k] = np.clip(w[k] + c.s[i] * c.a[j] * max(w[k], 0), 0, 1)
    np.testing.assert_allclose(c.both(c.weight, c.a, c.b), w, rtol=0, atol=1e-15)


def test_events_may_be_bool():
    c = Case()
    s, r = c.s != 0, c.r != 0
    np.testing.assert_array_equal(c.rows(c.weight, c.a, s), c.rows(c.weight, c.a, s.astype(float)))
    np.testing.assert_array_equal(c.down(c.weight, c.b, r), c.down(c.weight, c.b, r.astype(float)))


def test_any_number_of_threads_gives_the_same_bits():
    c = Case(700, 650, 400, np.float32, _plastic.POWER)
    c.s, c.r = jnp.ones_like(c.s), jnp.ones_like(c.r)
    results, before = [], sl.get_num_threads()
    for threads in (1, 3):
        sl.set_num_threads(threads)
        results.append(np.asarray(c.both(c.weight, c.a, c.b)))
    sl.set_num_threads(before)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_gradients(dependence):
    c = Case(dependence=dependence)
    weight = jnp.clip(c.weight, 0.3, 0.7)
    check_grads(lambda w, a, b: jnp.sin(c.both(w, 0.1 * a, 0.1 * b)), (weight, c.a, c.b), order=1, atol=1e-4, rtol=1e-4)


def test_vmap_over_weights_events_and_coefficients():
    c = Case()
    weights, events = jnp.stack([c.weight, 0.5 * c.weight]), jnp.stack([c.s, jnp.roll(c.s, 1)])
    ours = jax.vmap(lambda w, s: c.rows(w, c.a, s))(weights, events)
    wanted = jnp.stack([c.rows(w, c.a, s) for w, s in zip(weights, events, strict=True)])
    np.testing.assert_array_equal(ours, wanted)
    down = jax.vmap(c.down, (None, 0))(c.weight, jnp.stack([c.b, 2 * c.b]))
    np.testing.assert_array_equal(down[1], c.down(c.weight, 2 * c.b))


@pytest.mark.cpu  # a GPU leaves out what is out of range
@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c: setattr(c, "a", c.a[:2]), "holds . at place ., which is out of range for 2 targets"),
        (lambda c: setattr(c, "weight", c.weight[1:]), "'weight' has"),
        (lambda c: setattr(c, "indptr", c.indptr.at[4].set(1000)), "lets row . go from 1. to 1000, which does not fit"),
        (lambda c: setattr(c, "law", c.law[:4]), "'law' has 4 elements, expected 5"),
        (lambda c: setattr(c, "dependence", 7), "no dependence on the weight has the code 7"),
        (lambda c: setattr(c, "law", c.law.astype(jnp.float32)), "operand 'law' is float32, expected float64"),
    ],
)
def test_bad_operands_of_rows_are_errors(break_it, message):
    c = Case(fixed=None)
    c.s = jnp.ones_like(c.s)
    break_it(c)
    with pytest.raises(Exception, match=message):
        jax.block_until_ready(c.rows(c.weight, c.a))


@pytest.mark.cpu  # a GPU leaves out what is out of range
@pytest.mark.parametrize("wide", [False, True])
def test_bad_operands_of_columns_are_errors(wide):
    c = Case(wide=wide)
    c.r = jnp.ones_like(c.r)
    places = c.columns.places
    for columns, b, message in [
        (c.columns._replace(places=places + 1000), c.b, "holds .* out of range"),
        (c.columns, c.b[:3], "holds .* out of range for 3|'indptr' has"),
        (c.columns._replace(ends=c.columns.ends[1:]), c.b, "'ends' has 9 elements"),
        (c.columns._replace(sources=c.columns.sources[:1]), c.b, "'sources' has 1|holds .* out of range"),
    ]:
        c.columns = columns
        with pytest.raises(Exception, match=message):
            jax.block_until_ready(c.down(c.weight, b))
