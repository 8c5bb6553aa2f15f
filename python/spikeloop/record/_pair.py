"""Spikes given as a pair (times, indices), checked."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import brainunit as u
import numpy as np

from .._errors import ShapeError, UnitError

_ULPS = 2  # that a time is off, after a product such as k * dt in its dtype


class Pair(NamedTuple):
    """Times in ms in double precision, and the ms by which rounding in the given dtype may have moved each."""

    ms: np.ndarray
    blur: np.ndarray
    indices: np.ndarray
    size: int


def checked_pair(times: Any, indices: Any, size: Any, where: str) -> Pair:
    """The spikes of `size` neurons; by default up to the largest index."""
    ms, blur = _milliseconds(times, where)
    indices = np.atleast_1d(np.asarray(indices))
    if ms.shape != indices.shape or ms.ndim != 1:
        raise ShapeError(f"{where}: {ms.size} times but {indices.size} indices; each spike has one of both.")
    if indices.size and not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"{where}: indices of neurons must be whole numbers; given {indices.dtype}.")
    if size is None:
        size = int(indices.max(initial=-1)) + 1
    elif isinstance(size, bool) or not hasattr(size, "__index__") or operator.index(size) < 0:
        raise ValueError(f"{where}: size must be a number of neurons; given {size!r}.")
    wrong = indices[(indices < 0) | (indices >= size)]
    if wrong.size:
        raise IndexError(f"{where}: neuron {wrong[0]} of {size}: indices must lie from 0 to {size - 1}.")
    return Pair(ms, blur, indices.astype(np.int64), operator.index(size))


def _milliseconds(times: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(times, u.Quantity) or not times.unit.has_same_dim(u.ms):
        raise UnitError(f"{where} needs times with a unit, such as `[1., 2.] * u.ms`; given {type(times).__name__}.")
    given = np.atleast_1d(np.asarray(times.mantissa))
    if not np.isfinite(given).all():
        raise ValueError(f"{where}: times must be finite.")
    scale = float(u.Quantity(1.0, unit=times.unit).to_decimal(u.ms))
    kind = given if np.issubdtype(given.dtype, np.floating) else given.astype(np.float64)
    return given.astype(np.float64) * scale, _ULPS * np.spacing(np.abs(kind)).astype(np.float64) * scale
