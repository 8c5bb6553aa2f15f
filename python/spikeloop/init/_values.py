"""Initializers that make every value alike, or draw each from one distribution."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._shapes import repeat_to
from ..random import RandomState
from ..random._units import attach, common_unit
from ._base import Initializer, fill

Shape = tuple[int, ...]


class Constant(Initializer):
    """`value` everywhere; an array must fit into the size.

    >>> sl.init.Constant(3.0 * u.mV)((2,))
    Quantity([3. 3.], "mV")
    """

    sized = ("value",)
    value: Any
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        unit, (value,) = common_unit("Constant", value=self.value)
        return fill(value, unit, shape, dtype, "Constant: an array")


class ZeroInit(Initializer):
    """0 in `unit` everywhere."""

    unit: Any = u.UNITLESS

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return attach(repeat_to(shape, 0, dtype), self.unit)


class OneInit(Initializer):
    """1 in `unit` everywhere."""

    unit: Any = u.UNITLESS

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return attach(repeat_to(shape, 1, dtype), self.unit)


class Uniform(Initializer):
    """Uniform on [low, high).

    >>> values = sl.init.Uniform(-60 * u.mV, -50 * u.mV)((1000,))
    >>> bool((values >= -60 * u.mV).all()), bool((values < -50 * u.mV).all())
    (True, True)
    """

    sized = ascending = ("low", "high")
    low: Any = 0.0
    high: Any = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return rng.uniform(self.low, self.high, shape, key, dtype)


class Normal(Initializer):
    """Normal with this mean and standard deviation.

    >>> sl.init.Normal(1.0 * u.nS, 0.1 * u.nS)((2, 3)).shape
    (2, 3)
    """

    sized = ("mean", "std")
    not_negative = ("std",)
    mean: Any = 0.0
    std: Any = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return rng.normal(self.mean, self.std, shape, key, dtype)


class TruncatedNormal(Initializer):
    """Normal with this mean and standard deviation, given that the value lies in [low, high]."""

    sized = ("mean", "std", "low", "high")
    not_negative = ("std",)
    ascending = infinite = ("low", "high")
    mean: Any = 0.0
    std: Any = 1.0
    low: Any = None
    high: Any = None
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        unit, (mean, std, low, high) = common_unit("TruncatedNormal", **self.values())
        low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
        return attach(rng.truncated_normal(low, high, shape, mean, std, key, dtype), unit)


class LogNormal(Initializer):
    """Log-normal with this mean and standard deviation (of the values, not of their logarithm)."""

    sized = ("mean", "std")
    positive, not_negative = ("mean",), ("std",)
    mean: Any
    std: Any
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        unit, (mean, std) = common_unit("LogNormal", **self.values())
        mean, std = jnp.asarray(mean, dtype), jnp.asarray(std, dtype)
        variance = jnp.log1p((std / mean) ** 2)  # of the logarithm
        return attach(rng.lognormal(jnp.log(mean) - variance / 2, jnp.sqrt(variance), shape, key, dtype), unit)


class Gamma(Initializer):
    """Gamma with mean `shape`·`scale`."""

    sized = not_negative = ("scale",)
    positive = ("shape",)
    shape: Any
    scale: Any
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return rng.gamma(self.shape, self.scale, shape, key, dtype)


class Exponential(Initializer):
    """Exponential with mean `scale`."""

    sized = not_negative = ("scale",)
    scale: Any
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return rng.exponential(self.scale, shape, key, dtype)


class Weibull(Initializer):
    """Weibull: distribution function 1 − exp(−(x/scale)^shape)."""

    sized = not_negative = ("scale",)
    positive = ("shape",)
    shape: Any
    scale: Any
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return rng.weibull_min(self.shape, self.scale, shape, key, dtype)


class Beta(Initializer):
    """Beta(alpha, beta), stretched from [0, 1] to [low, high]."""

    sized = ascending = ("low", "high")
    positive = ("alpha", "beta")
    alpha: Any
    beta: Any
    low: Any = 0.0
    high: Any = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        unit, (low, high) = common_unit("Beta", **self.values())
        low, high = jnp.asarray(low, dtype), jnp.asarray(high, dtype)
        return attach(low + (high - low) * rng.beta(self.alpha, self.beta, shape, key, dtype), unit)
