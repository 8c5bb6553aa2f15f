"""Expressions: weights, delays and probabilities as functions of distance and of the numbers of the neurons."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import numpy as np

from .. import init
from .._errors import ShapeError
from .._jax import is_tracer
from .._state import State
from ..random._units import attach
from ._positions import Positions
from ._view import View

_NAMES = ("d", "i", "j")
EXAMPLE = "`lambda d: ...` of the distance, `lambda i, j: ...` of the numbers of source and target, or `lambda d, i, j`"


class Expression:
    """A function of some of d, i and j: the distance of a pair, and the numbers of its source and target.

    It is called by name with arrays of one shape, an element for each pair, and returns as many values or one for all.
    The numbers are those in the populations, also if parts of these are connected.
    """

    def __init__(self, function: Callable[..., Any], positions: Positions | None, where: str):
        self.function, self.positions, self.where = function, positions, where
        self.names = _needed(function)
        if "d" in self.names and positions is None:
            raise ValueError(
                f"{where} depends on the distance d, but where the neurons are is not known. Pass positions="
                "sl.connect.Positions(extent=...) for a grid, or with source= and target= for places of each neuron."
            )

    def __call__(self, source: View, target: View, i: np.ndarray, j: np.ndarray, *, known: bool) -> Any:
        """The values for pairs of places in `source` and `target`; `known` also while a program is traced."""
        given: dict[str, Any] = {"i": source.numbers(i), "j": target.numbers(j)}
        if "d" in self.names:
            assert self.positions is not None
            given["d"] = self.positions.distances(source, target, i, j)
        try:
            with jax.ensure_compile_time_eval() if known else contextlib.nullcontext():
                values = self.function(**{name: given[name] for name in self.names})
        except Exception as error:
            error.add_note(f"{self.where} is called with arrays, an element for each pair. Use functions of NumPy"
                           f"{', and nothing that a trace does not know' if known else ''}.")  # fmt: skip
            raise
        numbers, unit = (values.mantissa, values.unit) if isinstance(values, u.Quantity) else (values, u.UNITLESS)
        if not is_tracer(numbers) and np.asarray(numbers).dtype.kind not in "biuf":
            raise TypeError(f"{self.where} must return real numbers; it gives {values!r}.")
        if np.shape(values) not in ((), i.shape):
            raise ShapeError(f"{self.where} must return a value for each of {i.size} pairs; given {np.shape(values)}.")
        return attach(numbers * np.ones(i.shape), unit) if np.shape(values) == () else values

    def __repr__(self) -> str:
        return f"<function of {', '.join(self.names)}>"


def expression(value: Any, positions: Positions | None, where: str) -> Expression | None:
    """The Expression that `value` is, or None if it is another thing, such as an initializer."""
    if isinstance(value, str):
        raise TypeError(f"{where} cannot be a text; given {value!r}. Write a function: {EXAMPLE}.")
    if not callable(value) or isinstance(value, (init.Initializer, State)):
        return None
    return Expression(value, positions, where) if _needed(value) else None


def _needed(function: Any) -> tuple[str, ...]:
    """The parameters that `function` needs; none if it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    names = tuple(p.name for p in parameters if p.kind in kinds and p.default is p.empty)
    return names if set(names) <= set(_NAMES) else ()
