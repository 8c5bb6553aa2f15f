"""Units: numbers in a unit, and the checks of what users give."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from . import environ
from ._errors import ShapeError, UnitError
from ._jax import is_tracer
from ._shapes import fits as fits
from ._state import value_of


def unit_of(value: Any) -> Any:
    """The unit of a value, UNITLESS for plain numbers."""
    return value.unit if isinstance(value, u.Quantity) else u.UNITLESS


def number_in(value: Any, unit: Any, where: str) -> Any:
    """The plain number(s) of `value` in `unit`; refuses another dimension."""
    check_unit(value, unit, where)
    if not isinstance(value, u.Quantity):
        return value
    return value.mantissa if value.unit == unit else value.to_decimal(unit)


def check_not_negative(value: Any, where: str) -> None:
    """Refuse a value below zero, where it is known."""
    value = value_of(value)
    if not is_tracer(leaf := jax.tree.leaves(value)[0]) and (np.asarray(leaf) < 0).any():
        raise ValueError(f"{where} must not be negative; given {_show(value)}.")


def check_finite(value: Any, where: str) -> None:
    """Refuse NaN, infinite numbers and what is no real number, where it is known."""
    if is_tracer(value):
        return
    numbers = _of_this_process(value)
    if not (jnp.issubdtype(numbers.dtype, jnp.floating) or jnp.issubdtype(numbers.dtype, jnp.integer)):
        raise TypeError(f"{where} must be real numbers; given {numbers.dtype}.")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where} holds NaN or an infinite number; it must be finite.")


def _of_this_process(value: Any) -> np.ndarray:
    """The numbers of an array, or those that this process has if several share it."""
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        return np.concatenate([np.asarray(part.data).reshape(-1) for part in value.addressable_shards])
    return np.asarray(value)


def check_positive(value: Any, where: str) -> None:
    """Refuse a value that is not above zero, where it is known."""
    value = value_of(value)
    if not is_tracer(leaf := jax.tree.leaves(value)[0]) and not (np.asarray(leaf) > 0).all():
        raise ValueError(f"{where} must be positive; given {_show(value)}.")


def with_unit(value: Any, unit: Any) -> Any:
    """The number(s) as a Quantity, or as they are if the unit is none."""
    return value if unit.is_unitless else u.Quantity(value, unit=unit)


def check_input(x: Any, shape: tuple[int, ...], where: str) -> None:
    """Refuse an input that does not repeat to the shape of the states."""
    if not fits(jnp.shape(x), shape):
        raise ShapeError(
            f"{where} takes an input of shape {shape}, or one that repeats to it; given {jnp.shape(x)}. "
            "For a batch, call init_all_states(model, batch_size=...)."
        )


def check_unit(value: Any, unit: Any, where: str) -> None:
    """Refuse a value of another dimension than `unit`."""
    given = unit_of(value)
    if not given.has_same_dim(unit):
        example = "a plain number" if unit.is_unitless else f"a value such as `1. * u.{_unit_name(unit)}`"
        raise UnitError(f"{where} needs {example}; given {_show(value)}.")


def _unit_name(unit: Any) -> str:
    return str(unit)


def _show(value: Any) -> str:
    unit = unit_of(value)
    text = f"{value}" if jnp.ndim(value) == 0 and not is_tracer(value) else f"an array in {unit}"
    return text if not unit.is_unitless else f"{text} without a unit" if jnp.ndim(value) == 0 else "a plain array"


def time_step(where: str) -> Any:
    """The time step in ms, with an error that names who asked."""
    dt = environ.get("dt", desc=f"the time step, by {where}")
    return number_in(dt, u.ms, f"environ dt (used by {where})")
