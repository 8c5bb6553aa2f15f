"""What a builder of synapses is told, and the choice of the builder."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from ..kernels import _library
from ._draws import Draw


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
    """A rule by name with its numbers, of which each rule uses its own, and what to draw for each synapse."""

    rule: str
    seed: int
    n_pre: int
    n_post: int
    num: int = 0
    prob: float = 0.0
    multapses: bool = True
    autapses: bool = True
    space: Space | None = None
    weight: Draw | None = None
    delay: Draw | None = None
    wide: bool = False


def build(spec: Spec) -> Synapses:
    """The synapses of a rule, from the native builder if there is one; both give the same."""
    native = _library.native
    if native is None:
        from . import _reference

        return _reference.build(spec)
    told = native.Spec()
    parts = [spec] if spec.space is None else [spec, spec.space]
    for part in parts:
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Draw):
                value = native.Draw(*dataclasses.astuple(value))
            if value is not None and field.name != "space":
                setattr(told, field.name, value)
    return Synapses(*native.build(told))


def order(sources: np.ndarray, targets: np.ndarray, delay: np.ndarray | None, n_pre: int) -> tuple[np.ndarray, ...]:
    """(indptr, which of the given synapses stands at each place of the rows)."""
    if _library.native is None:
        keys = (targets, sources) if delay is None else (targets, delay, sources)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_pre))])
        return indptr.astype(np.int32 if len(sources) < 1 << 31 else np.int64), np.lexsort(keys)
    delay = np.zeros(0, np.uint16) if delay is None else delay
    given = np.ascontiguousarray(sources, np.uint32), np.ascontiguousarray(targets, np.uint32)
    return _library.native.order(*given, np.ascontiguousarray(delay, np.uint16), n_pre)
