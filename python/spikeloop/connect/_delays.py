"""Delays of synapses: times become whole steps of dt."""

from __future__ import annotations

import warnings
from typing import Any

import brainunit as u
import numpy as np

from .. import environ
from .._errors import ShapeError, UnitError

LONGEST = 65535  # steps, what 16 bits count to
_ROUNDING = 1e-3  # of a step, what counts as a multiple of dt


def as_steps(delay: Any, n: int, where: str) -> int | np.ndarray | None:
    """A delay as None, one number of steps, or the steps of each of `n` synapses.

    A time is divided by the dt of `environ` and rounded to the nearest step, at least one; whole numbers without unit
    are steps already.
    """
    if delay is None:
        return None
    steps = _times_in_steps(delay, where) if isinstance(delay, u.Quantity) else _whole(delay, where)
    if np.isnan(steps).any() or (steps < 0).any():
        raise ValueError(f"{where}: delays must not be negative or NaN; given {delay}.")
    if steps.shape not in ((), (1,), (n,)):
        raise ShapeError(f"{where}: delays must be one time or one for each of the {n} synapses; given {steps.shape}.")
    rounded = np.maximum(np.floor(steps + 0.5), 1.0)
    if rounded.size and rounded.max() > LONGEST:
        raise ValueError(f"{where}: a delay can be {LONGEST} steps long at most; given {int(rounded.max())}.")
    if steps.shape != (n,) or (steps.shape == (1,) and n == 1):
        return _single(float(steps.reshape(())), int(rounded.reshape(())), delay, where)
    return rounded.astype(np.uint8 if rounded.max(initial=1) <= 255 else np.uint16)


def in_steps(unit: Any, where: str) -> float:
    """How many steps a delay of one `unit` is."""
    if not unit.has_same_dim(u.ms):
        raise UnitError(f"{where}: delay is {_in(unit)}, expected a time. Write delay=... * u.ms.")
    dt = environ.get("dt", desc="the step that delays of synapses are counted in")
    if not isinstance(dt, u.Quantity):
        raise UnitError(f"{where}: delays need a dt with a unit; given {dt!r}. Write sl.environ.set(dt={dt!r} * u.ms).")
    return 1.0 / float(np.asarray(dt.to_decimal(unit)))


def _times_in_steps(delay: Any, where: str) -> np.ndarray:
    return np.asarray(delay.mantissa, np.float64) * in_steps(delay.unit, where)


def _whole(delay: Any, where: str) -> np.ndarray:
    steps = np.asarray(delay)
    if steps.dtype == bool or not np.issubdtype(steps.dtype, np.integer):
        raise UnitError(f"{where}: delay must be a time; given {delay!r}. Write delay=... * u.ms.")
    return steps.astype(np.float64)


def _single(steps: float, rounded: int, delay: Any, where: str) -> int:
    if abs(steps - rounded) > _ROUNDING:
        dt = environ.get("dt")
        warnings.warn(f"{where}: delay {delay} is no multiple of dt = {dt}; {rounded} steps are used.", stacklevel=6)
    return rounded


def _in(unit: Any) -> str:
    return "without unit" if unit.has_same_dim(u.UNITLESS) else f"in {unit}"
