"""Event propagation: values and derivatives of scatter, gather and outer against a dense matrix."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from spikeloop.kernels._event import Rows, gather, gather_p, outer_p, scatter

NO_INDPTR = jnp.zeros(0, jnp.int32)


class Synapses:
    """Random rows with a dense matrix beside them; `k` targets a row, or rows of any length if None."""

    def __init__(
        self, n_pre=7, n_post=11, k=3, dtype=np.float64, seed=0, single=False, index=np.uint32, indptr=np.int32
    ):
        rng = np.random.default_rng(seed)
        lengths = np.full(n_pre, k) if k is not None else rng.integers(0, 6, n_pre)
        self.n_pre, self.n_post, self.nnz = n_pre, n_post, int(lengths.sum())
        self.indices = jnp.asarray(rng.integers(0, max(n_post, 1), self.nnz).astype(index))
        self.indptr = NO_INDPTR if k is not None else jnp.asarray(np.append(0, np.cumsum(lengths)).astype(indptr))
        self.weight = jnp.asarray(rng.normal(size=1 if single else self.nnz), dtype)
        self.sources = np.repeat(np.arange(n_pre), lengths)
        self.rng, self.dtype = rng, dtype

    def dense(self, weight):
        """The matrix (n_pre, n_post) of these weights."""
        values = jnp.broadcast_to(weight, (self.nnz,))
        return jnp.zeros((self.n_pre, self.n_post), values.dtype).at[self.sources, self.indices].add(values)

    def spikes(self, *batch, total=None, graded=False):
        shape = (*batch, total or self.n_pre)
        s = self.rng.random(shape) < 0.5
        return jnp.asarray(s * self.rng.normal(size=shape) if graded else s, self.dtype)

    def target(self, *batch):
        return jnp.asarray(self.rng.normal(size=(*batch, self.n_post)), self.dtype)

    def rows(self, offset=0):
        return Rows(offset, self.n_pre)

    def scatter(self, spikes, weight, target, offset=0):
        return scatter(spikes, weight, self.indices, self.indptr, target, self.rows(offset))

    def wanted(self, spikes, weight, target, offset=0):
        return target + spikes[..., offset : offset + self.n_pre].astype(target.dtype) @ self.dense(weight)


@pytest.fixture(autouse=True)
def wide(native):
    sl.environ.set(precision=64)


def close(ours, wanted, dtype=np.float64):
    assert ours.shape == wanted.shape
    assert ours.dtype == dtype
    # sums of at most some tens of numbers of size 1 in another order
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [np.uint16, np.uint32])
@pytest.mark.parametrize("k", [3, None, 0])
@pytest.mark.parametrize("single", [False, True])
def test_scatter_equals_a_dense_product(dtype, index, k, single):
    c = Synapses(k=k, dtype=dtype, single=single, index=index)
    s, t = c.spikes(), c.target()
    close(c.scatter(s, c.weight, t), c.wanted(s, c.weight, t), dtype)
    graded = c.spikes(graded=True)
    close(c.scatter(graded, c.weight, t), c.wanted(graded, c.weight, t), dtype)
    close(c.scatter(s.astype(bool), c.weight, t), c.wanted(s, c.weight, t), dtype)


@pytest.mark.parametrize("indptr", [np.int32, np.int64])
def test_row_starts_of_32_and_64_bits(indptr):
    c = Synapses(k=None, indptr=indptr)
    s, t = c.spikes(), c.target()
    close(c.scatter(s, c.weight, t), c.wanted(s, c.weight, t))


@pytest.mark.parametrize(("pre", "post"), [((4,), (4,)), ((2, 3), (2, 3)), ((4,), ()), ((), (4,)), ((1,), (4,)),
                                           ((2, 1), (3,))])  # fmt: skip
@pytest.mark.parametrize("k", [3, None])
def test_batches_of_spikes_and_of_targets(pre, post, k):
    c = Synapses(k=k)
    s, t = c.spikes(*pre), c.target(*post)
    close(c.scatter(s, c.weight, t), c.wanted(s, c.weight, t))
    close(c.scatter(s.astype(bool), c.weight, t), c.wanted(s, c.weight, t))


@pytest.mark.parametrize(("n_pre", "n_post"), [(0, 0), (0, 5), (1, 1), (1, 40), (40, 1), (17, 17)])
@pytest.mark.parametrize("k", [2, None])
def test_small_and_empty_populations(n_pre, n_post, k):
    c = Synapses(n_pre, n_post, k)
    s, t = c.spikes(), c.target()
    close(c.scatter(s, c.weight, t), c.wanted(s, c.weight, t))
    close(gather(t, c.weight, c.indices, c.indptr, c.rows()), t @ c.dense(c.weight).T)


def test_no_targets_at_all():
    c = Synapses(5, 0, 0)
    assert c.scatter(c.spikes(), c.weight, c.target()).shape == (0,)


@pytest.mark.parametrize("offset", [0, 4, 9])
@pytest.mark.parametrize("k", [3, None])
def test_rows_of_a_part_of_the_population(offset, k):
    c = Synapses(k=k)
    for batch in [(), (3,)]:
        s, t = c.spikes(*batch, total=16), c.target(*batch)
        close(c.scatter(s, c.weight, t, offset), c.wanted(s, c.weight, t, offset))
        close(c.scatter(s.astype(bool), c.weight, t, offset), c.wanted(s, c.weight, t, offset))


@pytest.mark.parametrize("k", [3, None])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gather_and_outer_are_the_two_products(k, single, batch):
    c = Synapses(k=k, single=single)
    ct, s = c.target(*batch), c.spikes(*batch, total=12, graded=True)
    close(gather(ct, c.weight, c.indices, c.indptr, c.rows()), ct @ c.dense(c.weight).T)
    (ours,) = outer_p.bind(s, ct, c.indices, c.indptr, rows=c.rows(2), single=single)
    pairs = (s[..., 2 + c.sources] * ct[..., c.indices]).reshape(-1, c.nnz).sum(0)
    close(ours, pairs.sum(keepdims=True) if single else pairs)


@pytest.mark.parametrize("k", [3, None])
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradients_of_scatter_are_those_of_the_dense_product(k, single, batch):
    c = Synapses(k=k, single=single)
    s, t, ct = c.spikes(*batch, total=12, graded=True), c.target(*batch), c.target(*batch)

    def loss(run):
        return lambda s, w, t: (jnp.sin(run(s, w, t, 3)) * ct).sum()

    # 1e-12: sums of some tens of numbers of size 1; nothing is lost to a finite difference
    tangents = c.spikes(*batch, total=12, graded=True), c.weight**2, c.target(*batch)

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        forward = jax.jvp(lambda *a: run(*a, 3), (s, c.weight, t), tangents)
        return *jax.grad(loss(run), (0, 1, 2))(s, c.weight, t), *forward

    for ours, wanted in zip(results(c.scatter), results(c.wanted), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("single", [False, True])
def test_derivatives_of_the_derivatives(single):
    c = Synapses(k=None, single=single)
    s, t = c.spikes(graded=True), c.target()
    check_grads(lambda *a: jnp.sin(c.scatter(*a)), (s, c.weight, t), order=2, modes=("fwd", "rev"))
    check_grads(lambda ct, w: gather(ct, w, c.indices, c.indptr, c.rows()), (t, c.weight), order=2)
    check_grads(
        lambda s, ct: outer_p.bind(s, ct, c.indices, c.indptr, rows=c.rows(), single=single)[0], (s, t), order=2
    )
    loss = lambda w: (c.scatter(s, w, t) ** 3).sum()  # noqa: E731
    wanted = lambda w: (c.wanted(s, w, t) ** 3).sum()  # noqa: E731
    np.testing.assert_allclose(jax.hessian(loss)(c.weight), jax.hessian(wanted)(c.weight), rtol=0, atol=1e-10)


def test_gradient_to_the_weights_with_spikes_that_are_bool():
    c = Synapses()
    s, t = c.spikes().astype(bool), c.target()
    ours = jax.grad(lambda w: (c.scatter(s, w, t) ** 2).sum())(c.weight)
    wanted = jax.grad(lambda w: (c.wanted(s, w, t) ** 2).sum())(c.weight)
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


AXES = [(0, None, None), (None, None, 0), (0, None, 0), (-1, None, 1), (-1, None, None), (None, 0, None), (0, 0, 0),
        (None, 0, 1)]  # fmt: skip


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_vmap_over_any_of_the_operands(axes, batch):
    c, lanes = Synapses(), 5
    values = [c.spikes(*batch, graded=True), c.weight, c.target(*batch)]
    args = [
        x if axis is None else jnp.stack([x * (lane + 1) for lane in range(lanes)], axis)
        for x, axis in zip(values, axes, strict=True)
    ]

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        grad = jax.grad(lambda s, w, t: (run(s, w, t) ** 2).sum(), (0, 1, 2))
        return jax.vmap(lambda s, w, t: run(s, w, t), axes)(*args), *jax.vmap(grad, axes)(*args)

    for ours, wanted in zip(results(c.scatter), results(c.wanted), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-10)  # squares of numbers up to some tens


def test_vmap_of_vmap():
    c = Synapses()
    s, t = c.spikes(2, 3), c.target(2, 3)
    ours = jax.vmap(jax.vmap(lambda s, t: c.scatter(s, c.weight, t)))(s, t)
    close(ours, c.wanted(s, c.weight, t))
    inner = jax.vmap(lambda s: jax.vmap(lambda t: c.scatter(s, c.weight, t))(t[0]))(s[:, 0])
    close(inner, jax.vmap(lambda s: jax.vmap(lambda t: c.wanted(s, c.weight, t))(t[0]))(s[:, 0]))


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    n_pre=st.integers(1, 40), n_post=st.integers(1, 40), k=st.one_of(st.none(), st.integers(0, 9)),
    offset=st.integers(0, 20), seed=st.integers(0, 99), single=st.booleans(),
    batch=st.sampled_from([(), (1,), (4,)]),
)  # fmt: skip
def test_any_connectivity(n_pre, n_post, k, offset, seed, single, batch):
    c = Synapses(n_pre, n_post, k, seed=seed, single=single)
    s, t = c.spikes(*batch, total=n_pre + offset + seed % 3, graded=True), c.target(*batch)

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        return run(s, c.weight, t, offset), jax.grad(lambda w: (run(s, w, t, offset) ** 2).sum())(c.weight)

    for ours, wanted in zip(results(c.scatter), results(c.wanted), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_runs_by_the_reference(dtype, pass_tools):
    c = Synapses()
    s, w, t = (x.astype(dtype) for x in (c.spikes(), c.weight, c.target()))
    assert pass_tools.native_runs(c.scatter, s, w, t) == []
    out = c.scatter(s, w, t)
    assert out.dtype == dtype
    np.testing.assert_allclose(
        out.astype(jnp.float64), c.wanted(*(x.astype(jnp.float64) for x in (s, w, t))), rtol=0, atol=0.1
    )


def test_native_runs_where_it_should(pass_tools):
    c = Synapses()
    s, t = c.spikes(), c.target()
    assert pass_tools.native_runs(c.scatter, s, c.weight, t) == ["event_scatter"]
    loss = jax.grad(lambda s, w, t: (c.scatter(s, w, t) ** 2).sum(), (0, 1))
    assert sorted(pass_tools.native_runs(loss, s, c.weight, t)) == ["event_gather", "event_outer", "event_scatter"]


def test_threads_do_not_change_the_sums():
    c = Synapses(2000, 2000, 50, dtype=np.float32)
    s, t = c.spikes(), c.target()
    before = sl.get_num_threads()
    results = []
    try:
        for n in (1, 2):
            sl.set_num_threads(n)
            (outer,) = outer_p.bind(s, t, c.indices, c.indptr, rows=c.rows(), single=False)
            (gathered,) = gather_p.bind(t, c.weight, c.indices, c.indptr, rows=c.rows())
            results.append((c.scatter(s, c.weight, t), gathered, outer))
    finally:
        sl.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
