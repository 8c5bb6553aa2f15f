"""Synapses that depend on where neurons are."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

import brainunit as u
import numpy as np

from .._keywords import NamesKeywords
from ..random._units import attach
from ._positions import AXES, Positions, lengths_in_common
from ._rule import Rule, Shared, check_flag, check_prob
from ._spec import Space
from ._view import View


class Profile(NamesKeywords):
    """Base of profiles: how the probability of a synapse falls with the distance d of two neurons."""

    kind: ClassVar[str]
    reach: ClassVar[float]  # default cutoff in units of the scale
    volumes: ClassVar[tuple[float, ...]]  # of p / p_max over one, two and three dimensions, likewise

    def __init__(self, scale: Any, p_max: float = 1.0, cutoff: Any = None):
        name = type(self).__name__
        if scale is None:
            raise ValueError(f"{name}: the scale of the profile must be a positive length; given None.")
        unit, (number, limit) = lengths_in_common(name, scale=scale, cutoff=cutoff)
        _check_length(number, f"{name}: the scale of the profile", scale)
        if limit is not None:
            _check_length(limit, f"{name}: the cutoff of the profile", cutoff)
        self.scale, self.p_max = scale, check_prob(p_max, f"{name}: p_max must lie in [0, 1]")
        self.cutoff = attach(self.reach * float(number), unit) if cutoff is None else cutoff

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scale}, p_max={self.p_max:g})"


class GaussianProfile(Profile):
    """p(d) = p_max exp(−d²/2 sigma²) up to a distance `cutoff`, by default 6 sigma."""

    kind, reach = "gaussian", 6.0
    volumes = tuple((2 * math.pi) ** (axes / 2) for axes in (1, 2, 3))

    def __init__(self, sigma: Any, p_max: float = 1.0, cutoff: Any = None):
        super().__init__(sigma, p_max, cutoff)


class ExponentialProfile(Profile):
    """p(d) = p_max exp(−d/length) up to a distance `cutoff`, by default 18 lengths."""

    kind, reach = "exponential", 18.0
    volumes = (2.0, 2 * math.pi, 8 * math.pi)

    def __init__(self, length: Any, p_max: float = 1.0, cutoff: Any = None):
        super().__init__(length, p_max, cutoff)


class BoxProfile(Profile):
    """p(d) = p_max up to a distance `radius`, 0 beyond."""

    kind, reach = "box", 1.0
    volumes = (2.0, math.pi, 4 / 3 * math.pi)

    def __init__(self, radius: Any, p_max: float = 1.0):
        super().__init__(radius, p_max)


class DistanceDependent(Rule):
    """Every pair is connected independently, with a probability that depends on its distance.

    | name | meaning | default |
    |---|---|---|
    | `profile` | the probability: `GaussianProfile`, `ExponentialProfile` or `BoxProfile` | |
    | `weight`, `delay`, `seed`, `param_type` | as in `Rule` | |
    | `source`, `target`, `extent`, `periodic` | where neurons are, as in `Positions` | a grid over `extent` |
    | `autapses` | whether a neuron may reach itself, as in `AllToAll` | True |

    The cost grows with the number of pairs within the cutoff. `FixedProb(lambda d: ..., positions=...)` takes other
    functions of the distance.

    >>> profile = sl.connect.GaussianProfile(0.1 * u.mm, p_max=0.5)
    >>> synapses = sl.connect.DistanceDependent(profile, 1.0 * u.nS, extent=1.0 * u.mm, seed=0)((20, 20), (20, 20))
    >>> synapses.num_synapses < 400 * 400 // 20
    True
    """

    rule = "distance_dependent"

    def __init__(
        self,
        profile: Profile,
        weight: Any,
        *,
        source: Any = None,
        target: Any = None,
        extent: Any = None,
        periodic: bool = False,
        autapses: bool = True,
        **shared: Unpack[Shared],
    ):
        if not isinstance(profile, Profile):
            raise TypeError(
                "DistanceDependent: profile must be a GaussianProfile, ExponentialProfile or BoxProfile; given "
                f"{profile!r}. For a function of the distance, write FixedProb(lambda d: ..., weight, "
                "positions=sl.connect.Positions(...))."
            )
        lengths = {"source": source, "target": target, "extent": extent}
        unit, (scale, cutoff, *rest) = lengths_in_common(
            "DistanceDependent", scale=profile.scale, cutoff=profile.cutoff, **lengths
        )
        if extent is None and unit != u.UNITLESS and (periodic or source is None or target is None):
            raise ValueError(f"DistanceDependent: extent has to be given where lengths are in {unit}.")
        places = (None if x is None else attach(x, unit) for x in rest)
        self.space = Positions(*places, periodic=periodic)
        super().__init__(weight, **{"positions": self.space, **shared})
        self.profile, self.autapses = profile, check_flag(autapses, "DistanceDependent: autapses")
        self._scale, self._cutoff = float(scale), float(cutoff)

    def numbers(self, source: View, target: View) -> dict[str, Any]:
        a, b = self.space.of_both(source, target)
        axes = a.shape[1]
        period = (*self.space.period(axes), *(0.0,) * (AXES - axes))
        space = Space(self.profile.kind, self._scale, self._cutoff, a, b, period)
        return {"prob": self.profile.p_max, "own": self.own(source, target), "space": space}

    def expected(self, source: View, target: View) -> float:
        places = self.space.of_both(source, target)
        space = min((math.prod(np.ptp(x, axis=0)) for x in places if len(x)), default=0.0)
        axes = places[0].shape[1]
        near = self.profile.volumes[axes - 1] * self._scale**axes
        share = min(near / space, 1.0) if space > 0 else 1.0
        return source.size * target.size * self.profile.p_max * share

    def __repr__(self) -> str:
        return f"DistanceDependent({self.profile!r})"


def _check_length(number: Any, what: str, given: Any) -> None:
    if np.ndim(number) or not 0 < number < math.inf:
        raise ValueError(f"{what} must be a positive length; given {given}.")
