"""The native builders in NumPy: their definition, the oracle of their tests, and their substitute without the library.

Each draw is a function of the seed and of the numbers of neurons that it is for, so that the synapses to some targets
are those of the whole; integer draws are the same to the bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ._counts import binomial, split
from ._draws import EXPONENTIAL, LOG_NORMAL, NORMAL, UNIFORM, Draw
from ._random import Stream, exp, ln, normal_quantile, open_units, philox
from ._spec import Spec, Synapses

# Numbers that keep the draws of different uses of one seed apart.
_OUT_DEGREE, _IN_DEGREE, _PROB, _TOTAL, _SOURCES, _DISTANCE, _SMALL_WORLD, _SPLIT, _SYNAPSE = range(1, 10)

_PAIRS = 1 << 20  # whose probabilities are asked for at a time
_MEAN = 32.0  # synapses of a source in a block of targets at least, on average
_LONGEST = 65535


def build(spec: Spec) -> Synapses:
    """All synapses of a rule that reach the wanted targets."""
    wanted = spec.wanted
    if not 0 <= wanted.start <= wanted.stop <= spec.n_post:
        raise ValueError("the targets that are wanted are some of those there are")
    rows = [np.sort(np.asarray(row, np.int64)) for row in _RULES[spec.rule](spec)]
    rows = [row[(row >= wanted.start) & (row < wanted.stop)] for row in rows]
    weights, delays = [np.zeros(0)] * len(rows), [np.zeros(0, np.int64)] * len(rows)
    if spec.weight is not None or spec.delay is not None:
        for i, row in enumerate(rows):
            rows[i], weights[i], delays[i] = _drawn(spec, i, row)
    indices = np.concatenate(rows) - wanted.start if rows else np.zeros(0)
    lengths = [len(row) for row in rows]
    unequal = spec.rule in _UNEQUAL or len(wanted) < spec.n_post or len(set(lengths)) > 1
    return Synapses(
        indices.astype(np.uint16 if len(wanted) <= 1 << 16 else np.uint32),
        np.asarray(np.cumsum([0, *lengths]) if unequal else [], np.int32 if len(indices) < 1 << 31 else np.int64),
        None if spec.weight is None else _joined(weights).astype(np.float64 if spec.wide else np.float32),
        None if spec.delay is None else _narrow(_joined(delays), spec.delay),
    )


def _drawn(spec: Spec, i: int, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(targets, weights, delays) of a row, ascending in delay, then in target.

    The draws belong to the source, the target, and to which of several synapses between them it is.
    """
    counter = np.empty((row.size, 4), np.uint64)
    occurrence = np.arange(row.size) - np.searchsorted(row, row)
    counter[:, 0], counter[:, 1], counter[:, 2], counter[:, 3] = row, _SYNAPSE, i, occurrence
    words = philox(counter, spec.seed)
    weights = values(spec.weight, open_units(words[:, :2])) if spec.weight is not None else np.zeros(row.size)
    if spec.delay is None:
        return row, weights, np.zeros(0, np.int64)
    steps = _steps(spec.delay, open_units(words[:, 2:]))
    places = np.argsort(steps, kind="stable")
    return row[places], weights[places], steps[places]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)


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


def _fixed_prob(spec: Spec) -> Iterator[list[int]]:
    if not 0 <= spec.prob <= 1:
        raise ValueError("a probability lies between 0 and 1")
    blocks = _Blocks(spec, spec.prob)
    for i in range(spec.n_pre):
        before, row = blocks.before(i), []
        for block in blocks.wanted:
            stream = Stream(spec.seed, block << 32 | i, _SPLIT)
            number = binomial(before[block + 1] - before[block], spec.prob, 1.0 - spec.prob, stream)
            row += blocks.targets(_PROB, i, block, number, repeats=False)
        yield row


def block_width(n_post: int, mean: float) -> int:
    """The targets of a block, for so many synapses of a pair of neurons on average."""
    width = 1
    while width * mean < _MEAN and width < n_post:
        width *= 2
    return width


