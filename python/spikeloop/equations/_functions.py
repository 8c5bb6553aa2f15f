"""The functions of equations in text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._math import exprel

# Functions of numbers without a unit.
PLAIN: dict[str, Callable[..., Any]] = {
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "exprel": exprel,
    "log": jnp.log,
    "log10": jnp.log10,
    "log1p": jnp.log1p,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "arcsin": jnp.arcsin,
    "arccos": jnp.arccos,
    "arctan": jnp.arctan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
}
# Functions that keep the unit; their arguments have one unit.
KEEPING: dict[str, Callable[..., Any]] = {
    "abs": jnp.abs,
    "floor": jnp.floor,
    "ceil": jnp.ceil,
    "clip": jnp.clip,
    "minimum": jnp.minimum,
    "maximum": jnp.maximum,
}
ARGUMENTS = {"clip": 3, "minimum": 2, "maximum": 2}  # the others take one
OTHER = ("sqrt", "sign", "int")  # their unit follows a rule of its own
DRAWS = ("rand", "randn")  # without arguments: a number for each neuron and step
NAMES = (*PLAIN, *KEEPING, *OTHER)


def call(name: str, args: list[Any]) -> Any:
    """The value of a function."""
    if name == "sqrt":
        return jnp.sqrt(args[0])
    if name == "sign":
        return jnp.sign(args[0])
    if name == "int":  # of a condition 0 or 1, of a number its whole part
        return jnp.trunc(args[0] * 1.0)
    return (PLAIN.get(name) or KEEPING[name])(*args)
