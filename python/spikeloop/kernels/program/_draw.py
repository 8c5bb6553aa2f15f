"""Random numbers as operations of a program: Philox, as `_philox` defines it."""

from __future__ import annotations

from .._philox import MULTIPLY, PURPOSE, ROUNDS, WEYL
from ._ir import Value, apply


def uniform(like: Value, *key: Value, k: int) -> Value:
    """Word `k` of the block that belongs to the neuron, as a number from 0 to 1."""
    b = like.builder
    if not b.expands:
        return b.plain("uniform", like, *key, number=k)
    first, second = (b.word_constant(x) for x in MULTIPLY)
    words = [b.plain("lane"), *map(b.word_constant, (PURPOSE, 0, 0))]
    for _ in range(ROUNDS):
        high, low = apply("wmulhi", first, words[0]), apply("wmul", first, words[0])
        up, down = apply("wmulhi", second, words[2]), apply("wmul", second, words[2])
        words = [_mixed(up, words[1], key[0]), down, _mixed(high, words[3], key[1]), low]
        key = tuple(apply("wadd", x, b.word_constant(weyl)) for x, weyl in zip(key, WEYL, strict=True))
    return apply("wtof", words[k])


def _mixed(a: Value, b: Value, key: Value) -> Value:
    return apply("wxor", apply("wxor", a, b), key)