class _Blocks:
    """Blocks of targets: how many synapses of a source lie in each is drawn first, then which targets they reach.

    So the synapses to some blocks are drawn without the others. A block has a power of two of targets, the last one may
    have fewer; `mean` is the number of synapses of a pair of neurons, on average.
    """

    def __init__(self, spec: Spec, mean: float):
        self.spec, self.width = spec, block_width(spec.n_post, mean)
        self.edges = [*range(0, spec.n_post, self.width), spec.n_post]
        wanted = spec.wanted
        self.wanted = range(wanted.start // self.width, -(-wanted.stop // self.width) if len(wanted) else 0)

    def before(self, i: int) -> list[int]:
        """How many targets that source `i` may have lie before each block, and in all."""
        own = _own(self.spec, i, self.spec.n_post)
        return self.edges if own is None else [edge - (own < edge) for edge in self.edges]

    def row(self, purpose: int, i: int, number: int) -> list[int]:
        """The targets of source `i` in the wanted blocks."""
        repeats, before = self.spec.multapses, self.before(i)
        parts = split(self.spec.seed, _SPLIT, i, number, self.wanted, before, repeats=repeats)
        return [j for block, n in parts for j in self.targets(purpose, i, block, n, repeats=repeats)]

    def targets(self, purpose: int, i: int, block: int, number: int, *, repeats: bool) -> list[int]:
        """The targets of source `i` in a block."""
        stream, own = Stream(self.spec.seed, block << 32 | i, purpose), _own(self.spec, i, self.spec.n_post)
        return _choice(stream, number, range(*self.edges[block : block + 2]), own, repeats=repeats)


def _fixed_out_degree(spec: Spec) -> Iterator[list[int]]:
    _check_available(spec, spec.n_pre, spec.n_post)
    blocks = _Blocks(spec, spec.num / max(spec.n_post, 1))
    return (blocks.row(_OUT_DEGREE, i, spec.num) for i in range(spec.n_pre))


def _fixed_in_degree(spec: Spec) -> list[list[int]]:
    _check_available(spec, spec.n_post, spec.n_pre)
    rows: list[list[int]] = [[] for _ in range(spec.n_pre)]
    for j in spec.wanted:
        stream, own = Stream(spec.seed, j, _IN_DEGREE), _own(spec, j, spec.n_pre)
        for i in _choice(stream, spec.num, range(spec.n_pre), own, repeats=spec.multapses):
            rows[i].append(j)
    return rows


def _fixed_total_number(spec: Spec) -> Iterator[list[int]]:
    available = [spec.n_post - (_own(spec, i, spec.n_post) is not None) for i in range(spec.n_pre)]
    before = [0, *itertools.accumulate(available)]
    if spec.num and (before[-1] == 0 or (not spec.multapses and spec.num > before[-1])):
        raise ValueError(f"{spec.num} distinct targets asked for, but there are only {before[-1]}")
    sources = range(spec.n_pre)
    numbers = dict(split(spec.seed, _SOURCES, 0, spec.num, sources, before, repeats=spec.multapses))
    blocks = _Blocks(spec, spec.num / max(spec.n_pre * spec.n_post, 1))
    return (blocks.row(_TOTAL, i, numbers.get(i, 0)) for i in sources)


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
    targets = np.arange(spec.wanted.start, spec.wanted.stop)
    rows = max(_PAIRS // max(targets.size, 1), 1)
    for first in range(0, spec.n_pre, rows):
        sources = np.arange(first, min(first + rows, spec.n_pre))
        for i, probs in zip(sources.tolist(), spec.pairs(sources, targets), strict=True):
            drawn = Stream(spec.seed, i, _DISTANCE).unit_at(targets) < probs
            own = _own(spec, i, spec.n_post)
            yield targets[drawn & (targets != (-1 if own is None else own))]


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


def _choice(stream: Stream, k: int, within: range, own: int | None, *, repeats: bool) -> list[int]:
    """`k` of the partners `within`, drawn uniformly; the own one is left out."""
    own = own if own in within else None
    size = len(within) - (own is not None)
    if repeats:
        row = [stream.below(size) for _ in range(k)]
    else:
        chosen: dict[int, None] = {}
        for last in range(size - k, size):  # Floyd: each draw among one more, a repeat gives that one
            draw = stream.below(last + 1)
            chosen[last if draw in chosen else draw] = None
        row = list(chosen)
    row = [x + within.start for x in row]
    return row if own is None else [x + (x >= own) for x in row]
