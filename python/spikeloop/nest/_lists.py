"""Constants and States of which a model has as many as the user gives: one for each port or time constant."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import brainunit as u

from .._form import param, variable
from .._units import unit_of
from ..models._integration import NEXT_STEP


@dataclass(frozen=True)
class ParamList:
    """A list of constants; lists with the same `length` have as many elements."""

    default: tuple[Any, ...] = field(compare=False)
    unit: Any
    length: str
    positive: bool


@dataclass(frozen=True)
class VariableList:
    """States named `<name>_1`, `<name>_2`, …, as many as the lists with this `length` have elements."""

    default: Any
    unit: Any
    length: str


def param_list(default: Any, length: str, unit: Any = None, *, positive: bool = False) -> Any:
    """Declare a list of constants."""
    values = tuple(default)
    return ParamList(values, unit_of(values[0]) if unit is None else unit, length, positive)


def variable_list(default: Any, unit: Any, length: str) -> Any:
    """Declare one State for each element of the lists with this `length`."""
    return VariableList(default, unit, length)


def elements(space: Any, name: str) -> list[Any]:
    """The numbered elements of a list in the namespace of an equation."""
    found, values = [], vars(space)
    while (key := f"{name}_{len(found) + 1}") in values:
        found.append(values[key])
    return found


def lengths_of(cls: Any, given: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """How long the lists of a model are, by the arguments of its constructor."""
    found: dict[str, tuple[str, int]] = {}
    for name, declared in cls.lists.items():
        if not isinstance(declared, ParamList):
            continue
        n = len(given.get(name, declared.default))
        other, expected = found.setdefault(declared.length, (name, n))
        if n != expected:
            raise ValueError(f"{cls.__name__}: {other} has {expected} elements and {name} {n}; give one of each for "
                             f"every {declared.length}.")  # fmt: skip
    return tuple((length, n) for length, (_, n) in found.items())


@lru_cache(256)
def of_lengths(cls: Any, lengths: tuple[tuple[str, int], ...], carries_step: bool = False) -> Any:
    """The model with lists of these lengths, a class with a constant or State for each element.

    If it `carries_step`, the step that an adaptive integrator tries next is a State too, at first the whole dt.
    """
    members: dict[str, Any] = {"__doc__": cls.__doc__, "lengths": dict(lengths), "__module__": cls.__module__}
    if carries_step:
        members[NEXT_STEP] = variable(1e3 * u.ms, u.ms)
    for name, declared in cls.lists.items():
        for k in range(1, dict(lengths)[declared.length] + 1):
            members[f"{name}_{k}"] = _element(declared, k)
    if cls.port_list is not None:
        length, port = cls.port_list
        members["ports"] = {str(k): port.suffixed(k) for k in range(1, dict(lengths)[length] + 1)}
    return type(cls.__name__, (cls,), members)


def _element(declared: Any, k: int) -> Any:
    if isinstance(declared, VariableList):
        return variable(declared.default, declared.unit)
    known = declared.default[min(k, len(declared.default)) - 1] if declared.default else u.Quantity(1.0, declared.unit)
    return param(known, positive=declared.positive)


def split(cls: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor, with one for each element of a list."""
    flat = dict(given)
    for name, declared in cls.lists.items():
        if isinstance(declared, ParamList):
            values = flat.pop(name, declared.default)
            flat |= {f"{name}_{k}": value for k, value in enumerate(values, 1)}
    return flat
