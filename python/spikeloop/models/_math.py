"""Steps of differential equations, shared by the models."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._math import MOST_GROWTH
from .._math import exp as exp
from .._math import exp_euler as exp_euler
from .._math import exprel as exprel


def log1prel(x: Any) -> Any:
    """log(1 + x)/x, which is 1 at 0; computed while tracing if x is a constant."""
    xp: Any = jnp if isinstance(x, jax.Array) else np
    small = xp.abs(x) < 1e-3
    safe = xp.where(small, 1.0, x)
    series = 1 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x / 5)))
    return xp.where(small, series, xp.log1p(safe) / safe)


def exp_difference(a: Any, b: Any) -> Any:
    """(e⁻ᵃ − e⁻ᵇ)/(b − a), which is e⁻ᵃ at a = b; computed while tracing if a and b are constants."""
    xp: Any = jnp if isinstance(a, jax.Array) or isinstance(b, jax.Array) else np
    a, b = xp.where(b >= a, a, b), xp.where(b >= a, b, a)  # not min and max: their derivatives at a = b do not fit
    return xp.exp(-a) * exprel(a - b)


def log_rest(x: Any) -> Any:
    """log(1 − x) for x from 0 to 1, with a derivative at 1."""
    return jnp.log1p(-jnp.minimum(x, 1 - 1e-7))


def relax(x: Any, target: Any, decay: Any) -> Any:
    """The solution of τ dx/dt = target − x after a step, with decay = exp(−dt/τ)."""
    return target + (x - target) * decay


def gate(x: Any, rates: tuple[Any, Any], dt: Any) -> Any:
    """The solution of dx/dt = α (1 − x) − β x after a step, with rates = (α, β)."""
    alpha, beta = rates
    return exp_euler(x, dt, alpha - (alpha + beta) * x, -(alpha + beta))


def upswing(V: Any, dt: Any, rate: Any, slope: Any, most: Any) -> Any:
    """`exp_euler` of a potential that may diverge, cut off at `most`."""
    return jnp.minimum(exp_euler(V, dt, rate, slope, MOST_GROWTH), most)
