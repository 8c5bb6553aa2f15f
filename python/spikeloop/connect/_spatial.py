"""Synapses that depend on where neurons are."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

import numpy as np

from .._errors import ShapeError
from .._keywords import NamesKeywords
from ..random._units import attach, common_unit
from ._rule import Rule, Shared, check_prob
from ._spec import Space

_AXES = 3


class Profile(NamesKeywords):
    """Base of profiles: how the probability of a synapse falls with the distance d of two neurons."""

    kind: ClassVar[str]
    reach: ClassVar[float]  # default cutoff in units of the scale
    volumes: ClassVar[tuple[float, ...]]  # of p / p_max over one, two and three dimensions, likewise

    def __init__(self, scale: Any, p_max: float = 1.0, cutoff: Any = None):
        self.scale, self.p_max = scale, check_prob(p_max, f"{type(self).__name__}: p_max")
        self.cutoff = self.reach * scale if cutoff is None else cutoff

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scale}, p_max={self.p_max:g})"


class Gaussian(Profile):
    """p(d) = p_max exp(−d²/2 sigma²) up to a distance `cutoff`, by default 6 sigma."""

    kind, reach = "gaussian", 6.0
    volumes = tuple((2 * math.pi) ** (axes / 2) for axes in (1, 2, 3))

    def __init__(self, sigma: Any, p_max: float = 1.0, cutoff: Any = None):
        super().__init__(sigma, p_max, cutoff)


class Exponential(Profile):
    """p(d) = p_max exp(−d/length) up to a distance `cutoff`, by default 18 lengths."""

    kind, reach = "exponential", 18.0
    volumes = (2.0, 2 * math.pi, 8 * math.pi)

    def __init__(self, length: Any, p_max: float = 1.0, cutoff: Any = None):
        super().__init__(length, p_max, cutoff)


class Box(Profile):
    """p(d) = p_max up to a distance `radius`, 0 beyond."""

    kind, reach = "box", 1.0
    volumes = (2.0, math.pi, 4 / 3 * math.pi)

    def __init__(self, radius: Any, p_max: float = 1.0):
        super().__init__(radius, p_max)


class DistanceDependent(Rule):
    """Every pair is connected independently, with a probability that depends on its distance.

    | name | meaning | default |
    |---|---|---|
    | `profile` | the probability: `Gaussian`, `Exponential` or `Box` | |
    | `weight`, `delay`, `seed`, `param_type` | as in `Rule` | |
    | `source`, `target` | positions, one row of 1 to 3 numbers for each neuron | a grid over `extent` |
    | `extent` | lengths of the space along its axes, or one for all | 1 |
    | `periodic` | whether opposite ends of `extent` touch | False |
    | `autapses` | whether source i may reach target i | True |

    On a grid, a population of shape (a, b) has a × b positions, in the middle of the cells of `extent`. Lengths may
    have a unit, then all have. The cost grows with the number of pairs within the cutoff.
    """

    rule = "distance_dependent"

    def __init__(
        self,
        profile: Profile,
        weight: Any,
        *,
        source: Any = None,
        target: Any = None,
        extent: Any = 1.0,
        periodic: bool = False,
        autapses: bool = True,
        **shared: Unpack[Shared],
    ):
        super().__init__(weight, **shared)
        if not isinstance(profile, Profile):
            raise TypeError(f"DistanceDependent: profile must be a Gaussian, Exponential or Box; given {profile!r}.")
        self.profile, self.periodic, self.autapses = profile, periodic, autapses
        lengths = {"scale": profile.scale, "cutoff": profile.cutoff, "source": source, "target": target}
        if isinstance(extent, float) and extent == 1.0:
            unit, plain = common_unit("DistanceDependent", **lengths)
            plain.append(extent)
        else:
            unit, plain = common_unit("DistanceDependent", **lengths, extent=extent)
        self._unit, (scale, cutoff, *places, extent) = unit, plain
        self._scale, self._cutoff = _length(scale, "scale"), _length(cutoff, "cutoff")
        self._places = [None if x is None else _positions(x) for x in places]
        self._extent = np.asarray(extent, np.float64)
        if self._extent.ndim > 1 or not (np.isfinite(self._extent) & (self._extent > 0)).all():
            raise ValueError(f"DistanceDependent: extent must be positive lengths; given {extent}.")

    def numbers(self, in_size: tuple[int, ...], out_size: tuple[int, ...]) -> dict[str, Any]:
        pair = zip(("source", "target"), self._places, (in_size, out_size), strict=True)
        source, target = (self._place(name, given, size) for name, given, size in pair)
        axes = target.shape[1]
        if source.shape[1] != axes:
            raise ShapeError(f"{self!r}: sources lie in {source.shape[1]} dimensions, targets in {axes}.")
        period = (*self._lengths(axes), *(0.0,) * (_AXES - axes)) if self.periodic else (0.0,) * _AXES
        space = Space(self.profile.kind, self._scale, self._cutoff, source, target, period)
        return {"prob": self.profile.p_max, "autapses": self.autapses, "space": space}

    def expected(self, n_pre: int, n_post: int) -> float:
        given = [x for x in self._places if x is not None and len(x)]
        axes = given[0].shape[1] if given else max(self._extent.size, 1)
        space = min((math.prod(x.max(0) - x.min(0)) for x in given), default=math.prod(self._lengths(axes)))
        near = self.profile.volumes[axes - 1] * self._scale**axes
        return n_pre * n_post * self.profile.p_max * (min(near / space, 1.0) if space > 0 else 1.0)

    def _place(self, name: str, given: np.ndarray | None, size: tuple[int, ...]) -> np.ndarray:
        if given is None:
            return _grid(size, self._lengths(len(size)))
        if len(given) != math.prod(size):
            raise ShapeError(f"{self!r}: {len(given)} positions as {name}, but {math.prod(size)} neurons.")
        return given

    def _lengths(self, axes: int) -> tuple[float, ...]:
        if axes > _AXES or self._extent.size not in (1, axes):
            raise ShapeError(
                f"{self!r}: {axes} dimensions with an extent of {self._extent.size} lengths; expected 1 to {_AXES} "
                "dimensions and one length for each."
            )
        return tuple(np.broadcast_to(self._extent, (axes,)).tolist())

    def __repr__(self) -> str:
        return f"DistanceDependent({self.profile!r})"


def grid(size: Any, extent: Any = 1.0) -> Any:
    """Positions (neurons, axes) of a population of shape `size` in the middle of the cells of `extent`."""
    size = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    unit, (lengths,) = common_unit("grid", extent=extent)
    return attach(_grid(size, tuple(np.broadcast_to(np.asarray(lengths, np.float64), (len(size),)).tolist())), unit)


def _grid(size: tuple[int, ...], lengths: tuple[float, ...]) -> np.ndarray:
    axes = [(np.arange(n) + 0.5) * (length / max(n, 1)) for n, length in zip(size, lengths, strict=True)]
    return np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], -1)


def _positions(given: Any) -> np.ndarray:
    places = np.ascontiguousarray(given, np.float64)
    places = places[:, None] if places.ndim == 1 else places
    if places.ndim != 2 or not 1 <= places.shape[1] <= _AXES:
        raise ShapeError(f"DistanceDependent: positions must be an array (neurons, 1 to 3); given {places.shape}.")
    if not np.isfinite(places).all():
        raise ValueError("DistanceDependent: positions hold NaN or infinity.")
    return places


def _length(given: Any, name: str) -> float:
    length = float(given)
    if not length > 0:
        raise ValueError(f"DistanceDependent: the {name} of the profile must be a positive length; given {given}.")
    return length
