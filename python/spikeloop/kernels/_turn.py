"""What is repeated over time: one step of an elementwise kernel, and which operands change from step to step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Turn(NamedTuple):
    """One step of many.

    `function(values by name, native=...)` returns new values of the `carried` operands, then results that are kept for
    each step, then sums, which go over the steps too. `native` tells whether it may call kernels, or, where it becomes
    a program, their references.
    """

    function: Callable[..., list[Any]]
    operands: tuple[str, ...]
    timed: tuple[str, ...]  # operands that have a row for each step
    carried: tuple[str, ...]  # operands that the results of a step replace; all have the shape of the population
    steps: int
    reverse: bool  # from the last step to the first
    sums: int = 0


def repeated(it: Turn, operands: Sequence[Any]) -> list[Any]:
    """All steps, as a loop: the last values of the carried operands, the rows of results, and the sums."""
    named = dict(zip(it.operands, operands, strict=True))
    before = len(it.carried)

    def step(so_far: Sequence[Any], rows: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
        values = {**named, **dict(zip(it.carried, so_far, strict=False)), **rows}
        found = it.function(values, native=True)
        after = len(found) - it.sums
        totals = [a + b for a, b in zip(so_far[before:], found[after:], strict=True)]
        return [*found[:before], *totals], found[before:after]

    timed = {name: named[name] for name in it.timed}
    start = [named[name] for name in it.carried]
    if it.sums:
        row = {name: jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for name, x in timed.items()}
        shapes = jax.eval_shape(lambda x: it.function({**named, **x}, native=True), row)
        start += [jnp.zeros(x.shape, x.dtype) for x in shapes[len(shapes) - it.sums :]]
    last, rows = jax.lax.scan(step, start, timed, length=it.steps, reverse=it.reverse)
    return [*last[:before], *rows, *last[before:]]


def once(*operands: Any, turn: Callable[..., Turn], **structure: Any) -> list[Any]:
    """One step, as plain JAX."""
    it = turn(**structure)
    return it.function(dict(zip(it.operands, operands, strict=True)), native=False)
