"""Rules for parts of populations, in one connection."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brainunit as u
import numpy as np

from .. import environ
from .._errors import ShapeError, UnitError
from .._jax import is_tracer
from .._module import as_size
from .._state import ParamState, State
from ..kernels._threads import get_num_threads
from ._growing import Growing, joined
from ._memory import check_fits
from ._on_gpu import Part
from ._rows import row_lengths
from ._rule import Rule
from ._spec import Synapses, order
from ._view import View

_CHUNK = 1 << 21  # synapses that are ordered at once: in memory that NumPy is given again, in place of new pages


class Blocks(Rule):
    """A rule for each pair of a part of the sources and a part of the targets; together they make one connection.

    | name | meaning | default |
    |---|---|---|
    | `sources`, `targets` | sizes of the parts, in their order | |
    | `rules` | {(part of the sources, part of the targets): rule} by number; a pair without a rule has no synapses | |
    | `param_type` | kind of State that holds the weights | ParamState |

    Every rule keeps its own weights, delays and seed; the weights need one dimension. A network of many populations
    propagates all its spikes in one call that way.
    """

    def __init__(
        self,
        sources: Sequence[int],
        targets: Sequence[int],
        rules: Mapping[tuple[int, int], Rule],
        *,
        param_type: Callable[..., State] = ParamState,
    ):
        super().__init__(0.0, param_type=param_type)  # the rules have weights of their own
        self.sources, self.targets = (as_size(sizes, "Blocks: the sizes of parts") for sizes in (sources, targets))
        self.rules = dict(rules)
        for (i, j), rule in self.rules.items():
            if not isinstance(rule, Rule):
                raise TypeError(f"Blocks: rules must be rules of sl.connect; given {rule!r} for {(i, j)}.")
            if not (0 <= i < len(self.sources) and 0 <= j < len(self.targets)):
                raise ValueError(
                    f"Blocks: there are {len(self.sources)} parts of the sources and {len(self.targets)} of the "
                    f"targets, counted from 0; given a rule for {(i, j)}."
                )

    def build(self, source: View, target: View, targets: range | None = None) -> Synapses:
        n_pre, n_post = source.size, target.size
        wanted = range(n_post) if targets is None else targets
        self._check_sizes(source, target)
        kind = np.dtype(np.float64 if environ.get_precision() == 64 else np.float32)
        expected = self.expected(source, target) * len(wanted) / max(n_post, 1)
        check_fits(repr(self), expected, n_pre, len(wanted), kind.itemsize, 1)
        layout = _Layout(np.uint16 if len(wanted) <= 1 << 16 else np.uint32, kind)
        indices, weights, delays = (Growing(dtype, int(expected)) for dtype in (layout.index, kind, np.uint8))
        lengths = [np.zeros(1, np.int64)]
        for i in range(len(self.sources)):
            for part in layout.merged(*self._blocks(i, source, target, wanted), self.sources[i]):
                indices.append(part.indices)
                weights.append(part.weight)
                delays.append(part.delay)  # 0 where a rule has none: one of the next may have some
                lengths.append(part.indptr)
        indptr = np.concatenate(lengths).cumsum()
        weight = weights.whole
        return Synapses(
            indices.whole,
            indptr.astype(np.int32 if indptr[-1] < 1 << 31 else np.int64),
            weight if layout.unit is None or layout.unit.is_unitless else u.Quantity(weight, unit=layout.unit),
            delays.whole if layout.delayed else None,
            layout.dt,
        )

    def parts(self, source: View, target: View, wanted: range) -> list[Part]:
        self._check_sizes(source, target)
        if any(type(rule).build is not Rule.build for rule in self.rules.values()):
            return []
        sources, targets = _cut(source, self.sources), _cut(target, self.targets)
        starts = list(itertools.accumulate(self.targets, initial=0))
        found = []
        for i, j in sorted(self.rules):
            first, end = max(wanted.start, starts[j]), min(wanted.stop, starts[j + 1])
            if first >= end and len(wanted) < starts[-1] and (i, j) != min(self.rules):
                continue
            some = range(first - starts[j], end - starts[j]) if first < end else range(0)
            found.append(
                Part(self.rules[i, j], sources[i], targets[j], some, sum(self.sources[:i]), first - wanted.start)
            )
        return found

    def _check_sizes(self, source: View, target: View) -> None:
        for what, parts, n in (("sources", self.sources, source.size), ("targets", self.targets, target.size)):
            if sum(parts) != n:
                raise ShapeError(f"Blocks: the parts of the {what} have {sum(parts)} neurons, the population {n}.")

    def expected(self, source: View, target: View) -> float:
        sources, targets = _cut(source, self.sources), _cut(target, self.targets)
        return sum(rule.expected(sources[i], targets[j]) for (i, j), rule in self.rules.items())

    def with_delay(self, delay: Any, where: str) -> Rule:
        raise ValueError(f"{where}: the rules of {self!r} have delays of their own; give it to them.")

    def draws_ranges(self) -> bool:
        return all(rule.draws_ranges() for rule in self.rules.values())

    def seeded(self) -> Rule:
        new = copy.copy(self)
        new.rules = {pair: self.rules[pair].seeded() for pair in sorted(self.rules)}
        return new

    def _blocks(self, part: int, source: View, target: View, wanted: range) -> tuple[list[Synapses], list[int]]:
        """The synapses of a part of the sources, and where the targets of each block begin among the wanted ones."""
        starts = list(itertools.accumulate(self.targets, initial=0))
        of, targets = _cut(source, self.sources)[part], _cut(target, self.targets)
        built, firsts = [], []
        for j in sorted(j for i, j in self.rules if i == part):
            first, end = max(wanted.start, starts[j]), min(wanted.stop, starts[j + 1])
            some = None if len(wanted) == starts[-1] else range(first - starts[j], end - starts[j])
            if first >= end and some is not None:
                if (part, j) != min(self.rules):  # without synapses, one still tells the unit of the weights
                    continue
                first, some = wanted.start, range(0)
            built.append(self.rules[part, j].build(of, targets[j], some))
            firsts.append(first - wanted.start)
        return built, firsts

    def __repr__(self) -> str:
        return f"Blocks({len(self.rules)} rules)"


class _Layout:
    """How all blocks are stored: types, the unit of the weights, the time step of the delays."""

    def __init__(self, index: Any, kind: np.dtype):
        self.index, self.kind = index, kind
        self.unit: Any = None
        self.dt: float | None = None
        self.delayed = False

    def merged(self, blocks: list[Synapses], starts: list[int], n_pre: int) -> Iterator[Synapses]:
        """The rows of blocks that have the same sources, in chunks; `indptr` holds the lengths of the rows."""
        for block in blocks:
            self.unit = _unit_of(block.weight) if self.unit is None else self.unit
            self.dt = block.dt if self.dt is None else self.dt
            self.delayed = self.delayed or block.delay is not None
        lengths = np.zeros((len(blocks), n_pre), np.int64)
        for row, block in zip(lengths, blocks, strict=True):
            row[:] = row_lengths(block.indices, block.indptr, n_pre)
        total = lengths.sum(0)
        cuts = np.flatnonzero(np.diff(total.cumsum() // _CHUNK)) + 1

        def chunk(first: int, last: int) -> Synapses:
            spans = [slice(row[:first].sum(), row[:last].sum()) for row in lengths]
            sources = [np.repeat(np.arange(last - first, dtype=np.uint32), row[first:last]) for row in lengths]
            return self._ordered(blocks, spans, starts, sources, last - first)._replace(indptr=total[first:last])

        with ThreadPoolExecutor(get_num_threads()) as pool:  # NumPy takes and joins without Python's lock
            yield from pool.map(chunk, *zip(*itertools.pairwise([0, *cuts.tolist(), n_pre]), strict=True))

    def _ordered(self, blocks: Any, spans: Any, starts: Any, sources: Any, n_pre: int) -> Synapses:
        cut = list(zip(blocks, spans, strict=True))
        targets = joined([b.indices[s] + np.uint32(k) for (b, s), k in zip(cut, starts, strict=True)], np.uint32)
        delay = joined([_each(b.delay, s) for b, s in cut], np.uint16)
        weight = joined([_each(self._number(b.weight), s) for b, s in cut], self.kind)
        _, places = order(joined(sources, np.uint32), targets, delay, n_pre)
        delay = delay.astype(np.uint8) if np.max(delay, initial=0) < 256 else delay
        return Synapses(targets[places].astype(self.index), places, weight[places], delay[places])

    def _number(self, weight: Any) -> Any:
        if is_tracer(u.get_mantissa(weight)):
            raise TypeError("Blocks: weights must be known before tracing. Assign a traced one to `.weight.value`.")
        if self.unit.is_unitless and not isinstance(weight, u.Quantity):
            return weight
        if not _unit_of(weight).has_same_dim(self.unit):
            raise UnitError(f"Blocks: weights are in {self.unit} in one rule and in {_unit_of(weight)} in another.")
        return weight.mantissa if weight.unit == self.unit else weight.to_decimal(self.unit)


def _cut(neurons: View, sizes: Sequence[int]) -> list[View]:
    """The parts of these sizes, one after the other."""
    edges = itertools.pairwise(itertools.accumulate(sizes, initial=0))
    return [neurons.among(slice(start, stop), "Blocks") for start, stop in edges]


def _unit_of(weight: Any) -> Any:
    """The unit of weights."""
    return getattr(weight, "unit", u.UNITLESS)


def _each(values: Any, span: slice) -> np.ndarray:
    """The values of the synapses in the span; one value stands for all, None for 0."""
    values = np.asarray(0 if values is None else values).reshape(-1)
    return values[span] if values.size > 1 else np.repeat(values, span.stop - span.start)
