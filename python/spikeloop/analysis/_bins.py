"""Bins of equal width, and the one that a time lies in."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

_DENOMINATORS = 1000  # that a ratio of two times may have
_SAME = 1e-7  # relative: a ratio of times in float32 is no closer to the fraction that is meant
_CHANCE = 1e-3  # any number lies about 1 / denominator² from a fraction; one that is meant, much closer
_ROUNDING = 1e-6  # of a bin: what sums and differences of times in double precision leave
_EPS = 4 * np.finfo(np.float64).eps
_LARGEST = 1 << 62


def ratio(width: float) -> Fraction | None:
    """The width of a bin in ticks as the fraction that is meant, such as 5/2; None if there is none."""
    near = Fraction(width).limit_denominator(_DENOMINATORS)
    apart = abs(near - Fraction(width))
    meant = 0 < near < _LARGEST and apart <= min(_SAME * near, _CHANCE / near.denominator**2)
    return near if meant else None


def bin_of(ticks: Any, width: float, blur: Any = 0.0) -> np.ndarray:
    """The bin of each time, floor(ticks / width): a time on an edge belongs to the bin that begins there.

    Whole ticks are divided as whole numbers. Other times are known up to `blur` ticks, and those as close to an edge
    count as on it.
    """
    ticks = np.asarray(ticks)
    whole = np.issubdtype(ticks.dtype, np.integer)
    if whole and (exact := ratio(width)) is not None:
        return ticks * exact.denominator // exact.numerator
    quotient = np.clip(ticks / width, -_LARGEST, _LARGEST)
    edge = np.rint(quotient)
    slack = _EPS * np.abs(quotient) + (0.0 if whole else np.maximum(np.asarray(blur) / width, _ROUNDING))
    return np.where(np.abs(quotient - edge) <= slack, edge, np.floor(quotient)).astype(np.int64)


def exact_width(width: float) -> float:
    """The width of a bin in ticks that `bin_of` counts with."""
    exact = ratio(width)
    return width if exact is None else float(exact)
