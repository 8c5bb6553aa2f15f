"""What a builder of synapses is told, and the choice of the builder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..kernels import _library
from ._draws import Draw
from ._view import NOWHERE


class Synapses(NamedTuple):
    """Synapses as compressed rows, one for each source; a row ascends in delay, then in target.

    | field | holds |
    |---|---|
    | `indices` | target of each synapse, in 16 bits where that is enough, else in 32 |
    | `indptr` | start of each row and end of the last; empty if all rows are equally long |
    | `weight` | one for all, or one for each |
    | `delay` | None, one number of steps for all, or one for each in 8 bits, or 16 if one is longer than 255 |
    | `dt` | time step in ms that delays were counted in; None if they were given in steps |
    """

    indices: np.ndarray
    indptr: np.ndarray
    weight: Any = None
    delay: Any = None
    dt: float | None = None


@dataclasses.dataclass(frozen=True)
class Space:
    """Positions of neurons, one row each, and how the probability of a synapse falls with distance."""

    profile: str
    scale: float
    cutoff: float
    source: np.ndarray
    target: np.ndarray
    period: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Spec:
    """A rule by name with its numbers, of which each rule uses its own, and what to draw for each synapse.

    `own` leaves out the synapses from a neuron to itself: for each source which target it is, or, in a rule that draws
    the sources of a target, for each target which source it is; a number that is none of them stands for none.
    `pairs(sources, targets)` are the probabilities of the synapses of some sources to some targets, one row for each
    source. With `targets` only the synapses to this range of targets are built, which count from its start.
    """

    rule: str
    seed: int
    n_pre: int
    n_post: int
    num: int = 0
    prob: float = 0.0
    multapses: bool = True
    own: range | np.ndarray | None = None
    space: Space | None = None
    weight: Draw | None = None
    delay: Draw | None = None
    wide: bool = False
    pairs: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    targets: range | None = None

    @property
    def wanted(self) -> range:
        """The targets whose synapses are built."""
        return range(self.n_post) if self.targets is None else self.targets


def build(spec: Spec) -> Synapses:
    """The synapses of a rule, from the native builder if there is one; both give the same."""
    native = _library.native
    if native is None or spec.pairs is not None:
        from . import _reference

        return _reference.build(spec)
    told = native.Spec()
    parts = [spec] if spec.space is None else [spec, spec.space]
    for part in parts:
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Draw):
                value = native.Draw(*dataclasses.astuple(value))
            if field.name == "own" and value is not None:
                value = _places(value, spec)
            if value is not None and field.name not in ("space", "pairs", "targets"):
                setattr(told, field.name, value)
    told.targets = spec.wanted.start, spec.wanted.stop
    return Synapses(*native.build(told))


def _places(own: range | np.ndarray, spec: Spec) -> np.ndarray:
    """The places of `own` as the native builder takes them."""
    places = np.asarray(own)
    inside = (places >= 0) & (places < max(spec.n_pre, spec.n_post))
    return np.ascontiguousarray(np.where(inside, places, NOWHERE), np.uint32)


def order(sources: np.ndarray, targets: np.ndarray, delay: np.ndarray | None, n_pre: int) -> tuple[np.ndarray, ...]:
    """(indptr, which of the given synapses stands at each place of the rows)."""
    if _library.native is None:
        keys = (targets, sources) if delay is None else (targets, delay, sources)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_pre))])
        return indptr.astype(np.int32 if len(sources) < 1 << 31 else np.int64), np.lexsort(keys)
    delay = np.zeros(0, np.uint16) if delay is None else delay
    given = np.ascontiguousarray(sources, np.uint32), np.ascontiguousarray(targets, np.uint32)
    return _library.native.order(*given, np.ascontiguousarray(delay, np.uint16), n_pre)
