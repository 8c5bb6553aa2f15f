"""Delays of synapses: from times to steps."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from .. import environ
from .._delay_steps import LONGEST, delay_steps, delay_times, nearest
from .._errors import ShapeError, UnitError
from .._steps import check_dt


def steps_of(delay: Any, dt: Any, nnz: int, where: str) -> tuple[Any, float | None]:
    """(steps, dt in ms): None, one number, or one for each synapse in 8 or 16 bits.

    A delay is a time, which needs dt, or a whole number of steps, or an initializer of times.
    """
    dt = None if dt is None else _in_ms(dt, where)
    if callable(delay):
        dt = time_step(where) if dt is None else dt
        delay = np.maximum(nearest(delay_times(delay((nnz,)), where) / dt), 1).astype(np.int64)
    if delay is None:
        return None, dt
    if isinstance(delay, u.Quantity):
        dt = time_step(where) if dt is None else dt
        steps = delay_steps(delay, dt, where)
    else:
        steps = _checked(np.asarray(delay), where)
    if steps.ndim == 0:
        return int(steps), dt
    if steps.size not in (1, nnz) or steps.ndim > 2:
        raise ShapeError(f"{where} must be one time or one for each of the {nnz} synapses; given shape {steps.shape}.")
    if steps.size == 1 != nnz:
        return int(steps.reshape(())), dt
    return steps.reshape(-1).astype(np.uint8 if np.max(steps, initial=0) < 256 else np.uint16, copy=False), dt


def time_step(where: str) -> float:
    """The dt of `environ` in ms."""
    return _in_ms(environ.get("dt", desc=f"the time step, by {where}"), where)


def _in_ms(dt: Any, where: str) -> float:
    with_unit = isinstance(dt, u.Quantity) and dt.unit.has_same_dim(u.ms)
    if not with_unit and not isinstance(dt, (int, float)):
        raise UnitError(f"{where}: dt must be a time such as `0.1 * u.ms`; given {dt!r}.")
    check_dt(dt, where)
    return float(dt.to_decimal(u.ms) if with_unit else dt)


def _checked(steps: np.ndarray, where: str) -> np.ndarray:
    if not np.issubdtype(steps.dtype, np.integer):
        raise UnitError(f"{where} needs a time such as `1.5 * u.ms`, or whole numbers of steps; given {steps.dtype}.")
    if steps.size and (steps.min() < 0 or steps.max() > LONGEST):
        raise ValueError(f"{where} must be 0 to {LONGEST} steps; given {steps.min()} … {steps.max()}.")
    return steps
