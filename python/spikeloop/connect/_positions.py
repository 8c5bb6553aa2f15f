"""Positions: where the neurons of a connection are."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u
import jax
import numpy as np

from .._errors import ShapeError, UnitError
from .._jax import is_tracer
from .._module import as_size
from ..random._units import attach, common_unit
from ._view import View

AXES = 3


class Positions:
    """Where the sources and targets of a connection are, for what depends on their distance d.

    | name | meaning | default |
    |---|---|---|
    | `source`, `target` | positions, one row of 1 to 3 numbers for each neuron | a grid over `extent` |
    | `extent` | lengths of the space along its axes, or one for all | 1, if lengths have no unit |
    | `periodic` | whether opposite ends of `extent` touch | False |

    On a grid, a population of shape (a, b) has a × b positions, in the middle of the cells of `extent`. A part of a
    population has the places that its neurons have in the whole. Lengths may have a unit, then all have.
    """

    def __init__(self, source: Any = None, target: Any = None, extent: Any = None, periodic: bool = False):
        self.periodic = periodic
        self.unit, (*places, extent) = lengths_in_common("Positions", source=source, target=target, extent=extent)
        self._given = [None if x is None else _positions(x) for x in places]
        if extent is None and self.unit != u.UNITLESS and (periodic or any(x is None for x in self._given)):
            raise ValueError(f"Positions: extent has to be given where lengths are in {self.unit}.")
        self._extent = _checked_extent(1.0 if extent is None else extent)

    def of_sources(self, source: View) -> np.ndarray:
        """The positions (sources, axes) as plain numbers."""
        return self._place("source", self._given[0], source)

    def of_targets(self, target: View) -> np.ndarray:
        """The positions (targets, axes) as plain numbers."""
        return self._place("target", self._given[1], target)

    def of_both(self, source: View, target: View) -> tuple[np.ndarray, np.ndarray]:
        """The positions of sources and targets, which lie in one space."""
        a, b = self.of_sources(source), self.of_targets(target)
        if a.shape[1] != b.shape[1]:
            raise ShapeError(f"Positions: sources lie in {a.shape[1]} dimensions, targets in {b.shape[1]}.")
        return a, b

    def period(self, axes: int) -> tuple[float, ...]:
        """After which distance each axis repeats; 0 where it does not."""
        return self._lengths(axes) if self.periodic else (0.0,) * axes

    def distances(self, source: View, target: View, i: np.ndarray, j: np.ndarray) -> Any:
        """The distance from source place `i` to target place `j`, for arrays of both."""
        a, b = self.of_both(source, target)
        square = np.zeros(i.shape)
        for axis, period in enumerate(self.period(a.shape[1])):
            d = b[j, axis] - a[i, axis]
            if period > 0:
                d = d - period * np.floor(d / period + 0.5)
            square = square + d * d
        return attach(np.sqrt(square), self.unit)

    def _place(self, name: str, given: np.ndarray | None, neurons: View) -> np.ndarray:
        if given is None:
            every = _grid(neurons.shape, self._lengths(len(neurons.shape)))
            return every if neurons.is_whole else every[neurons.indices]
        if len(given) == math.prod(neurons.shape):
            return given if neurons.is_whole else given[neurons.indices]
        if len(given) != neurons.size:
            raise ShapeError(f"Positions: {len(given)} positions as {name}, but {neurons.size} neurons.")
        return given

    def _lengths(self, axes: int) -> tuple[float, ...]:
        if axes > AXES or self._extent.size not in (1, axes):
            raise ShapeError(
                f"Positions: {axes} dimensions with an extent of {self._extent.size} lengths; expected 1 to {AXES} "
                "dimensions and one length for each."
            )
        return tuple(np.broadcast_to(self._extent, (axes,)).tolist())


def grid(size: Any, extent: Any = 1.0) -> Any:
    """Positions (neurons, axes) of a population of shape `size` in the middle of the cells of `extent`."""
    size = as_size(size, "grid: size")
    unit, (lengths,) = lengths_in_common("grid", extent=extent)
    lengths = _checked_extent(lengths)
    if lengths.size not in (1, len(size)):
        raise ShapeError(f"grid: an extent of {lengths.size} lengths for the {len(size)} axes of {size}.")
    return attach(_grid(size, tuple(np.broadcast_to(lengths, (len(size),)).tolist())), unit)


def lengths_in_common(where: str, **lengths: Any) -> tuple[Any, list[Any]]:
    """(the unit of these lengths, the plain numbers): all in metres and its like, or all without a unit."""
    for name, value in lengths.items():
        if any(map(is_tracer, jax.tree.leaves(value))):
            raise TypeError(f"{where}: {name} decides which synapses there are, so it must be known before tracing.")
        if value is not None and not _is_real(u.get_mantissa(value)):
            raise TypeError(
                f"{where}: {name} must be a length such as `0.1` or `100. * u.um`, or an array; given {value!r}."
            )
    unit, numbers = common_unit(where, **lengths)
    if not (unit == u.UNITLESS or unit.has_same_dim(u.um)):
        raise UnitError(f"{where}: {', '.join(lengths)} must be lengths such as `100. * u.um`, or plain numbers; "
                        f"given a value in {unit}.")  # fmt: skip
    return unit, numbers


def _is_real(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "iuf"
    except ValueError:  # lists of different lengths
        return False


def _grid(size: tuple[int, ...], lengths: tuple[float, ...]) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * (length / max(n, 1)) for n, length in zip(size, lengths, strict=True)]
    return np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], -1)


def _checked_extent(given: Any) -> np.ndarray:
    extent = np.asarray(given, np.float64)
    if extent.ndim > 1 or not (np.isfinite(extent) & (extent > 0)).all():
        raise ValueError(f"Positions: extent must be positive lengths; given {given}.")
    return extent


def _positions(given: Any) -> np.ndarray:
    places = np.ascontiguousarray(given, np.float64)
    places = places[:, None] if places.ndim == 1 else places
    if places.ndim != 2 or not 1 <= places.shape[1] <= AXES:
        raise ShapeError(f"Positions: positions must be an array (neurons, 1 to 3); given {places.shape}.")
    if not np.isfinite(places).all():
        raise ValueError("Positions: positions hold NaN or infinity.")
    return places
