"""Distributions that the builders draw weights and delays from themselves, without an array in between."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import init
from .._jax import is_tracer
from ..random._units import common_unit

UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL = 1, 2, 3, 4
_ALL, _FREE = (0.0, 1.0), (-math.inf, math.inf)


@dataclasses.dataclass(frozen=True)
class Draw:
    """A family of distributions with two numbers, cut to a range of probabilities and clipped to a range of values."""

    family: int
    a: float
    b: float
    part: tuple[float, float] = _ALL
    bounds: tuple[float, float] = _FREE

    @property
    def lowest(self) -> float:
        """A bound that no value is below."""
        low = {UNIFORM: self.a, NORMAL: -math.inf if self.b else self.a}.get(self.family, 0.0)
        return max(low, self.bounds[0])

    def scaled(self, factor: float) -> Draw:
        """The distribution of `factor` times the values."""
        a, b = self.a * factor, self.b * factor
        if self.family == LOG_NORMAL:
            a, b = self.a + math.log(factor), self.b
        low, high = self.bounds
        return dataclasses.replace(self, a=a, b=b, bounds=(low * factor, high * factor))


def draw_of(value: Any, where: str) -> tuple[Draw, Any] | None:
    """(the Draw that an initializer stands for, its unit), or None if the builders do not know it."""
    if isinstance(value, init.Clipped):
        return _clipped(value, where)
    make = _FAMILIES.get(type(value))
    if make is None:
        return None
    unit, numbers = common_unit(type(value).__name__, **value.values())
    if not all(map(_is_number, numbers)):
        return None
    return make(*(None if x is None else float(np.asarray(x)) for x in numbers)), unit


def _is_number(x: Any) -> bool:
    return x is None or (not is_tracer(x) and np.ndim(x) == 0)


def _uniform(low: float, high: float) -> Draw:
    return Draw(UNIFORM, low, high)


def _normal(mean: float, std: float) -> Draw:
    return Draw(NORMAL, mean, std)


def _truncated(mean: float, std: float, low: float | None, high: float | None) -> Draw:
    bounds = (-math.inf if low is None else low), (math.inf if high is None else high)
    draw = dataclasses.replace(_normal(mean, std), bounds=bounds)
    if std == 0:
        return draw
    low, high = ((bound - mean) / std for bound in bounds)
    if low > 0:  # probabilities near 0 are finer than those near 1
        return dataclasses.replace(draw, b=-std, part=(_below(-high), _below(-low)))
    return dataclasses.replace(draw, part=(_below(low), _below(high)))


def _log_normal(mean: float, std: float) -> Draw:
    variance = math.log1p((std / mean) ** 2)
    return Draw(LOG_NORMAL, math.log(mean) - variance / 2, math.sqrt(variance))


def _exponential(scale: float) -> Draw:
    return Draw(EXPONENTIAL, 0.0, scale)


_FAMILIES: dict[type, Callable[..., Draw]] = {
    init.Uniform: _uniform,
    init.Normal: _normal,
    init.TruncatedNormal: _truncated,
    init.LogNormal: _log_normal,
    init.Exponential: _exponential,
}


def _clipped(value: init.Clipped, where: str) -> tuple[Draw, Any] | None:
    base = draw_of(value.base, where)
    if base is None:
        return None
    draw, unit = base
    unit, (_, low, high) = common_unit("Clipped", base=np.zeros(0) * unit, **value.values())
    if not all(map(_is_number, (low, high))):
        return None
    low = draw.bounds[0] if low is None else max(float(low), draw.bounds[0])
    high = draw.bounds[1] if high is None else min(float(high), draw.bounds[1])
    if low > high:
        raise ValueError(f"{where}: no value of the distribution in {value!r} lies within its bounds.")
    return dataclasses.replace(draw, bounds=(low, high)), unit


def _below(z: float) -> float:
    """The part of a standard normal distribution that lies below `z`."""
    return 0.5 * math.erfc(-z / math.sqrt(2))
