"""Functions that are computed while tracing if their argument is a constant."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._jax_functions import new_function

MOST_GROWTH = 20.0  # e²⁰: whatever grows so much in a step is past the threshold
_SLOPE_SERIES = [(k + 1) / math.factorial(k + 2) for k in range(17)]


def exp(x: Any) -> Any:
    """eˣ."""
    return jnp.exp(x) if isinstance(x, jax.Array) else np.exp(x)


def exprel(x: Any) -> Any:
    """(eˣ − 1)/x, which is 1 at 0."""
    return _exprel(_as_float(x)) if isinstance(x, jax.Array) else _exprel_of(np, x)


def exprel_slope(x: Any) -> Any:
    """The derivative of exprel, ∫₀¹ t eˣᵗ dt."""
    return _exprel_slope(_as_float(jnp.asarray(x)))


def exp_euler(x: Any, dt: Any, rate: Any, slope: Any, most_growth: float | None = None) -> Any:
    """One exponential Euler step of dx/dt = rate with the derivative d rate/dx = slope; growth by eᵐ at most."""
    growth = dt * slope
    return x + dt * exprel(growth if most_growth is None else jnp.minimum(growth, most_growth)) * rate


def normal(a: Any, b: Any) -> Any:
    """A normal number of two uniform ones (Box and Muller)."""
    return jnp.sqrt(-2 * jnp.log1p(-a)) * jnp.cos(2 * jnp.pi * b)


def _exprel_of(xp: Any, x: Any) -> Any:
    small = xp.abs(x) < 1e-3
    safe = xp.where(small, 1.0, x)
    return xp.where(small, 1 + x / 2 * (1 + x / 3 * (1 + x / 4)), xp.expm1(safe) / safe)


def _exprel_slope_of(x: Any) -> Any:
    """(eˣ (x − 1) + 1)/x² as y + (1 − y)/x with y = exprel(x), and its series near 0, where that cancels."""
    small = jnp.abs(x) < 1
    safe, near = jnp.where(small, 1.0, x), jnp.where(small, x, 0.0)
    series = jnp.full_like(x, _SLOPE_SERIES[-1])
    for coefficient in _SLOPE_SERIES[-2::-1]:
        series = series * near + coefficient
    y = jnp.expm1(safe) / safe
    return jnp.where(small, series, y + (1 - y) / safe)


def _as_float(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(float)


def _exprel_bend_of(x: Any) -> Any:
    """The second derivative of exprel."""
    return jax.jvp(_exprel_slope_of, (x,), (jnp.ones_like(x),))[1]


_exprel_slope = new_function("exprel_slope", _exprel_slope_of, _exprel_bend_of)
_exprel = new_function("exprel", lambda x: _exprel_of(jnp, x), _exprel_slope)
