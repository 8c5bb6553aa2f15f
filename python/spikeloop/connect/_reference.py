"""The random draws of the native builders in NumPy: their definition, and their substitute without the library."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_FIXED_OUT_DEGREE = 1  # keeps the draws of different uses of one seed apart
_BLOCKS = 16  # counters computed at a time


def philox(counter: np.ndarray, key: int) -> np.ndarray:
    """Philox 4×32-10: four random words for each counter (..., 4) under a 64-bit key.

    Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. SC11.
    """
    a, b, c, d = (counter[..., i].astype(np.uint64) for i in range(4))
    k, m = np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)
    for _ in range(10):
        x, y = _MULTIPLY[0] * a, _MULTIPLY[1] * c
        a, b, c, d = (y >> _HALF) ^ b ^ k, y & _LOW, (x >> _HALF) ^ d ^ m, x & _LOW
        k, m = (k + _WEYL[0]) & _LOW, (m + _WEYL[1]) & _LOW
    return np.stack([a, b, c, d], -1)


def _words(seed: int, stream: int, purpose: int) -> Iterator[int]:
    """The random words of one stream of a seed."""
    start = 0
    while True:
        counter = np.zeros((_BLOCKS, 4), np.uint64)
        counter[:, 0] = np.arange(start, start + _BLOCKS, dtype=np.uint64) & _LOW
        counter[:, 1:] = purpose, stream & 0xFFFFFFFF, stream >> 32
        yield from philox(counter, seed).ravel().tolist()
        start += _BLOCKS


def _below(words: Iterator[int], bound: int) -> int:
    """A number below `bound`, each with the same probability (Lemire 2019)."""
    wide = next(words) * bound
    while (wide & 0xFFFFFFFF) < bound and (wide & 0xFFFFFFFF) < -bound % (1 << 32) % bound:
        wide = next(words) * bound
    return wide >> 32


def fixed_out_degree(seed: int, n_pre: int, n_post: int, k: int, multapses: bool, autapses: bool) -> np.ndarray:
    """The targets of `n_pre` sources with `k` synapses each, every row ascending; shape (n_pre, k)."""
    available = n_post - (not autapses and n_pre > 0 and n_post > 0)
    if n_pre > 0 and k > 0 and (available == 0 or (not multapses and k > available)):
        raise ValueError(f"{k} targets per source were asked for, but there are {available}.")
    out = np.zeros((n_pre, k), np.uint32)
    for i in range(n_pre if k else 0):
        own = i if not autapses and i < n_post else None
        words, size = _words(seed, i, _FIXED_OUT_DEGREE), n_post - (own is not None)
        row = sorted(_row(words, size, k, multapses))
        out[i] = row if own is None else [x + (x >= own) for x in row]
    return out


def _row(words: Iterator[int], size: int, k: int, multapses: bool) -> list[int]:
    if multapses:
        return [_below(words, size) for _ in range(k)]
    chosen: dict[int, None] = {}
    for last in range(size - k, size):  # Floyd: each draw among one more, a repeat gives that one
        draw = _below(words, last + 1)
        chosen[last if draw in chosen else draw] = None
    return list(chosen)
