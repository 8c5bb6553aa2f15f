"""Spikes that wait for the delays of their synapses, against the ring of arrivals that they replace."""

import functools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.connect import Connection
from spikeloop.kernels._event import scatter_ring
from spikeloop.kernels._ring import collect
from spikeloop.kernels._spike_queue import (
    Queue,
    _deliver_reference,
    _enqueue_reference,
    _starts_reference,
    deliver,
    deliver_p,
    enqueue,
    enqueue_p,
    starts_p,
)

N_PRE, N_POST, SLOTS, STEPS = 7, 9, 5, 16


@pytest.fixture(autouse=True)
def wide(native):
    sl.environ.set(precision=64)


def synapses(k=6, *, single=False, dtype=np.float64, n_post=N_POST, seed=0):
    """Rows of `k` synapses, or of any length if None, with delays of 0 to 4 steps."""
    rng = np.random.default_rng(seed)
    lengths = np.full(N_PRE, k) if k is not None else rng.integers(0, 12, N_PRE)
    nnz = int(lengths.sum())
    indptr = [] if k is not None else np.append(0, np.cumsum(lengths))
    weight = rng.normal(size=() if single else nnz).astype(dtype)
    return Connection(rng.integers(0, n_post, nnz), indptr, weight, N_PRE, n_post, delay=rng.integers(0, SLOTS, nnz))


def spike_trains(*batch, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    shape = (STEPS, *batch, N_PRE)
    return jnp.asarray(rng.normal(size=shape) * (rng.random(shape) < 0.4), dtype)


def empty(dtype, slots=SLOTS):
    return Queue(jnp.zeros(slots, jnp.int32), jnp.zeros((slots, N_PRE), jnp.uint32), jnp.zeros((slots, N_PRE), dtype))


def arrivals(c, spikes, weight=None, ring=None, *, queued=True):
    """What arrives in every step, and the ring at the end; spikes queued, or all in the ring."""
    weight = (c.weight.value if weight is None else weight).reshape(-1)
    ring = jnp.zeros((SLOTS, c.n_post), weight.dtype) if ring is None else ring
    synapses = weight, c.indices, c.indptr

    def step(carry, s):
        cursor, ring, full, lists = carry
        target = jnp.zeros(c.n_post, weight.dtype)
        if queued:
            ring, full, lists = enqueue(s, (*synapses, c.delay), cursor, ring, full, lists, c._rows)
            lists, target = deliver((*synapses, c.delay_starts), cursor, lists, target, c._rows)
        else:
            ring, full = scatter_ring(s, *synapses, c.delay, cursor, ring, c._rows), jnp.ones((), jnp.int32)
        target, ring = collect(cursor, full, target, ring)
        return ((cursor + 1) % SLOTS, ring, full, lists), target

    start = (jnp.asarray(3, jnp.int32), ring, (ring != 0).any().astype(jnp.int32), empty(weight.dtype))
    (_, ring, _, _), out = jax.lax.scan(step, start, spikes)
    return out, ring


@pytest.mark.parametrize("k", [6, None, 0])
@pytest.mark.parametrize(
    ("dtype", "single", "n_post"),  # each two of them in each combination
    [(np.float32, False, N_POST), (np.float64, True, N_POST), (np.float32, True, 70_000), (np.float64, False, 70_000)],
)
def test_the_same_arrives_as_from_a_ring(dtype, k, single, n_post):
    sl.environ.set(precision=32 if dtype is np.float32 else 64)
    c = synapses(k, single=single, dtype=dtype, n_post=n_post)
    assert c.indices.dtype == (np.uint16 if n_post < 1 << 16 else np.uint32)
    for spikes in (spike_trains(dtype=dtype), spike_trains(dtype=dtype) != 0):
        (ours, left), (wanted, _) = (arrivals(c, spikes, queued=queued) for queued in (True, False))
        assert ours.dtype == dtype
        assert not left.any()  # nothing went there
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=32 * np.finfo(dtype).eps)
        assert wanted.any() == (k != 0)


