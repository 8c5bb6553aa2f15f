"""Delays of synapses: from times to steps, and whether rows are in the order that threads can share."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from .. import environ
from .._delay_steps import LONGEST, delay_steps
from .._errors import ShapeError, UnitError

_CHUNK = 1 << 24  # synapses looked at in one go


def steps_of(delay: Any, dt: Any, nnz: int, where: str) -> tuple[Any, float | None]:
    """(steps, dt in ms): None, one number, or one for each synapse in 8 or 16 bits.

    A delay is a time, which needs dt, or a whole number of steps.
    """
    dt = None if dt is None else _in_ms(dt, where)
    if delay is None:
        return None, dt
    if isinstance(delay, u.Quantity):
        dt = _in_ms(environ.get("dt", desc=f"the time step, by {where}"), where) if dt is None else dt
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


def _in_ms(dt: Any, where: str) -> float:
    if isinstance(dt, u.Quantity) and dt.unit.has_same_dim(u.ms):
        return float(dt.to_decimal(u.ms))
    if isinstance(dt, (int, float)):
        return float(dt)
    raise UnitError(f"{where}: dt must be a time such as `0.1 * u.ms`; given {dt!r}.")


def _checked(steps: np.ndarray, where: str) -> np.ndarray:
    if not np.issubdtype(steps.dtype, np.integer):
        raise UnitError(f"{where} needs a time such as `1.5 * u.ms`, or whole numbers of steps; given {steps.dtype}.")
    if steps.size and (steps.min() < 0 or steps.max() > LONGEST):
        raise ValueError(f"{where} must be 0 to {LONGEST} steps; given {steps.min()} … {steps.max()}.")
    return steps


def is_sorted(indices: np.ndarray, indptr: np.ndarray, delay: Any, n_pre: int) -> bool:
    """Whether each row ascends, by delay if each synapse has one, and then by target."""
    starts = np.arange(n_pre) * (indices.size // max(n_pre, 1)) if indptr.size == 0 else indptr[:-1]
    delay = delay if isinstance(delay, np.ndarray) else None
    for first in range(0, indices.size - 1, _CHUNK):
        a, b = slice(first, min(first + _CHUNK, indices.size - 1)), slice(first + 1, first + 1 + _CHUNK)
        falls = indices[b] < indices[a]
        if delay is not None:
            falls = (delay[b] < delay[a]) | (falls & (delay[b] == delay[a]))
        falls = np.flatnonzero(falls) + first + 1
        at = np.minimum(np.searchsorted(starts, falls), max(starts.size - 1, 0))
        if falls.size and not (starts[at] == falls).all():
            return False
    return True
