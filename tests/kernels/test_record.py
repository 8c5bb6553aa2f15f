"""Records of spikes: native against the reference and NumPy, any type, odd sizes, batches, vmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop.kernels import _library
from spikeloop.kernels._record import (
    _append_reference,
    _count_reference,
    _pack_reference,
    append,
    append_p,
    count,
    count_p,
    pack,
)

DTYPES = [bool, np.float32, np.float64]
GROUPS = ((0, 3), (2, 7), (4, 4))


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64)


def spikes_of(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    found = rng.random(shape) < 0.4
    return found if dtype is bool else (found * rng.normal(size=shape)).astype(dtype)


def appended(spikes, clock, events):
    """What `append` means, in plain Python."""
    clock, events = np.array(clock), np.array(events)
    for k in np.flatnonzero(spikes):
        if clock[0] < len(events):
            events[clock[0]] = clock[1], k
        clock[0] += 1
    clock[1] += 1
    return clock, events


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (8,), (33,), (3, 70), (2, 3, 9), (0, 4)])
def test_pack_is_packbits(dtype, shape):
    spikes = spikes_of(shape, dtype)
    bits = pack(jnp.asarray(spikes))
    assert bits.dtype == np.uint8
    np.testing.assert_array_equal(bits, np.packbits(spikes != 0, axis=-1, bitorder="little"))
    np.testing.assert_array_equal(bits, _pack_reference(jnp.asarray(spikes))[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7,), (3, 9), (2, 2, 70)])
def test_count_is_the_sum_of_each_group(dtype, shape):
    spikes = spikes_of(shape, dtype)
    counts = count(jnp.asarray(spikes), GROUPS)
    wanted = np.stack([(spikes[..., a:b] != 0).sum(-1) for a, b in GROUPS], -1)
    np.testing.assert_array_equal(counts, wanted)
    reference = jax.jit(functools.partial(_count_reference, groups=GROUPS))
    np.testing.assert_array_equal(reference(jnp.asarray(spikes))[0], wanted)
    assert count(jnp.asarray(spikes), ()).shape == (*shape[:-1], 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_append_keeps_what_fits_and_counts_the_rest(dtype):
    clock, events = jnp.array([0, 5], jnp.int32), jnp.full((9, 2), -1, jnp.int32)
    wanted = np.array(clock), np.array(events)
    for seed in range(4):
        spikes = jnp.asarray(spikes_of((13,), dtype, seed))
        clock, events = append(spikes, clock, events)
        wanted = appended(spikes, *wanted)
        np.testing.assert_array_equal(clock, wanted[0])
        np.testing.assert_array_equal(events, wanted[1])
    assert clock[0] > 9


def test_counts_stop_at_the_largest_number():
    most = np.iinfo(np.int32).max
    clock, events = jnp.array([most - 1, most], jnp.int32), jnp.zeros((2, 2), jnp.int32)
    spikes = jnp.ones(5)
    for new in (append(spikes, clock, events), _append_reference(spikes, clock, events)):
        np.testing.assert_array_equal(new[0], [most, most])
        np.testing.assert_array_equal(new[1], 0)


@settings(deadline=None, max_examples=20)
@given(n=st.sampled_from([1, 5, 40]), full=st.booleans(), seed=st.integers(0, 99))
def test_append_equals_its_reference(n, full, seed):
    spikes = jnp.asarray(spikes_of((2, 3, n), np.float32, seed))
    clock = jnp.array([[0, 1], [4 if full else 1, 7]], jnp.int32)
    events = jnp.full((2, 4, 2), -1, jnp.int32)
    reference = jax.jit(_append_reference)
    for ours, wanted in zip(append(spikes, clock, events), reference(spikes, clock, events), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_vmap_gives_each_lane_its_list():
    spikes = jnp.asarray(spikes_of((3, 6)))
    clock, events = jnp.zeros(2, jnp.int32), jnp.zeros((5, 2), jnp.int32)
    new = jax.jit(jax.vmap(append, (0, None, None)))(spikes, clock, events)
    for k in range(3):
        for ours, wanted in zip(new, append(spikes[k], clock, events), strict=True):
            np.testing.assert_array_equal(ours[k], wanted)
    np.testing.assert_array_equal(jax.vmap(pack, 1)(spikes), pack(spikes.T))
    counted = functools.partial(count, groups=((0, 2),))
    np.testing.assert_array_equal(jax.vmap(counted)(spikes), counted(spikes))


def test_records_are_constants_to_gradients():
    def loss(x):
        bits = pack(x).sum() + count(x, GROUPS).sum()
        return (x * x).sum() + 0.0 * bits

    x = jnp.arange(8.0)
    np.testing.assert_allclose(jax.grad(loss)(x), 2 * x)


@pytest.mark.usefixtures("native")
def test_native_on_the_cpu_and_in_place():
    clock, events = jnp.zeros(2, jnp.int32), jnp.zeros((5, 2), jnp.int32)
    for dtype in DTYPES:
        spikes = jnp.asarray(spikes_of((6,), dtype))
        text = jax.jit(lambda s, c, e: (pack(s), count(s, GROUPS), append(s, c, e))).lower(spikes, clock, events)
        for name in ("pack", "count", "append"):
            assert f".record_{name}(" in text.as_text()
    assert "record_pack" in jax.jit(pack).lower(jnp.ones(3, jnp.int32)).as_text()  # as floats
    assert "record_pack" not in jax.jit(pack).lower(jnp.ones(3, jnp.float16)).as_text()
    assert set(_library.targets) >= {"record_pack", "record_count", "record_append"}


@pytest.mark.cpu
@pytest.mark.usefixtures("native")
def test_groups_beyond_the_population_are_an_error():
    with pytest.raises(jax.errors.JaxRuntimeError, match="'stops' holds 4 at place 0, which is out of range"):
        count(jnp.ones(3), ((0, 4),))
    with pytest.raises(jax.errors.JaxRuntimeError, match="is negative"):
        append_p.bind(jnp.ones(3), jnp.array([-1, 0], jnp.int32), jnp.zeros((2, 2), jnp.int32))
    assert count_p.bind(jnp.ones(3), groups=((0, 3),))[0] == 3
