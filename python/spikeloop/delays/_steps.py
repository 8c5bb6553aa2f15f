"""Delays in steps of dt."""

from __future__ import annotations

import warnings
from typing import Any

import brainunit as u
import jax
import numpy as np

from .._errors import UnitError
from .._jax import is_tracer

LONGEST = 65_535  # steps; delays of synapses are stored in at most 16 bits

_SAME_STEP = 1e-6  # relative difference of two time steps that are the same
_TOLERANCE = 1e-3  # of a step, and
_FLOAT32 = 2.0**-22  # of the delay: what float32 leaves of a time that is a multiple of dt


def delay_steps(delay: Any, dt: Any, where: str) -> np.ndarray:
    """The delay(s), a time, as whole numbers of steps: the nearest, but at least 1 if the delay is not 0.

    Warns if a delay is no multiple of `dt` (in ms).
    """
    exact = delay_times(delay, where) / float(dt)
    steps = nearest(exact)
    if (steps > LONGEST).any():
        raise ValueError(f"{where} of {exact.max():g} steps of dt = {float(dt):g} ms; at most {LONGEST} are possible.")
    off = np.abs(exact - steps) > _TOLERANCE + _FLOAT32 * exact
    if off.any():
        worst = np.argmax(np.abs(exact - steps))
        warnings.warn(
            f"{where} of {np.ravel(exact)[worst] * float(dt):g} ms is no multiple of dt = {float(dt):g} ms; "
            f"it becomes {np.ravel(steps)[worst] * float(dt):g} ms."
            + (f" {off.sum() - 1} more are rounded to the nearest step." if off.sum() > 1 else ""),
            RuntimeWarning,
            stacklevel=3,
        )
    return steps.astype(np.int64)


def nearest(exact: np.ndarray) -> np.ndarray:
    """The nearest whole number of steps, the later one for a half, but at least 1 for what is above 0."""
    return np.maximum(np.floor(exact + 0.5 + _TOLERANCE), exact > 0)


def delay_times(delay: Any, where: str) -> np.ndarray:
    """The delay(s) in ms, checked."""
    if not isinstance(delay, u.Quantity) or not delay.unit.has_same_dim(u.ms):
        raise UnitError(f"{where} needs a time such as `1.5 * u.ms`; given {delay!r}.")
    if any(map(is_tracer, jax.tree.leaves(delay))):
        raise TypeError(f"{where} decides the size of a State, so it must be known before tracing.")
    times = np.asarray(delay.to_decimal(u.ms), np.float64)
    if not np.isfinite(times).all():
        raise ValueError(f"{where} holds NaN or an infinite time.")
    if (times < 0).any():
        raise ValueError(f"{where} must not be negative; given {delay!r}.")
    return times


def is_other_step(dt: Any, made_for: float | None) -> bool:
    """Whether the time step differs from the one that something was made for, both in ms; None fits all."""
    return made_for is not None and abs(float(dt) - made_for) > _SAME_STEP * made_for


def check_ring(dt: Any, made_for: float | None, where: str) -> None:
    """Refuse a time step other than the one that a ring was made for."""
    if is_other_step(dt, made_for):
        raise ValueError(
            f"{where} was made for dt = {made_for:g} ms, but dt is {float(dt):g} ms now. "
            "Call sl.nn.init_all_states(model) again after a change of dt."
        )
