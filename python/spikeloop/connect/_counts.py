"""Numbers of synapses drawn from binomial and hypergeometric distributions, in Python: those of the native builders.

Few draws are made one by one. Many are drawn at once by the ratio of uniforms: Stadlober E (1990) The ratio of uniforms
approach for generating discrete random variates. J. Comput. Appl. Math. 31, 181-189.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ._random import Stream, ln_factorial, ln_of

_FEW = 16  # draws that are made one by one
_HAT = (1.7155277699214135, 0.8989161620588988)  # 2 √(2/e) and 3 - 2 √(3/e)


def binomial(n: int, left: float, right: float, stream: Stream) -> int:
    """How many of `n` draws are of the left, each with odds of `left` to `right`."""
    if left > right:
        return n - binomial(n, right, left, stream)
    if left == 0:
        return 0
    total, all_ = left + right, float(n)
    if n <= _FEW:
        return sum(stream.unit() * total < left for _ in range(n))
    p, ln_odds = left / total, ln_of(left / right)
    mean = all_ * p
    peak = _Peak(mean, mean * (right / total), math.floor((all_ + 1.0) * p), all_)
    return _ratio_of_uniforms(peak, stream, lambda k: k * ln_odds - (ln_factorial(k) + ln_factorial(all_ - k)))


def hypergeometric(n: int, left: int, right: int, stream: Stream) -> int:
    """How many of `n` different items are of the left, drawn among `left` and `right` ones."""
    total = left + right
    if n > total // 2:
        return left - hypergeometric(total - n, left, right, stream)
    if left > right:
        return n - hypergeometric(n, right, left, stream)
    if n <= _FEW:
        found = 0
        for drawn in range(n):
            found += stream.unit() * float(total - drawn) < float(left - found)
        return found
    m, a, b, all_ = float(n), float(left), float(right), float(total)
    mean = m * (a / all_)
    variance = mean * (b / all_) * ((all_ - m) / (all_ - 1.0))
    peak = _Peak(mean, variance, math.floor((m + 1.0) * ((a + 1.0) / (all_ + 2.0))), min(m, a))
    return _ratio_of_uniforms(
        peak,
        stream,
        lambda k: -((ln_factorial(k) + ln_factorial(a - k)) + (ln_factorial(m - k) + ln_factorial(b - m + k))),
    )


def split(
    seed: int, purpose: int, tree: int, number: int, wanted: range, before: list[int], *, repeats: bool
) -> Iterator[tuple[int, int]]:
    """(part, number) for those of `wanted` parts that get some of `number` draws, in their order.

    `before[part]` places lie before a part, and draws are uniform over all places. They are split down a binary tree,
    so that those of some parts are known without the others.
    """

    def node(start: int, end: int, number: int) -> Iterator[tuple[int, int]]:
        if number == 0 or end <= wanted.start or wanted.stop <= start:
            return
        if end - start == 1:
            yield start, number
            return
        cut = start + (1 << (end - start - 1).bit_length() - 1)
        left, right = before[cut] - before[start], before[end] - before[cut]
        stream = Stream(seed, cut << 32 | tree, purpose)
        if repeats:
            on_left = binomial(number, float(left), float(right), stream)
        else:
            on_left = hypergeometric(number, left, right, stream)
        yield from node(start, cut, on_left)
        yield from node(cut, end, number - on_left)

    return node(0, len(before) - 1, number)


class _Peak(NamedTuple):
    """Where a distribution over 0 … `most` is high."""

    mean: float
    variance: float
    mode: float
    most: float


def _ratio_of_uniforms(peak: _Peak, stream: Stream, ln_weight: Callable[[float], float]) -> int:
    """A number from a distribution with this logarithm up to a constant."""
    centre, spread = peak.mean + 0.5, math.sqrt(peak.variance + 0.5)
    width = _HAT[0] * spread + _HAT[1]
    end = min(peak.most + 1.0, math.floor(centre + 16.0 * spread))
    highest = ln_weight(float(peak.mode))
    while True:
        u, v = stream.unit(), stream.unit()
        x = centre + width * (v - 0.5) / u
        if not 0.0 <= x < end:
            continue
        k = math.floor(x)
        height = ln_weight(float(k)) - highest
        if u * (4.0 - u) - 3.0 <= height:
            return k
        if u * (u - height) < 1.0 and 2.0 * ln_of(u) <= height:
            return k
