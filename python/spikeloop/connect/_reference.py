"""The native builders in NumPy: their definition, the oracle of their tests, and their substitute without the library.

Each rule is a function of the seed and of a neuron's number; integer draws are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ._draws import EXPONENTIAL, LOG_NORMAL, NORMAL, UNIFORM, Draw
from ._random import Stream, exp, ln, ln_of_complement, normal_quantile
from ._spec import Spec, Synapses

# Numbers that keep the draws of different uses of one seed apart.
_OUT_DEGREE, _IN_DEGREE, _PROB, _TOTAL, _SOURCES, _DISTANCE, _SMALL_WORLD, _WEIGHT, _DELAY = range(1, 10)

_BLOCK = 1 << 16  # pairs drawn from one stream
_LONGEST = 65535


def build(spec: Spec) -> Synapses:
    """All synapses of a rule."""
    rows = [np.sort(np.asarray(row, np.uint32)) for row in _RULES[spec.rule](spec)]
    delays = [np.zeros(0, np.int64)] * len(rows)
    if spec.delay is not None:
        for i, row in enumerate(rows):
            steps = _steps(spec.delay, Stream(spec.seed, i, _DELAY).units(len(row)))
            order = np.lexsort((row, steps))
            rows[i], delays[i] = row[order], steps[order]
    indices = np.concatenate(rows) if rows else np.zeros(0)
    lengths = [len(row) for row in rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)]) if spec.rule in _UNEQUAL or len(set(lengths)) > 1 else []
    return Synapses(
        indices.astype(np.uint16 if spec.n_post <= 1 << 16 else np.uint32),
        np.asarray(indptr, np.int32 if len(indices) < 1 << 31 else np.int64),
        None if spec.weight is None else _weights(spec, lengths),
        None if spec.delay is None else _narrow(np.concatenate(delays) if rows else np.zeros(0), spec.delay),
    )


def values(draw: Draw, units: np.ndarray) -> np.ndarray:
    """The values that numbers between 0 and 1 stand for."""
    p = draw.part[0] + (draw.part[1] - draw.part[0]) * units
    if draw.family == UNIFORM:
        x = draw.a + (draw.b - draw.a) * p
    elif draw.family == NORMAL:
        x = draw.a + draw.b * normal_quantile(p)
    elif draw.family == LOG_NORMAL:
        x = exp(draw.a + draw.b * normal_quantile(p))
    else:
        assert draw.family == EXPONENTIAL
        x = draw.a - draw.b * ln(np.maximum(1.0 - p, np.finfo(np.float64).tiny))
    return np.minimum(np.maximum(x, draw.bounds[0]), draw.bounds[1])


def _steps(draw: Draw, units: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(np.floor(values(draw, units) + 0.5), 1.0), 1e9).astype(np.int64)


def _weights(spec: Spec, lengths: list[int]) -> np.ndarray:
    assert spec.weight is not None
    drawn = [values(spec.weight, Stream(spec.seed, i, _WEIGHT).units(n)) for i, n in enumerate(lengths)]
    return np.concatenate(drawn or [np.zeros(0)]).astype(np.float64 if spec.wide else np.float32)


def _narrow(steps: np.ndarray, draw: Draw) -> np.ndarray:
    if steps.size and steps.max() > _LONGEST:
        raise ValueError(f"a delay that was drawn is longer than {_LONGEST} steps")
    return steps.astype(np.uint8 if most_steps(draw) <= 255 else np.uint16)


def most_steps(draw: Draw) -> int:
    """The longest delay that can be drawn."""
    return int(_steps(draw, np.array([2.0**-53, 1 - 2.0**-53])).max())


# --- rules ------------------------------------------------------------------------------------------------------------


def _one_to_one(spec: Spec) -> Iterator[list[int]]:
    if spec.n_pre != spec.n_post:
        raise ValueError("one to one needs populations of one size")
    return ([i] for i in range(spec.n_pre))


def _all_to_all(spec: Spec) -> Iterator[list[int]]:
    everyone = range(spec.n_post)
    return ([j for j in everyone if j != _own(spec, i, spec.n_post)] for i in range(spec.n_pre))


def _fixed_prob(spec: Spec) -> Iterator[np.ndarray]:
    for i in range(spec.n_pre):
        own = _own(spec, i, spec.n_post)
        row = _successes(Stream(spec.seed, i, _PROB), spec.n_post - (own is not None), spec.prob)
        yield row if own is None else row + (row >= own)


def _successes(stream: Stream, trials: int, prob: float) -> np.ndarray:
    """Which of independent trials succeed, from the geometric gaps between them."""
    if prob in (0.0, 1.0):
        return np.arange(trials if prob else 0)
    found, last, ln_none = [np.zeros(0)], -1.0, ln_of_complement(prob)
    while last < trials:
        expected = (trials - last) * prob
        gaps = np.floor(ln(stream.units(int(expected + 5 * expected**0.5) + 16)) / ln_none)
        found.append(last + np.cumsum(np.minimum(gaps, trials) + 1))
        last = found[-1][-1]
    positions = np.concatenate(found)
    return positions[positions < trials].astype(np.int64)


def _fixed_out_degree(spec: Spec) -> Iterator[list[int]]:
    _check_available(spec, spec.n_pre, spec.n_post)
    return (_choice(spec, _OUT_DEGREE, i, spec.num, spec.n_post) for i in range(spec.n_pre))


def _fixed_in_degree(spec: Spec) -> list[list[int]]:
    _check_available(spec, spec.n_post, spec.n_pre)
    rows: list[list[int]] = [[] for _ in range(spec.n_pre)]
    for j in range(spec.n_post):
        for i in _choice(spec, _IN_DEGREE, j, spec.num, spec.n_pre):
            rows[i].append(j)
    return rows


def _fixed_total_number(spec: Spec) -> Iterator[list[int]]:
    available = [spec.n_post - (_own(spec, i, spec.n_post) is not None) for i in range(spec.n_pre)]
    pairs = sum(available)
    if spec.num and (pairs == 0 or (not spec.multapses and spec.num > pairs)):
        raise ValueError(f"{spec.num} distinct targets asked for, but there are only {pairs}")
    if not spec.multapses and spec.num > pairs // 2:
        absent = _sources(spec, pairs - spec.num)
        counts = [n - k for n, k in zip(available, absent, strict=True)]
    else:
        counts = _sources(spec, spec.num)
    return (_choice(spec, _TOTAL, i, counts[i], spec.n_post) for i in range(spec.n_pre))


def _sources(spec: Spec, num: int) -> list[int]:
    """How many of `num` pairs drawn uniformly each source has."""
    counts = [0] * spec.n_pre
    own = [int(_own(spec, i, spec.n_post) is not None) for i in range(spec.n_pre)]
    stream = Stream(spec.seed, 0, _SOURCES)
    for k in range(num):
        if spec.multapses and k % _BLOCK == 0:
            stream = Stream(spec.seed, k // _BLOCK, _SOURCES)
        while True:
            i = stream.below(spec.n_pre)
            taken = own[i] + (0 if spec.multapses else counts[i])
            if taken == 0 or stream.below(spec.n_post) >= taken:
                break
        counts[i] += 1
    return counts


def _distance_dependent(spec: Spec) -> Iterator[np.ndarray]:
    space = spec.space
    assert space is not None
    for i in range(spec.n_pre):
        square = np.zeros(spec.n_post)
        for axis, period in zip(range(space.target.shape[1]), space.period, strict=False):
            d = space.target[:, axis] - space.source[i, axis]
            if period > 0:
                d = d - period * np.floor(d / period + 0.5)
            square = square + d * d
        if space.profile == "gaussian":
            prob = exp(-0.5 * (square / (space.scale * space.scale)))
        elif space.profile == "exponential":
            prob = exp(-(np.sqrt(square) / space.scale))
        else:
            prob = (square <= space.scale * space.scale).astype(float)
        drawn = Stream(spec.seed, i, _DISTANCE).unit_at(np.arange(spec.n_post)) < spec.prob * prob
        drawn &= square <= space.cutoff * space.cutoff
        if (own := _own(spec, i, spec.n_post)) is not None:
            drawn[own] = False
        yield np.flatnonzero(drawn)


def _pair_prob(spec: Spec) -> Iterator[np.ndarray]:
    """Each pair with a probability of its own, drawn as in `_distance_dependent`."""
    assert spec.pairs is not None
    rows = max(_BLOCK * 16 // max(spec.n_post, 1), 1)
    for first in range(0, spec.n_pre, rows):
        last = min(first + rows, spec.n_pre)
        for i, probs in zip(range(first, last), spec.pairs(first, last), strict=True):
            drawn = Stream(spec.seed, i, _DISTANCE).unit_at(np.arange(spec.n_post)) < probs
            if (own := _own(spec, i, spec.n_post)) is not None:
                drawn[own] = False
            yield np.flatnonzero(drawn)


def _small_world(spec: Spec) -> Iterator[list[int]]:
    n = spec.n_pre
    for i in range(n):
        row = [j for k in range(1, spec.num // 2 + 1) for j in ((i + k) % n, (i - k) % n)]
        stream = Stream(spec.seed, i, _SMALL_WORLD)
        for place, old in enumerate(row if spec.num + 1 < n else []):
            if stream.unit() < spec.prob:
                new = stream.below(n)
                while new == i or new in row:
                    new = stream.below(n)
                row[place] = new
                assert old not in row
        yield row


_RULES: dict[str, Callable[[Spec], Iterable[Any]]] = {
    "one_to_one": _one_to_one,
    "all_to_all": _all_to_all,
    "fixed_prob": _fixed_prob,
    "fixed_out_degree": _fixed_out_degree,
    "fixed_in_degree": _fixed_in_degree,
    "fixed_total_number": _fixed_total_number,
    "distance_dependent": _distance_dependent,
    "pair_prob": _pair_prob,
    "small_world": _small_world,
}
_UNEQUAL = {"fixed_prob", "fixed_in_degree", "fixed_total_number", "distance_dependent", "pair_prob"}


def _own(spec: Spec, i: int, size: int) -> int | None:
    """The partner that the neuron itself is, where it may not be drawn."""
    own = None if spec.own is None else int(spec.own[i])
    return own if own is not None and 0 <= own < size else None


def _check_available(spec: Spec, n: int, size: int) -> None:
    available = size - any(_own(spec, i, size) is not None for i in range(n))
    if n > 0 and spec.num > 0 and (available == 0 or (not spec.multapses and spec.num > available)):
        raise ValueError(f"{spec.num} distinct targets asked for, but there are only {available}")


def _choice(spec: Spec, purpose: int, i: int, k: int, size: int) -> list[int]:
    """`k` partners of neuron `i`, drawn uniformly."""
    stream, own = Stream(spec.seed, i, purpose), _own(spec, i, size)
    size -= own is not None
    if spec.multapses:
        row = [stream.below(size) for _ in range(k)]
    else:
        chosen: dict[int, None] = {}
        for last in range(size - k, size):  # Floyd: each draw among one more, a repeat gives that one
            draw = stream.below(last + 1)
            chosen[last if draw in chosen else draw] = None
        row = list(chosen)
    return row if own is None else [x + (x >= own) for x in row]
