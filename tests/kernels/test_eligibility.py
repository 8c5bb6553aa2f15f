"""The kernels that settle rows and credit columns against their references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.connect import Connection
from spikeloop.kernels._eligibility import (
    Elapsed,
    credit_columns,
    credit_reference,
    walk_reference,
    walk_rows,
)
from spikeloop.plasticity._columns import columns_of


@pytest.fixture(autouse=True)
def double(native):
    sl.environ.set(precision=64)


class Case:
    """Random synapses and operands; `fixed`: rows of one length, without indptr."""

    def __init__(self, n_pre=13, n_post=9, fixed=None, dtype=np.float64, wide=False):
        rng = np.random.default_rng(0)
        lengths = rng.integers(0, 7, n_pre) if fixed is None else np.full(n_pre, fixed)
        nnz = int(lengths.sum())
        indptr = np.append(0, lengths.cumsum()) if fixed is None else np.zeros(0, int)
        connection = Connection(rng.integers(0, n_post, nnz), indptr, 1.0, n_pre, n_post)
        draw = lambda n, low=-1.0: jnp.asarray(rng.uniform(low, 1, n), dtype)  # noqa: E731
        self.events = jnp.asarray(rng.random(n_pre) < 0.6, dtype)
        self.elapsed = Elapsed(draw(n_pre, 0), draw(n_pre))
        self.spikes, self.a = draw(n_pre), draw(n_post)
        self.bounds = jnp.asarray([-0.5, 0.5], dtype)
        self.indices, self.indptr = connection.indices, connection.indptr
        self.synapses = draw(nnz), draw(nnz)
        self.r = draw(n_post) * (rng.random(n_post) < 0.6)
        self.b, self.gain = draw(n_pre), self.elapsed.gain
        self.columns = columns_of(connection, 0) if wide else columns_of(connection)

    def settle(self, **other):
        c = {**vars(self), **other}
        return walk_rows(
            *(c[k] for k in ("events", "elapsed", "spikes", "a", "bounds", "indices", "indptr", "synapses"))
        )

    def credit(self, **other):
        c = {**vars(self), **other}
        return credit_columns(*(c[k] for k in ("r", "b", "gain", "columns", "indptr", "synapses")))

    def by_reference(self):
        rows = self.bounds, self.indices, self.indptr
        *columns, shift = self.columns
        return (
            walk_reference(self.events, *self.elapsed, self.spikes, self.a, *rows, *self.synapses),
            credit_reference(self.r, self.b, self.gain, *columns, self.indptr, *self.synapses, shift=shift),
        )


def assert_close(ours, wanted, dtype, tolerance):
    for a, b in zip(ours, wanted, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_pre", "n_post", "fixed"), [(13, 9, None), (13, 9, 3), (1, 1, 1), (0, 3, None), (5, 5, 0)])
@pytest.mark.parametrize("wide", [False, True])
def test_native_equals_reference(dtype, n_pre, n_post, fixed, wide):
    c = Case(n_pre, n_post, fixed, dtype, wide)
    for run, wanted in zip((c.settle, c.credit), c.by_reference(), strict=True):
        ours = jax.jit(run)()
        assert_close(ours, wanted, dtype, 8 * np.finfo(dtype).eps)
        if n_pre == 13:
            assert all(np.any(x != old) for x, old in zip(ours, c.synapses, strict=True))


def test_a_dense_loop_says_the_same():
    c = Case()
    (w, e), indptr = (np.array(x) for x in c.synapses), np.asarray(c.indptr)
    for i in range(13):
        for k in range(indptr[i], indptr[i + 1]):
            j = int(c.indices[k])
            e[k] += c.r[j] * c.b[i]
            w[k] -= c.gain[i] * c.r[j] * c.b[i]
            if c.events[i] != 0:
                w[k] = np.clip(w[k] + c.gain[i] * e[k], -0.5, 0.5)
                e[k] = c.elapsed.left[i] * e[k] + c.spikes[i] * c.a[j]
    ours = c.settle(synapses=c.credit())
    np.testing.assert_allclose(ours, [w, e], rtol=0, atol=1e-15)


def test_other_precisions_run_by_the_reference():
    c = Case(dtype=np.float16)
    for run, wanted in zip((c.settle, c.credit), c.by_reference(), strict=True):
        assert_close(run(), wanted, np.float16, 1e-2)


def test_any_number_of_threads_gives_the_same_bits():
    c = Case(700, 650, 400, np.float32)
    results, before = [], sl.get_num_threads()
    for threads in (1, 3):
        sl.set_num_threads(threads)
        results.append(np.asarray(c.settle(synapses=c.credit())))
    sl.set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_events_may_be_bool_and_lanes_go_one_by_one():
    c = Case()
    np.testing.assert_array_equal(c.settle(events=c.events != 0), c.settle())
    r = c.r != 0
    np.testing.assert_array_equal(c.credit(r=r), c.credit(r=r.astype(float)))
    events = jnp.stack([c.events, 1 - c.events])
    ours = jax.vmap(lambda events: c.settle(events=events))(events)
    for k in range(2):
        np.testing.assert_array_equal([x[k] for x in ours], c.settle(events=events[k]))


def test_gradients():
    c = Case()
    free = jnp.asarray([-9.0, 9.0])

    def both(left, gain, s, a, b, w, e):
        synapses = c.credit(b=b, gain=gain, synapses=(w, e))
        return c.settle(elapsed=Elapsed(left, gain), spikes=s, a=a, synapses=synapses, bounds=free)

    values = (*c.elapsed, c.spikes, c.a, c.b, *c.synapses)
    check_grads(both, values, order=1, atol=1e-4, rtol=1e-4)


@pytest.mark.cpu  # a GPU leaves out what is out of range
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda c: {"a": c.a[:2]}, "holds . at place ., which is out of range for 2 targets"),
        (lambda c: {"synapses": (c.synapses[0][1:], c.synapses[1])}, "'weight' has"),
        (lambda c: {"synapses": (c.synapses[0], c.synapses[1][1:])}, "'eligibility' has"),
        (lambda c: {"elapsed": c.elapsed._replace(gain=c.elapsed.gain[1:])}, "'gain' has 12 elements, expected 13"),
        (lambda c: {"spikes": c.spikes[1:]}, "'spikes' has 12 elements, expected 13"),
        (lambda c: {"bounds": c.bounds[:1]}, "'bounds' has 1 elements, expected 2"),
        (lambda c: {"indptr": c.indptr.at[4].set(1000)}, "lets row . go from 1. to 1000, which does not fit"),
        (lambda c: {"a": c.a.astype(jnp.float32)}, "operand 'coefficient' is float32, expected float64"),
    ],
)
def test_bad_operands_of_rows_are_errors(other, message):
    c = Case()
    with pytest.raises(Exception, match=message):
        jax.block_until_ready(c.settle(events=jnp.ones_like(c.events), **other(c)))


@pytest.mark.cpu  # a GPU leaves out what is out of range
@pytest.mark.parametrize("wide", [False, True])
def test_bad_operands_of_columns_are_errors(wide):
    c = Case(wide=wide)
    r, (w, e), columns = jnp.ones_like(c.r), c.synapses, c.columns
    for other, message in [
        ({"synapses": (w[1:], e)}, "'weight' has"),
        ({"synapses": (w, e[1:])}, "'eligibility' has"),
        ({"gain": c.gain[1:]}, "'gain' has 12 elements, expected 13"),
        ({"columns": columns._replace(places=columns.places + 1000)}, "holds .* out of range"),
        ({"columns": columns._replace(ends=columns.ends[1:])}, "'ends' has 9 elements"),
        ({"columns": columns._replace(sources=columns.sources[:1])}, "'sources' has 1|holds .* out of range"),
        ({"columns": columns._replace(sources=jnp.float64(columns.sources))}, "'sources' is float64"),
    ]:
        with pytest.raises(Exception, match=message):
            jax.block_until_ready(c.credit(r=r, **other))
