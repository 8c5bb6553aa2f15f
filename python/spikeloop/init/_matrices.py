"""Initializers of weight matrices."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._errors import ShapeError
from ..random import RandomState
from ..random._direct import orthogonal
from ..random._units import attach, split
from ._base import Initializer

Shape = tuple[int, ...]

_MODES = ("fan_in", "fan_out", "fan_avg")
_TWO_SIGMA = 0.87962566103423978  # standard deviation of a standard normal cut at ±2


class VarianceScaling(Initializer):
    """Values with mean 0 and variance `scale` / fan.

    | name | meaning | default |
    |---|---|---|
    | `scale` | variance times fan | 1 |
    | `mode` | which fan: 'fan_in', 'fan_out', or 'fan_avg', their mean | 'fan_in' |
    | `distribution` | 'normal', 'uniform', or 'truncated_normal', cut at two standard deviations | 'normal' |
    | `unit` | the unit of the values | none |

    The fans are the numbers of rows and of columns of a matrix (in, out); further axes in front multiply both.
    """

    not_negative = ("scale",)
    scale: Any = 1.0
    mode: str = "fan_in"
    distribution: str = "normal"
    unit: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_one_of(self, "mode", _MODES)
        _check_one_of(self, "distribution", tuple(_DISTRIBUTIONS))

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        std = math.sqrt(self.scale / _fan(self, self.mode, shape))
        values = _DISTRIBUTIONS[self.distribution](rng, std, shape, key, dtype)
        return attach(values, u.UNITLESS if self.unit is None else self.unit)


class _Kaiming(Initializer):
    distribution: ClassVar[str]
    not_negative, finite = ("scale",), ("negative_slope",)
    scale: Any = None
    mode: str = "fan_in"
    nonlinearity: str = "relu"
    negative_slope: float = 0.01
    unit: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_one_of(self, "mode", _MODES)
        _check_one_of(self, "nonlinearity", ("relu", "leaky_relu"))

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        slope = self.negative_slope if self.nonlinearity == "leaky_relu" else 0
        scale = 2 / (1 + slope**2) if self.scale is None else self.scale
        return VarianceScaling(scale, self.mode, self.distribution, self.unit).draw(shape, rng, key, dtype)


class KaimingNormal(_Kaiming):
    """Normal with variance `scale`/fan; by default 2, or 2/(1 + negative_slope²) for 'leaky_relu' (He et al., 2015)."""

    distribution = "normal"


class KaimingUniform(_Kaiming):
    """`KaimingNormal` with a uniform distribution."""

    distribution = "uniform"


class _Balanced(Initializer):
    distribution: ClassVar[str]
    mode: ClassVar[str]
    not_negative = ("scale",)
    scale: Any = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        return VarianceScaling(self.scale, self.mode, self.distribution, self.unit).draw(shape, rng, key, dtype)


class XavierNormal(_Balanced):
    """Normal with variance `scale` over the mean of both fans (Glorot and Bengio, 2010)."""

    distribution, mode = "normal", "fan_avg"


class XavierUniform(_Balanced):
    """`XavierNormal` with a uniform distribution."""

    distribution, mode = "uniform", "fan_avg"


class LecunNormal(_Balanced):
    """Normal with variance `scale`/fan_in (LeCun et al., 1998)."""

    distribution, mode = "normal", "fan_in"


class LecunUniform(_Balanced):
    """`LecunNormal` with a uniform distribution."""

    distribution, mode = "uniform", "fan_in"


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns (whichever are fewer), times `scale` (Saxe et al., 2014).

    Axes before the last count as one.
    """

    finite = ("scale",)
    scale: float = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal makes matrices; given the shape {shape}.")
        return _orthogonal(self, shape, rng, key, dtype)


class DeltaOrthogonal(Initializer):
    """`Orthogonal` at the centre of the axes before the last two, 0 elsewhere (Xiao et al., 2018).

    For kernels of convolutions, (…, in, out) with in ≤ out: 3 to 5 axes.
    """

    finite = ("scale",)
    scale: float = 1.0
    unit: Any = None

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        if not 3 <= len(shape) <= 5 or shape[-2] > shape[-1]:
            raise ShapeError(f"DeltaOrthogonal makes 3 to 5 axes, the last two (in, out) with in ≤ out; given {shape}.")
        plain, unit = split(_orthogonal(self, shape[-2:], rng, key, dtype))
        centre = tuple((n - 1) // 2 for n in shape[:-2])
        return attach(jnp.zeros(shape, dtype).at[centre].set(plain), unit)


class Identity(Initializer):
    """`scale` on the diagonal of the last two axes, 0 elsewhere; a vector is filled with `scale`."""

    finite = ("scale",)
    scale: float = 1.0
    unit: Any = u.UNITLESS

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        one = jnp.eye(*shape[-2:], dtype=dtype) if len(shape) > 1 else jnp.ones(shape, dtype)
        return attach(self.scale * jnp.broadcast_to(one, shape), self.unit)


def _orthogonal(init: Any, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
    wide = jnp.promote_types(dtype, jnp.float32)  # no factorization in half precision
    words, unit = rng.next_words(key), u.UNITLESS if init.unit is None else init.unit
    if 0 in shape:
        return attach(jnp.zeros(shape, dtype), unit)
    return attach(orthogonal(words, shape, wide, init.scale).astype(dtype), unit)


def _normal(rng: RandomState, std: float, shape: Shape, key: Any, dtype: Any) -> Any:
    return rng.normal(0.0, std, shape, key, dtype)


def _truncated(rng: RandomState, std: float, shape: Shape, key: Any, dtype: Any) -> Any:
    std = std / _TWO_SIGMA
    return rng.truncated_normal(-2 * std, 2 * std, shape, 0.0, std, key, dtype)


def _uniform(rng: RandomState, std: float, shape: Shape, key: Any, dtype: Any) -> Any:
    bound = math.sqrt(3) * std
    return rng.uniform(-bound, bound, shape, key, dtype)


_DISTRIBUTIONS = {"normal": _normal, "truncated_normal": _truncated, "uniform": _uniform}


def _fan(init: Initializer, mode: str, shape: Shape) -> float:
    if not shape:
        raise ShapeError(f"{type(init).__name__} needs a matrix or a vector; given the shape ().")
    *outer, rows, columns = shape if len(shape) > 1 else (*shape, *shape)
    fan_in, fan_out = math.prod(outer) * rows, math.prod(outer) * columns
    return max({"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode], 1)


def _check_one_of(init: Initializer, name: str, choices: tuple[str, ...]) -> None:
    if (given := getattr(init, name)) not in choices:
        expected = ", ".join(map(repr, choices))
        raise ValueError(f"{type(init).__name__}: {name} must be one of {expected}; given {given!r}.")
