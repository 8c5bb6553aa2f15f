"""The exact step of each slice of a loop over times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ
from .._jax import is_tracer
from .._steps import clock_of


def clocked(f: Callable[[Any, Any], Any], xs: Any) -> tuple[Callable[[Any, Any], Any], Any]:
    """(f, xs) of a loop, such that `environ` knows the step of the slice of the times among `xs`.

    A float32 may be too coarse to tell the times of steps apart; where they stand among the others tells it.
    """
    found: list[Any] = [*filter(_is_times, jax.tree.leaves(xs, is_leaf=_is_quantity))]
    if not found:
        return f, xs
    times, dt = found[0], environ.get("dt", None)
    if not _is_quantity(dt) or not dt.unit.has_same_dim(times.unit) or is_tracer(dt.mantissa):
        return f, xs
    known, steps = clock_of(jnp.asarray(times.mantissa), float(dt.to_decimal(times.unit)))

    def step(carry: Any, slices: Any) -> Any:
        x, clock = slices
        with environ.context(**{environ.CLOCK: clock}):
            return f(carry, x)

    step.__name__ = getattr(f, "__name__", "step")
    return step, (xs, (u.Quantity(known, unit=times.unit), steps))


def _is_times(leaf: Any) -> bool:
    time = _is_quantity(leaf) and leaf.unit.has_same_dim(u.ms)
    return time and jnp.ndim(leaf.mantissa) == 1 and jnp.issubdtype(jnp.result_type(leaf.mantissa), jnp.floating)


def _is_quantity(value: Any) -> bool:
    return isinstance(value, u.Quantity)
