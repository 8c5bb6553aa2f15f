"""Delays of synapses: from times to steps."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import numpy as np

from .. import environ
from .._errors import UnitError
from .._jax import is_tracer
from .._steps import check_dt
from ..delays._steps import LONGEST, delay_steps, delay_times, nearest
from ._expression import expression
from ._pairs import Pairs
from ._positions import Positions


def steps_of(
    delay: Any, dt: Any, pairs: Pairs, where: str, positions: Positions | None = None
) -> tuple[Any, float | None]:
    """(steps, dt in ms): None, one number, or one for each synapse in 8 or 16 bits.

    A delay is a time, which needs dt, or a whole number of steps; or an expression or initializer of times. An array
    has one of the shapes of `Pairs.each`.
    """
    dt = None if dt is None else _in_ms(dt, where)
    if (found := expression(delay, positions, where)) is not None:
        delay = pairs.values(found, known=True)
        if isinstance(delay, u.Quantity):  # of any length, so that no multiple of dt is to be expected
            dt = time_step(where) if dt is None else dt
            delay = nearest(delay_times(delay, where) / dt).astype(np.int64)
    elif callable(delay):
        dt = time_step(where) if dt is None else dt
        delay = np.maximum(nearest(delay_times(delay((pairs.n,)), where) / dt), 1).astype(np.int64)
    if delay is None:
        return None, dt
    if isinstance(delay, u.Quantity):
        dt = time_step(where) if dt is None else dt
        steps = delay_steps(delay, dt, where)
    else:
        steps = _checked(delay, where)
    steps = pairs.each(steps, where)
    if steps.ndim == 0 or steps.size == 1 != pairs.n:
        return int(steps.reshape(())), dt
    return steps.astype(np.uint8 if steps.max(initial=0) < 256 else np.uint16, copy=False), dt


def time_step(where: str) -> float:
    """The dt of `environ` in ms."""
    return _in_ms(environ.get("dt", desc=f"the time step, by {where}"), where)


def _in_ms(dt: Any, where: str) -> float:
    check_dt(dt, where)
    if isinstance(dt, u.Quantity) and dt.unit.has_same_dim(u.ms):
        return float(dt.to_decimal(u.ms))
    if not isinstance(dt, (int, float)):
        raise UnitError(f"{where}: dt must be a time such as `0.1 * u.ms`; given {dt!r}.")
    return float(dt)


def _checked(delay: Any, where: str) -> np.ndarray:
    if any(map(is_tracer, jax.tree.leaves(delay))):
        raise TypeError(f"{where} decides the size of a State, so it must be known before tracing.")
    steps = np.asarray(delay)
    if not np.issubdtype(steps.dtype, np.integer):
        raise UnitError(f"{where} needs a time such as `1.5 * u.ms`, or whole numbers of steps; given {steps.dtype}.")
    if steps.size and (steps.min() < 0 or steps.max() > LONGEST):
        raise ValueError(f"{where} must be 0 to {LONGEST} steps; given {steps.min()} … {steps.max()}.")
    return steps
