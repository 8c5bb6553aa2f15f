"""Pairs: the synapses that weights and delays are given for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ShapeError
from .._jax import is_tracer
from ._expression import Expression
from ._view import View


class Pairs:
    """`n` synapses between `source` and `target`; `listed()` gives their places in both, one array each."""

    def __init__(self, source: View, target: View, n: int, listed: Callable[[], tuple[np.ndarray, np.ndarray]]):
        self.source, self.target, self.n, self._listed = source, target, n, listed

    @functools.cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """The places of the sources and targets, one synapse after the other."""
        return self._listed()

    def values(self, expression: Expression, *, known: bool) -> Any:
        """The value of an expression for each synapse."""
        return expression(self.source, self.target, *self.places, known=known)

    def each(self, values: Any, where: str) -> Any:
        """One number, or an array (n,) of one for each synapse, from an array of one of these shapes.

        | shape | meaning |
        |---|---|
        | () or (1,) | one for all |
        | (n,) | one for each synapse, in the order of the rows |
        | (sources, 1) | one for each source |
        | (1, targets) | one for each target |
        | (sources, targets) | one for each pair |
        """
        shape, sizes = np.shape(values), (self.source.size, self.target.size)
        if len(shape) == 2 and shape != (1, 1) and all(a in (1, n) for a, n in zip(shape, sizes, strict=True)):
            i, j = (x if a > 1 else 0 for a, x in zip(shape, self.places, strict=True))
            return values[i, j]
        if len(shape) > 2 or np.size(values) not in (1, self.n):
            raise ShapeError(
                f"{where} must be one number or one for each of the {self.n} synapses, or an array of shape "
                f"({sizes[0]}, 1) for each source, (1, {sizes[1]}) for each target or {sizes} for each pair; "
                f"given shape {shape}."
            )
        return values.reshape(-1) if shape else values

    def kept(self, values: Any) -> Any:
        """A copy of the values, which the caller cannot change; traced ones are no arrays that could change."""
        return values if is_tracer(values) else np.array(values)
