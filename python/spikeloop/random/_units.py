"""Numbers with and without units as arguments of one function."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._errors import UnitError
from .._jax import is_tracer
from .._state import value_of


def common_unit(where: str, **values: Any) -> tuple[Any, list[Any]]:
    """(the unit that the values share, the plain numbers in it); None for a value stays None.

    A plain 0 fits every unit.
    """
    given = [v.unit for v in values.values() if isinstance(v, u.Quantity) and not v.unit.has_same_dim(u.UNITLESS)]
    unit = given[0] if given else u.UNITLESS
    return unit, [None if v is None else _number(where, name, v, unit) for name, v in values.items()]


def plain(where: str, **values: Any) -> list[Any]:
    """The values, which must have no unit, as plain numbers."""
    return [None if v is None else _number(where, name, v, u.UNITLESS) for name, v in values.items()]


def attach(numbers: Any, unit: Any) -> Any:
    """The Quantity of these numbers, or the numbers themselves if `unit` is none."""
    return numbers if unit == u.UNITLESS else u.Quantity(numbers, unit=unit)


def split(value: Any) -> tuple[Any, Any]:
    """(the plain numbers as an array, their unit)."""
    return (value.mantissa, value.unit) if isinstance(value, u.Quantity) else (jnp.asarray(value), u.UNITLESS)


def known(value: Any) -> np.ndarray | None:
    """`value` if it can be looked at without waiting for a device."""
    return np.asarray(value) if isinstance(value, (int, float, np.ndarray, np.generic)) else None


def check_range(where: str, low: float = -np.inf, high: float = np.inf, **values: Any) -> None:
    """Refuse known numbers outside [low, high]."""
    for name, value in values.items():
        array = None if value is None else known(value)
        if array is not None and not ((array >= low) & (array <= high)).all():
            text = f"be at least {low:g}" if high == np.inf else f"lie between {low:g} and {high:g}"
            raise ValueError(f"{where}: {name} must {text}; given {value!r}.")


def check_finite(where: str, *, least: float = -np.inf, above: float = -np.inf, **values: Any) -> None:
    """Refuse what is no number, and numbers that are known and infinite, less than `least`, or not above `above`.

    None and what a trace does not know yet are let through.
    """
    for name, value in values.items():
        numbers = u.get_mantissa(value_of(value))
        if value is None or is_tracer(numbers):
            continue
        numbers = np.asarray(numbers)
        if not (jnp.issubdtype(numbers.dtype, jnp.number) or numbers.dtype == bool):
            raise TypeError(f"{where}: {name} must be a number or an array; given {value!r}.")
        if not np.isfinite(numbers).all():
            raise ValueError(f"{where}: {name} must be finite; given {value}.")
        if not (numbers >= least).all():
            raise ValueError(f"{where}: {name} must not be {'negative' if least == 0 else f'less than {least:g}'}; "
                             f"given {value}.")  # fmt: skip
        if not (numbers > above).all():
            raise ValueError(f"{where}: {name} must be {'positive' if above == 0 else f'above {above:g}'}; "
                             f"given {value}.")  # fmt: skip


def _number(where: str, name: str, value: Any, unit: Any) -> Any:
    if isinstance(value, (list, tuple)):
        value = np.asarray(value)
    if isinstance(value, u.Quantity):
        if not value.unit.has_same_dim(unit):
            expected = "no unit" if unit == u.UNITLESS else f"a value in {unit}"
            raise UnitError(f"{where}: {name} is in {value.unit}, expected {expected}.")
        return value.mantissa if value.unit == unit else value.to_decimal(unit)
    if unit != u.UNITLESS and not _is_zero(value):
        text = value if np.ndim(value) == 0 and not is_tracer(value) else "an array"
        raise UnitError(f"{where}: {name} has no unit, expected {unit}; given {text}. Write {name}=... * u.{unit}.")
    return value


def _is_zero(value: Any) -> bool:
    array = known(value)
    return array is not None and bool((array == 0).all())
