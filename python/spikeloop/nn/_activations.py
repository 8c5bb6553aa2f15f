"""Activation functions: those of `jax.nn`, for plain numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ
from .._errors import UnitError

F = TypeVar("F", bound=Callable[..., Any])


def _plain(function: F) -> F:
    """`function` of an array without unit; a Quantity that has none becomes an array."""

    @functools.wraps(function)
    def checked(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, u.Quantity):
            if not x.unit.is_unitless:
                name = function.__name__
                raise UnitError(f"nn.{name} takes plain numbers; given {x.unit}. Write nn.{name}(x / u.{x.unit}) say.")
            x = x.to_decimal(u.UNITLESS)
        return function(jnp.asarray(x), *args, **kwargs)

    return checked  # type: ignore[return-value]


@_plain
def tanh(x: Any) -> jax.Array:
    """The hyperbolic tangent, (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)."""
    return jax.nn.tanh(x)


@_plain
def relu(x: Any) -> jax.Array:
    """max(x, 0)."""
    return jax.nn.relu(x)


@_plain
def relu6(x: Any) -> jax.Array:
    """min(max(x, 0), 6)."""
    return jax.nn.relu6(x)


@_plain
def leaky_relu(x: Any, negative_slope: Any = 0.01) -> jax.Array:
    """X for x ≥ 0, else negative_slope·x."""
    return jax.nn.leaky_relu(x, negative_slope=negative_slope)


@_plain
def elu(x: Any, alpha: Any = 1.0) -> jax.Array:
    """X for x > 0, else alpha (eˣ − 1)."""
    return jax.nn.elu(x, alpha=alpha)


@_plain
def celu(x: Any, alpha: Any = 1.0) -> jax.Array:
    """X for x > 0, else alpha (exp(x/alpha) − 1)."""
    return jax.nn.celu(x, alpha=alpha)


@_plain
def selu(x: Any) -> jax.Array:
    """λ·elu(x, α) with λ = 1.0507 and α = 1.6733, which keep mean 0 and variance 1."""
    return jax.nn.selu(x)


@_plain
def gelu(x: Any, approximate: bool = True) -> jax.Array:
    """X Φ(x) with the normal distribution function Φ, by default approximated with tanh."""
    return jax.nn.gelu(x, approximate=approximate)


@_plain
def silu(x: Any) -> jax.Array:
    """x·sigmoid(x), also called swish."""
    return jax.nn.silu(x)


@_plain
def mish(x: Any) -> jax.Array:
    """x·tanh(softplus(x))."""
    return jax.nn.mish(x)


@_plain
def softplus(x: Any) -> jax.Array:
    """ln(1 + eˣ)."""
    return jax.nn.softplus(x)


@_plain
def soft_sign(x: Any) -> jax.Array:
    """x/(1 + |x|)."""
    return jax.nn.soft_sign(x)


@_plain
def squareplus(x: Any, b: Any = 4.0) -> jax.Array:
    """(x + √(x² + b))/2."""
    return jax.nn.squareplus(x, b=b)


@_plain
def sigmoid(x: Any) -> jax.Array:
    """1/(1 + e⁻ˣ)."""
    return jax.nn.sigmoid(x)


@_plain
def log_sigmoid(x: Any) -> jax.Array:
    """Ln sigmoid(x)."""
    return jax.nn.log_sigmoid(x)


@_plain
def hard_sigmoid(x: Any) -> jax.Array:
    """relu6(x + 3)/6."""
    return jax.nn.hard_sigmoid(x)


@_plain
def hard_silu(x: Any) -> jax.Array:
    """x·hard_sigmoid(x)."""
    return jax.nn.hard_silu(x)


@_plain
def hard_tanh(x: Any) -> jax.Array:
    """x, limited to [−1, 1]."""
    return jax.nn.hard_tanh(x)


@_plain
def glu(x: Any, axis: int = -1) -> jax.Array:
    """a·sigmoid(b), where a and b are the halves of x along `axis`."""
    return jax.nn.glu(x, axis=axis)


@_plain
def softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> jax.Array:
    """eˣ/Σ eˣ along `axis`."""
    return jax.nn.softmax(x, axis=axis)


@_plain
def log_softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> jax.Array:
    """X − ln Σ eˣ along `axis`."""
    return jax.nn.log_softmax(x, axis=axis)


swish = silu


@_plain
def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> jax.Array:
    """For each index a vector along `axis` that is 1 at the index and 0 elsewhere; 0 for an index out of range.

    `dtype` is by default `environ.dftype()`.
    """
    return jax.nn.one_hot(x, num_classes, dtype=environ.dftype() if dtype is None else dtype, axis=axis)
