"""Rings: scatter into a ring of arriving input, collect from it, and relay past spikes, against dense sums."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.kernels._event import Rows, gather_p, outer_p, scatter, scatter_ring
from spikeloop.kernels._ring import _collect_reference, _relay_reference, collect, collect_p, relay, relay_p

N_PRE, N_POST, SLOTS = 6, 9, 4
NO_INDPTR = jnp.zeros(0, jnp.int32)


class Synapses:
    """Random rows sorted by delay and target; `k` targets a row, or rows of any length if None."""

    def __init__(self, k=3, dtype=np.float64, single=False, delay=np.uint8, index=np.uint16, seed=0):
        rng = np.random.default_rng(seed)
        lengths = np.full(N_PRE, k) if k is not None else rng.integers(0, 6, N_PRE)
        self.nnz = int(lengths.sum())
        self.sources = np.repeat(np.arange(N_PRE), lengths)
        delays, indices = rng.integers(0, SLOTS, self.nnz), rng.integers(0, N_POST, self.nnz)
        order = np.lexsort((indices, delays, self.sources))
        self.delays, self.indices = jnp.asarray(delays[order], delay), jnp.asarray(indices[order], index)
        self.indptr = NO_INDPTR if k is not None else jnp.asarray(np.append(0, np.cumsum(lengths)), jnp.int32)
        self.weight = jnp.asarray(rng.normal(size=1 if single else self.nnz), dtype)
        self.rng, self.dtype = rng, dtype

    def array(self, *shape):
        return jnp.asarray(self.rng.normal(size=shape), self.dtype)

    def spikes(self, *batch, total=N_PRE):
        return self.array(*batch, total) * (self.rng.random((*batch, total)) < 0.6)

    def scatter(self, spikes, weight, ring, cursor, offset=0):
        rows = Rows(offset, N_PRE, True)
        return scatter_ring(spikes, weight, self.indices, self.indptr, self.delays, cursor, ring, rows)

    def wanted(self, spikes, weight, ring, cursor, offset=0):
        """The same as sums over synapses; rings are (slots, ..., n_post)."""
        slot = (cursor + self.delays.astype(int)) % SLOTS
        values = spikes[..., offset + self.sources].astype(ring.dtype) * weight
        return jnp.moveaxis(jnp.moveaxis(ring, 0, -2).at[..., slot, self.indices].add(values), -2, 0)


@pytest.fixture(autouse=True)
def wide(native):
    sl.environ.set(precision=64)


def close(ours, wanted, dtype=np.float64):
    assert ours.shape == wanted.shape
    assert ours.dtype == dtype
    # sums of at most some tens of numbers of size 1 in another order
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=64 * np.finfo(dtype).eps)


CURSOR, FULL = jnp.asarray(2, jnp.int32), jnp.asarray(1, jnp.int32)


@pytest.mark.parametrize("k", [3, None, 0])
@pytest.mark.parametrize(
    ("dtype", "single", "delay", "index"),  # each two of a dtype, a kind of weight and a kind of integers
    [
        (np.float32, False, np.uint8, np.uint16),
        (np.float64, True, np.uint8, np.uint16),
        (np.float32, True, np.uint16, np.uint32),
        (np.float64, False, np.uint16, np.uint32),
    ],
)
def test_each_synapse_adds_to_the_slot_of_its_delay(dtype, single, delay, index, k):
    c = Synapses(k, dtype, single, delay, index)
    s, ring = c.spikes(total=N_PRE + 3), c.array(SLOTS, N_POST)
    close(c.scatter(s, c.weight, ring, CURSOR, 2), c.wanted(s, c.weight, ring, CURSOR, 2), dtype)
    events = s != 0
    close(c.scatter(events, c.weight, ring, CURSOR, 2), c.wanted(events, c.weight, ring, CURSOR, 2), dtype)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_gradients_of_a_scatter_into_a_ring(single, batch):
    c = Synapses(None, single=single)
    s, ring, ct = c.spikes(*batch), c.array(SLOTS, *batch, N_POST), c.array(SLOTS, *batch, N_POST)
    tangents = c.spikes(*batch), c.weight**2, c.array(*ring.shape)

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        forward = jax.jvp(lambda *a: run(*a, CURSOR), (s, c.weight, ring), tangents)
        loss = lambda *a: (jnp.sin(run(*a, CURSOR)) * ct).sum()  # noqa: E731
        return *forward, *jax.grad(loss, (0, 1, 2))(s, c.weight, ring)

    for ours, wanted in zip(results(c.scatter), results(c.wanted), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


def test_derivatives_of_the_derivatives():
    c = Synapses(None)
    s, ring = c.spikes(), c.array(SLOTS, N_POST)
    check_grads(lambda *a: jnp.sin(c.scatter(*a, CURSOR)), (s, c.weight, ring), order=2, modes=("fwd", "rev"))


AXES = [(0, None, None, None), (None, None, 0, None), (0, None, 0, None), (0, None, 0, 0), (None, None, None, 0),
        (None, 0, None, None), (-1, 1, 1, 0)]  # fmt: skip


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_vmap_of_rings_over_any_of_the_operands(axes, batch):
    c, lanes = Synapses(), 3
    values = [c.spikes(*batch), c.weight, c.array(SLOTS, *batch, N_POST), CURSOR]
    args = [
        x if axis is None else jnp.stack([(x + lane) % SLOTS if i == 3 else x * (lane + 1) for lane in range(lanes)],
                                         axis)
        for i, (x, axis) in enumerate(zip(values, axes, strict=True))
    ]  # fmt: skip

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        grad = jax.grad(lambda s, w, r, cursor: (run(s, w, r, cursor) ** 2).sum(), (0, 1, 2))
        return jax.vmap(run, axes)(*args), *jax.vmap(grad, axes)(*args)

    for ours, wanted in zip(results(c.scatter), results(c.wanted), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-10)  # squares of numbers up to some tens


def test_vmap_of_vmap_turns_each_ring_on_its_own():
    c = Synapses()
    s, ring = c.spikes(2, 3), c.array(2, 3, SLOTS, N_POST)
    cursor = jnp.asarray([[0, 1, 2], [3, 3, 0]], jnp.int32)
    twice = lambda run: jax.jit(jax.vmap(jax.vmap(lambda s, r, k: run(s, c.weight, r, k))))(s, ring, cursor)  # noqa: E731
    close(twice(c.scatter), twice(c.wanted))
    target = c.array(2, 3, N_POST)
    ours = jax.vmap(jax.vmap(lambda k, t, r: collect(k, FULL, t, r)))(cursor, target, ring)
    for i in range(2):
        for k in range(3):
            at = int(cursor[i, k])
            close(ours[0][i, k], target[i, k] + ring[i, k, at])
            close(ours[1][i, k], ring[i, k].at[at].set(0.0))


# --- collect and relay -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(N_POST,), (2, N_POST), (2, 3, 2), (0,)])
def test_collect_moves_the_slot_at_the_cursor(dtype, shape):
    c = Synapses(dtype=dtype)
    target, ring = c.array(*shape), c.array(SLOTS, *shape)
    out, left = collect(CURSOR, FULL, target, ring)
    close(out, target + ring[2], dtype)
    close(left, ring.at[2].set(0), dtype)


def operands(c, batch=(), total=N_PRE):
    return c.spikes(*batch, total=total), c.weight, c.array(SLOTS, *batch, N_PRE), c.array(*batch, N_POST)


def run_relay(c, offset=0):
    rows = Rows(offset, N_PRE, True)
    return lambda s, w, past, target, cursor=CURSOR: relay(s, w, c.indices, c.indptr, cursor, past, target, rows)


def wanted_relay(c, offset=0):
    def run(s, w, past, target, cursor=CURSOR):
        past = past.at[cursor].set(s[..., offset : offset + N_PRE].astype(past.dtype))
        dense = jnp.zeros((N_PRE, N_POST), w.dtype).at[c.sources, c.indices].add(jnp.broadcast_to(w, (c.nnz,)))
        return past, target + past[(cursor + 1) % SLOTS] @ dense

    return run


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [3, None, 0])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_relay_stores_spikes_and_delivers_the_oldest(dtype, k, batch):
    c = Synapses(k, dtype)
    s, w, past, target = operands(c, batch, total=N_PRE + 4)
    for spikes in (s, s != 0):
        for ours, wanted in zip(run_relay(c, 3)(spikes, w, past, target), wanted_relay(c, 3)(spikes, w, past, target),
                                strict=True):  # fmt: skip
            close(ours, wanted, dtype)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("active", [(0, 1, 2, 3), (0,), (1,), (2,), (3,)])
def test_gradients_through_a_ring_of_spikes(single, active):
    c = Synapses(None, single=single)
    args, cts = operands(c, (2,), total=N_PRE + 2), (c.array(SLOTS, 2, N_PRE), c.array(2, N_POST))

    def loss(run):
        return lambda *a: sum((jnp.sin(x) * ct).sum() for x, ct in zip(run(*a), cts, strict=True))

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        some = lambda *chosen: loss(run)(*(chosen[active.index(i)] if i in active else x for i, x in enumerate(args)))  # noqa: E731
        chosen = [args[i] for i in active]
        value, slope = jax.jvp(some, chosen, chosen)
        return value, slope, *jax.grad(some, tuple(range(len(active))))(*chosen)

    for ours, wanted in zip(results(run_relay(c, 1)), results(wanted_relay(c, 1)), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


def test_gradients_through_collect():
    c = Synapses()
    run = lambda t, r: [jnp.sin(x) for x in collect(CURSOR, FULL, t, r)]  # noqa: E731
    check_grads(run, (c.array(N_POST), c.array(SLOTS, N_POST)), order=2, modes=("fwd", "rev"))


@pytest.mark.parametrize("axes", [(0, None, None, None, None), (0, None, 0, 0, None), (1, None, 1, 0, 0),
                                  (None, None, None, None, 0), (None, 0, None, None, None)])  # fmt: skip
def test_vmap_of_relay(axes):
    c, lanes = Synapses(), 3
    values = [*operands(c, (2,)), CURSOR]
    args = [
        x if axis is None else jnp.stack([(x + lane) % SLOTS if i == 4 else x * (lane + 1) for lane in range(lanes)],
                                         axis)
        for i, (x, axis) in enumerate(zip(values, axes, strict=True))
    ]  # fmt: skip
    ours, wanted = (jax.jit(jax.vmap(make(c), axes))(*args) for make in (run_relay, wanted_relay))
    for a, b in zip(ours, wanted, strict=True):
        close(a, b)


def test_native_kernels_run_and_equal_their_references(pass_tools):
    c = Synapses()
    s, w, past, target = operands(c, (2,))
    rows = Rows(0, N_PRE, True, 0)
    assert pass_tools.native_runs(run_relay(c), s, w, past, target) == ["event_relay"]
    assert pass_tools.native_runs(collect, CURSOR, FULL, target, c.array(SLOTS, 2, N_POST)) == ["event_collect"]
    args = (s, w, c.indices, c.indptr, CURSOR, past, target)
    for ours, wanted in zip(relay_p.bind(*args, rows=rows), _relay_reference(*args, rows=rows), strict=True):
        close(ours, wanted)
    args = (CURSOR, FULL, target, c.array(SLOTS, 2, N_POST))
    for ours, wanted in zip(collect_p.bind(*args, slots=0), _collect_reference(*args, slots=0), strict=True):
        close(ours, wanted)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_runs_by_the_references(dtype, pass_tools):
    c = Synapses(dtype=dtype)
    s, w, past, target = operands(c)
    ring = c.array(SLOTS, N_POST)
    assert (
        pass_tools.native_runs(lambda *a: (run_relay(c)(*a), collect(CURSOR, FULL, target, ring)), s, w, past, target)
        == []
    )
    out = c.scatter(s, w, ring, CURSOR)
    assert out.dtype == dtype
    wide = [x.astype(jnp.float64) for x in (s, w, ring)]
    np.testing.assert_allclose(out.astype(jnp.float64), c.wanted(*wide, CURSOR), rtol=0, atol=0.1)


def test_threads_do_not_change_the_sums():
    n, k, rng = 4000, 60, np.random.default_rng(0)
    delays, indices = rng.integers(0, 20, (n, k)), rng.integers(0, n, (n, k))
    order = np.lexsort((indices, delays), axis=1)
    delays, indices = (jnp.asarray(np.take_along_axis(x, order, 1).ravel()) for x in (delays, indices))
    delays, plain = delays.astype(jnp.uint8), jnp.sort(indices.reshape(n, k), axis=1).ravel().astype(jnp.uint16)
    indices = indices.astype(jnp.uint16)
    s = jnp.asarray(rng.random(n) < 0.5, jnp.float32)
    w, ring = jnp.asarray(rng.normal(size=n * k), jnp.float32), jnp.zeros((20, n), jnp.float32)
    rows, timed, before = Rows(0, n, True), Rows(0, n, True, 0), sl.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            sl.set_num_threads(threads)
            new = scatter_ring(s, w, indices, NO_INDPTR, delays, CURSOR, ring, rows)
            back = gather_p.bind(new, w, indices, NO_INDPTR, delays, CURSOR, rows=timed)
            slope = outer_p.bind(s, new, indices, NO_INDPTR, delays, CURSOR, rows=timed, single=False)
            at_once = scatter(s, w, plain, NO_INDPTR, ring[0], rows)
            results.append((new, *back, *slope, at_once, *collect(CURSOR, FULL, ring[0], new)))
    finally:
        sl.set_num_threads(before)
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.cpu
def test_rings_that_do_not_fit_are_refused_by_the_kernel():
    c = Synapses()
    with pytest.raises(Exception, match="'delay' holds . at place ., which is out of range for 2 slots"):
        jax.block_until_ready(c.scatter(jnp.ones(N_PRE), c.weight, c.array(2, N_POST), jnp.asarray(0, jnp.int32)))
    with pytest.raises(Exception, match="'cursor' holds 7 at place 0, which is out of range for 4 slots"):
        jax.block_until_ready(collect(jnp.asarray(7, jnp.int32), FULL, c.array(N_POST), c.array(SLOTS, N_POST)))
