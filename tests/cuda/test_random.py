"""Random words: those of the CPU."""

import numpy as np
import pytest
from call_frame import HandlerError, assert_same, on_gpu

SIZES = [0, 1, 3, 4, 31, 33, 1000, 10_007]
KEYS = np.array([[7, 8], [9, 2**32 - 1], [0, 0]], np.uint32)
FIRST = np.array([0, 1, 1000], np.uint32)


@pytest.mark.parametrize("n", SIZES)
def test_words(n, seed):
    operands, results = {"keys": KEYS, "first": FIRST}, [np.zeros((3, n), np.uint32)]
    (words,) = assert_same("random_words", operands, results, {"purpose": 24301})
    assert n < 4 or len(np.unique(words)) > n


@pytest.mark.parametrize("n", SIZES)
def test_split(n, seed):
    keys = np.random.default_rng(n).integers(0, 1 << 32, (n, 2), dtype=np.uint32)
    assert_same("random_split", {"keys": keys}, [np.zeros_like(keys), np.zeros_like(keys)], {})


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("bounds", [0, 1, 17])
def test_counts(n, bounds):
    bounds = np.sort(np.random.default_rng(n).integers(0, 2**32, bounds, dtype=np.uint32))
    operands = {"keys": KEYS[:1], "first": FIRST[1:2], "bounds": bounds}
    (counts,) = assert_same("random_counts", operands, [np.zeros(n, np.int32)], {"purpose": 24301})
    assert n < 1000 or counts.max() == bounds.size


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", [None, 45])  # of all neurons, or of a part of them
def test_numbers_of_parts_times_weights(n, dtype, first):
    rng = np.random.default_rng(n)
    # With 300 bounds, some elements have the upper half of one, and all 32 bits decide.
    bounds = np.concatenate([np.sort(rng.integers(0, 2**32, k, dtype=np.uint32)) for k in (3, 300)])
    neurons = n if first is None else n + 60
    parts = np.array([[neurons // 3, 3, 7], [neurons, 303, 0]], np.int32)
    for weight in (rng.normal(size=1), rng.normal(size=n), rng.normal(size=(3, n))):
        target = rng.normal(size=(3, n)).astype(dtype)
        given = {"keys": KEYS, "first": np.array(first or 0, np.uint32), "bounds": bounds, "parts": parts}
        given |= {"weight": weight.astype(dtype), "target": target}
        (result,) = assert_same("random_add", given, [target], {"purpose": 24301, "neurons": neurons})
        assert n < 4 or (result != target).any()


def test_what_does_not_fit_is_refused():
    for keys, message in [(np.zeros(3, np.uint32), "'keys'"), (np.zeros(2, np.float32), "operand 'keys' is float32")]:
        with pytest.raises(HandlerError, match=message):
            on_gpu("random_words", {"keys": keys, "first": FIRST[:1]}, [np.zeros(4, np.uint32)], {"purpose": 1})
