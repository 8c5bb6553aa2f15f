"""The kernel that settles rows against its reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.connect import Connection
from spikeloop.kernels._eligibility import Elapsed, _reference, settle_rows


@pytest.fixture(autouse=True)
def double(native):
    sl.environ.set(precision=64)


class Case:
    """Random synapses and operands; `fixed`: rows of one length, without indptr."""

    def __init__(self, n_pre=13, n_post=9, fixed=None, dtype=np.float64):
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

    def operands(self):
        return (self.events, *self.elapsed, self.spikes, self.a, self.bounds, self.indices, self.indptr, *self.synapses)

    def settle(self, **other):
        c = {**vars(self), **other}
        return settle_rows(
            *(c[k] for k in ("events", "elapsed", "spikes", "a", "bounds", "indices", "indptr", "synapses"))
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_pre", "n_post", "fixed"), [(13, 9, None), (13, 9, 3), (1, 1, 1), (0, 3, None), (5, 5, 0)])
def test_native_equals_reference(dtype, n_pre, n_post, fixed):
    c = Case(n_pre, n_post, fixed, dtype)
    for ours, wanted in zip(jax.jit(c.settle)(), _reference(*c.operands()), strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=8 * np.finfo(dtype).eps)
    if n_pre == 13:
        assert np.any(ours != c.synapses[1])


def test_other_precisions_run_by_the_reference():
    c = Case(dtype=np.float16)
    for ours, wanted in zip(c.settle(), _reference(*c.operands()), strict=True):
        assert ours.dtype == np.float16
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-2)


def test_any_number_of_threads_gives_the_same_bits():
    c = Case(700, 650, 400, np.float32)
    results, before = [], sl.get_num_threads()
    for threads in (1, 3):
        sl.set_num_threads(threads)
        results.append(np.asarray(c.settle()))
    sl.set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_events_may_be_bool_and_lanes_go_one_by_one():
    c = Case()
    np.testing.assert_array_equal(c.settle(events=c.events != 0), c.settle())
    events = jnp.stack([c.events, 1 - c.events])
    ours = jax.vmap(lambda events: c.settle(events=events))(events)
    for k in range(2):
        np.testing.assert_array_equal([x[k] for x in ours], c.settle(events=events[k]))


def test_gradients():
    c = Case()
    free = jnp.asarray([-9.0, 9.0])

    def settle(left, gain, s, a, w, e):
        return c.settle(elapsed=Elapsed(left, gain), spikes=s, a=a, synapses=(w, e), bounds=free)

    values = (*c.elapsed, c.spikes, c.a, *c.synapses)
    check_grads(settle, values, order=1, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda c: {"a": c.a[:2]}, "index . out of range for 2 targets"),
        (lambda c: {"synapses": (c.synapses[0][1:], c.synapses[1])}, "'weight' has"),
        (lambda c: {"synapses": (c.synapses[0], c.synapses[1][1:])}, "'eligibility' has"),
        (lambda c: {"elapsed": c.elapsed._replace(gain=c.elapsed.gain[1:])}, "'gain' has 12 elements, expected 13"),
        (lambda c: {"spikes": c.spikes[1:]}, "'spikes' has 12 elements, expected 13"),
        (lambda c: {"bounds": c.bounds[:1]}, "'bounds' has 1 elements, expected 2"),
        (lambda c: {"indptr": c.indptr.at[4].set(1000)}, "row . does not fit"),
        (lambda c: {"a": c.a.astype(jnp.float32)}, "operand 'coefficient' is float32, expected float64"),
    ],
)
def test_bad_operands_are_errors(other, message):
    c = Case()
    with pytest.raises(Exception, match=message):
        jax.block_until_ready(c.settle(events=jnp.ones_like(c.events), **other(c)))