def test_native_kernels_run_and_equal_their_references(pass_tools):
    c, lists = synapses(None), empty(np.float64)
    cursor, ring, full = jnp.asarray(3, jnp.int32), jnp.ones((SLOTS, N_POST)), jnp.ones((), jnp.int32)
    spikes = jnp.append(jnp.ones(2), spike_trains()[0])
    rows, timed = c._rows._replace(offset=2), (c.weight.value, c.indices, c.indptr, c.delay)
    args = (spikes, *timed, cursor, ring, full, *lists)
    run = lambda *a: enqueue_p.bind(*a, rows=rows)  # noqa: E731
    assert pass_tools.native_runs(run, *args) == ["event_enqueue"]
    ours, wanted = run(*args), jax.jit(functools.partial(_enqueue_reference, rows=rows))(*args)
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    run = lambda *a: deliver_p.bind(*a, rows=c._rows)  # noqa: E731
    reference = jax.jit(functools.partial(_deliver_reference, rows=c._rows))
    for later in range(SLOTS):
        args = (*timed[:3], c.delay_starts, (cursor + later) % SLOTS, *ours[2:], jnp.ones(N_POST))
        assert pass_tools.native_runs(run, *args) == ["event_deliver"]
        for a, b in zip(run(*args), reference(*args), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_post", [N_POST, 500, 70_000])
@pytest.mark.parametrize("k", [6, None, 0])
def test_starts_are_where_delays_and_blocks_begin(k, n_post, pass_tools):
    c = synapses(k, n_post=n_post)
    args, how = (c.indices, c.indptr, c.delay), {"longest": c.longest_delay, "n_post": n_post, "rows": c._rows}
    run = lambda *a: starts_p.bind(*a, **how, dtype=np.dtype(np.uint16))[0]  # noqa: E731
    assert pass_tools.native_runs(run, *args) == ["event_starts"]
    (wanted,) = _starts_reference(*args, **how, dtype=np.uint16)
    np.testing.assert_array_equal(c.delay_starts, wanted)
    np.testing.assert_array_equal(c.delay_starts[:, -1], c.out_degree)


def test_half_precision_runs_by_the_references():
    c = synapses()
    args = c, spike_trains(dtype=np.float16), c.weight.value.astype(jnp.float16)
    (ours, _), (wanted, _) = (arrivals(*args, queued=queued) for queued in (True, False))
    np.testing.assert_allclose(ours.astype(float), wanted.astype(float), rtol=0, atol=0.02)


def test_gradients_are_those_of_the_ring():
    c = synapses(None)
    spikes, ring = spike_trains(), jnp.asarray(np.random.default_rng(2).normal(size=(SLOTS, N_POST)))
    args = (spikes, c.weight.value, ring)

    @functools.partial(jax.jit, static_argnums=0)
    def results(queued):
        run = lambda s, w, r: arrivals(c, s, w, r, queued=queued)  # noqa: E731
        loss = lambda *a: sum(jnp.sin(x).sum() for x in run(*a))  # noqa: E731
        forward = jax.jvp(run, args, tuple(x + 0.5 for x in args))
        some = [jax.grad(loss, i)(*args) for i in range(3)]
        return forward, some, jax.grad(loss, (0, 1, 2))(*args)

    for a, b in zip(jax.tree.leaves(results(True)), jax.tree.leaves(results(False)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_lanes_of_spikes_or_weights(axes):
    c = synapses()
    args = (spike_trains(3).swapaxes(0, 1), jnp.stack([c.weight.value * k for k in (1, 2, 3)]))
    args = [x if axis == 0 else x[0] for x, axis in zip(args, axes, strict=True)]
    run = lambda queued: jax.vmap(lambda s, w: arrivals(c, s, w, queued=queued)[0], axes)(*args)  # noqa: E731
    np.testing.assert_allclose(run(True), run(False), rtol=0, atol=1e-13)


def test_threads_do_not_change_the_sums():
    n, rng, before = 3000, np.random.default_rng(0), sl.get_num_threads()
    rule = sl.connect.FixedOutDegree(
        300, sl.init.Uniform(0.5, 1.0), delay=sl.init.Uniform(0.1 * u.ms, 0.5 * u.ms), seed=0
    )
    sl.environ.set(dt=0.1 * u.ms, precision=32)
    c = rule(n, n)
    sources = jnp.asarray(np.argsort(rng.random((SLOTS + 1, n)), axis=1), jnp.uint32)
    lists = Queue(jnp.full(SLOTS + 1, n // 2, jnp.int32), sources, jnp.ones((SLOTS + 1, n), jnp.float32))
    results = []
    try:
        for threads in (1, 2, 3):
            sl.set_num_threads(threads)
            results.append(c.deliver(jnp.asarray(2, jnp.int32), lists, jnp.zeros(n))[1])
    finally:
        sl.set_num_threads(before)
    assert results[0].any()
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.cpu
def test_bad_operands_are_refused_by_the_kernel():
    c, lists = synapses(), empty(np.float64)
    cursor, ring, full = jnp.asarray(0, jnp.int32), jnp.zeros((SLOTS, N_POST)), jnp.zeros((), jnp.int32)

    def listed(lists, cursor=cursor):
        return jax.block_until_ready(c.enqueue(jnp.ones(N_PRE), cursor, ring, full, lists))[2]

    with pytest.raises(Exception, match="'cursor' holds 5 at place 0, which is out of range for 5 slots"):
        listed(lists, cursor + SLOTS)
    full_slot = listed(lists)
    with pytest.raises(Exception, match="room for 0 more spikes: the projection is called more than once in a step"):
        listed(full_slot)
    with pytest.raises(Exception, match="'sources' holds 40 at place 0"):
        jax.block_until_ready(c.deliver(cursor, full_slot._replace(sources=full_slot.sources + 40), jnp.zeros(N_POST)))
    with pytest.raises(Exception, match="'count' has 8 elements, expected 7"):
        jax.block_until_ready(c.deliver(cursor, full_slot._replace(count=full_slot.count + 1), jnp.zeros(N_POST)))
