"""Random words: known answers, the native kernel against its reference, lanes, distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop.kernels._philox import PURPOSE
from spikeloop.kernels._random import (
    _counts_reference,
    _reference,
    add,
    add_p,
    counts,
    counts_p,
    split,
    split_p,
    words,
    words_p,
)


def philox(counter, key):
    """Philox 4×32-10 in Python's whole numbers."""
    a, b, c, d = counter
    for i in range(10):
        keys = [(k + i * step) & 0xFFFFFFFF for k, step in zip(key, (0x9E3779B9, 0xBB67AE85), strict=True)]
        x, y = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = y >> 32 ^ b ^ keys[0], y & 0xFFFFFFFF, x >> 32 ^ d ^ keys[1], x & 0xFFFFFFFF
    return a, b, c, d


def test_the_generator_gives_the_known_answers():
    wanted = (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)  # of Random123, file kat_vectors
    assert philox([0, 0, 0, 0], [0, 0]) == wanted


def word(element, key):
    """Of 128 elements, those from 32 k on are words k of 32 blocks."""
    return philox([element // 128 * 32 + element % 32, PURPOSE, 0, 0], key)[element % 128 // 32]


@pytest.mark.parametrize("n", [0, 1, 31, 33, 130, 1001])
@pytest.mark.parametrize("first", [0, 1, 127, 300])
def test_words_follow_from_the_numbers_of_their_elements(n, first, native):
    keys, first = jnp.asarray([[1, 2], [0xFFFFFFFF, 7]], jnp.uint32), jnp.asarray([first, first + 40], jnp.uint32)
    (ours,), (reference,) = words_p.bind(keys, first, shape=(n,)), _reference(keys, first, shape=(n,))
    assert ours.dtype == jnp.uint32
    np.testing.assert_array_equal(ours, reference)
    for row, start, key in zip(np.asarray(ours), first.tolist(), np.asarray(keys).tolist(), strict=True):
        assert row.tolist() == [word(start + i, key) for i in range(n)]


def test_lanes_have_the_words_of_their_keys(native, pass_tools):
    keys = jax.random.split(jax.random.key(0), (2, 3))
    lanes = jax.jit(jax.vmap(jax.vmap(lambda key: words(key, (5, 2)))))(keys)
    for i in range(2):
        for k in range(3):
            np.testing.assert_array_equal(lanes[i, k], words(keys[i, k], (5, 2)))
    assert pass_tools.native_runs(lambda: words(keys[0, 0], (9,))) == ["random_words"]


def test_words_are_uniform_and_independent(native):
    x = np.asarray(words(jax.random.key(3), (1 << 18,)))
    counts = np.bincount(x >> 24, minlength=256)
    chi2 = ((counts - x.size / 256) ** 2 / (x.size / 256)).sum()
    assert 170 < chi2 < 360  # 255 ± 4.6 standard deviations
    bits = (x[:, None] >> np.arange(32, dtype=np.uint32) & 1).mean(0)
    assert np.abs(bits - 0.5).max() < 5 * 0.5 / np.sqrt(x.size)
    unit = x / 2.0**32
    for lag in (1, 2, 32, 64, 96, 128):  # neighbours, and words of one block
        assert abs(np.corrcoef(unit[:-lag], unit[lag:])[0, 1]) < 5 / np.sqrt(x.size - lag)


@pytest.mark.parametrize("n", [0, 5, 130])
def test_counts_are_of_bounds_at_or_below_the_words(n, native, pass_tools):
    keys, bounds = jnp.asarray([[1, 2], [3, 4]], jnp.uint32), jnp.asarray([0, 7 << 28, 1 << 31, 5 << 29], jnp.uint32)
    first = jnp.uint32(3)
    (ours,), (reference,) = (run(keys, first, bounds, shape=(n,)) for run in (counts_p.bind, _counts_reference))
    assert ours.dtype == jnp.int32
    np.testing.assert_array_equal(ours, reference)
    wanted = (words_p.bind(keys, first, shape=(n,))[0][..., None] >= bounds).sum(-1)
    np.testing.assert_array_equal(ours, wanted)
    key = jax.random.key(1)
    assert pass_tools.native_runs(lambda: counts(key, bounds, (3, 4))) == ["random_counts"]
    lanes = jax.vmap(lambda k, b: counts(jax.random.wrap_key_data(k), b, (6,)))(keys, jnp.stack([bounds, bounds // 2]))
    np.testing.assert_array_equal(lanes[1], counts(jax.random.wrap_key_data(keys[1]), bounds // 2, (6,)))


PARTS = [(5, 3, [1 << 30, 1 << 31]), (0, 9, []), (9, 0, [0, 1 << 30, 3 << 30])]


def number(element, key):
    """The 32 bits of an element: its half of a word of draw 0, and below it that of draw 1."""
    block, at, shift = element // 2 // 128 * 32 + element // 2 % 32, element // 2 % 128 // 32, element % 2 * 16
    upper, lower = (philox([block, PURPOSE, draw, 0], key)[at] >> shift & 0xFFFF for draw in range(2))
    return upper << 16 | lower


def wanted_numbers(key, n):
    """The numbers of samples of 14 neurons that their 32 bits stand for."""
    data = jax.random.key_data(key).tolist()
    bits = np.array([number(e, data) for e in range(n * 14)]).reshape(n, 14) >> 30
    first = np.arange(14) < 5
    return np.where(first, 3 + np.minimum(bits, 2), 1 + np.minimum(bits, 1) + bits // 3)


@pytest.mark.parametrize("first", [0, 37])
def test_all_bits_decide_where_the_upper_half_is_that_of_a_bound(first, native):
    key = jax.random.key_data(jax.random.key(8))
    numbers = np.array([number(first + e, key.tolist()) for e in range(600)])
    bounds = np.sort(np.concatenate([numbers[::40], numbers[::40] + 1])).astype(np.uint32)
    parts = np.array([[first + 600, bounds.size, 2]], np.int32)
    given = {"keys": key, "first": jnp.uint32(first), "bounds": bounds, "parts": parts}
    given |= {"weight": jnp.ones(()), "target": jnp.zeros(600)}
    for run in (add_p, add_p.reference):
        (found,) = run(**given, neurons=first + 600)
        np.testing.assert_array_equal(found, 2 + (numbers[:, None] >= bounds).sum(-1))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_numbers_of_each_part_are_added_times_weights(dtype, native, pass_tools):
    with jax.enable_x64(dtype == jnp.float64):
        key, target = jax.random.key(4), jnp.arange(6 * 14, dtype=dtype).reshape(6, 14) / 8
        numbers = wanted_numbers(key, 6)
        weights = jax.random.normal(key, (6, 14), dtype)
        for weight in (0.5, weights[0], weights[:, :1], weights):
            ours = add(key, PARTS, weight, target)
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, target + weight * numbers, rtol=4 * jnp.finfo(dtype).eps)
        assert pass_tools.native_runs(lambda: add(key, PARTS, weights, target)) == ["random_add"]
        empty = add(key, PARTS, weights[:0], target[:0])
        assert empty.shape == (0, 14)


@pytest.mark.parametrize(("first", "own"), [(0, 4), (4, 7), (11, 3), (9, 7)])
def test_a_part_of_the_neurons_gets_what_it_gets_among_all(first, own, native):
    key, whole = jax.random.key_data(jax.random.key(4)), jnp.zeros((3, 14))
    weight, real = jnp.linspace(1, 2, 14), min(own, 14 - first)
    wanted = add(key, PARTS, weight, whole)[:, first : first + real]
    bounds, parts = np.array([1 << 30, 1 << 31, 0, 1 << 30, 3 << 30], np.uint32), [[5, 2, 3], [5, 2, 9], [14, 5, 0]]
    given = {"keys": key, "first": jnp.uint32(first), "bounds": bounds, "parts": np.array(parts, np.int32)}
    given |= {"weight": jnp.resize(weight[first : first + real], own), "target": jnp.zeros((3, own))}
    for (part,) in (add_p(**given, neurons=14), add_p.reference(**given, neurons=14)):
        np.testing.assert_array_equal(part[:, :real], wanted)


def test_lanes_add_the_numbers_of_their_keys_times_their_weights(native):
    keys, target = jax.random.split(jax.random.key(5), 3), jnp.ones((3, 2, 14))
    weights = jax.random.normal(keys[0], (3, 14))
    both = jax.vmap(lambda key, weight, x: add(key, PARTS, weight, x))(keys, weights, target)
    one = jax.vmap(lambda key, x: add(key, PARTS, weights[0], x))(keys, target)
    for k in range(3):
        np.testing.assert_array_equal(both[k], add(keys[k], PARTS, weights[k], target[k]))
        np.testing.assert_array_equal(one[k], add(keys[k], PARTS, weights[0], target[k]))


def test_the_sum_is_differentiable_in_weight_and_target(native):
    key, target, ct = jax.random.key(6), jnp.ones((2, 14)), jax.random.normal(jax.random.key(7), (2, 14))
    numbers = wanted_numbers(key, 2)
    for weight in (jnp.asarray(0.5), jnp.linspace(0, 1, 14), jnp.ones((2, 14))):
        _, pull = jax.vjp(lambda w, x: add(key, PARTS, w, x), weight, target)
        slope, past = pull(ct)
        wanted = ct * numbers
        wanted = wanted.sum() if weight.ndim == 0 else wanted.reshape(-1, *weight.shape).sum(0)
        np.testing.assert_allclose(slope, wanted, rtol=1e-5)
        np.testing.assert_array_equal(past, ct)
        tangent = jax.jvp(lambda w: add(key, PARTS, w, target), (weight,), (jnp.ones_like(weight),))[1]
        np.testing.assert_allclose(tangent, numbers, rtol=1e-6)


def test_keys_are_split_as_jax_splits_them(native, pass_tools):
    keys = jax.random.split(jax.random.key(8), (2, 3))
    for first, second in (
        split_p.bind(jax.random.key_data(keys)),
        jax.vmap(jax.vmap(split))(jax.random.key_data(keys)),
    ):
        wanted = jax.random.key_data(jax.vmap(jax.vmap(jax.random.split))(keys))
        np.testing.assert_array_equal(first, wanted[:, :, 0])
        np.testing.assert_array_equal(second, wanted[:, :, 1])
    assert pass_tools.native_runs(lambda: split(jax.random.key_data(keys[0, 0]))) == ["random_split"]
    words_of_key = words(keys[0, 0], (5,))
    np.testing.assert_array_equal(words(jax.random.key_data(keys[0, 0]), (5,)), words_of_key)


def test_another_generator_of_keys_is_left_to_jax(pass_tools):
    key = jax.random.key_data(jax.random.key(9))
    with jax.threefry_partitionable(False):
        assert pass_tools.native_runs(lambda: split(key)) == []
        first, second = split(key)
        wanted = jax.random.key_data(jax.random.split(jax.random.wrap_key_data(key)))
    np.testing.assert_array_equal([first, second], wanted)
