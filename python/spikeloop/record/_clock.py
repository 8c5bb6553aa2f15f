"""Times of a run as whole steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from .._errors import UnitError

_TOLERANCE = 1e-4  # of a step: what float32 leaves of a quotient of times


@dataclass(frozen=True)
class Clock:
    """`steps` steps of `dt` ms, of which the first is at `t0` ms."""

    dt: float
    steps: int
    t0: float = 0.0

    def times(self, steps: Any) -> Any:
        """The times of these steps."""
        return u.Quantity(self.t0 + np.asarray(steps, np.float64) * self.dt, unit=u.ms)


def milliseconds(time: Any, where: str) -> float:
    """A time in ms, checked."""
    if not isinstance(time, u.Quantity) or not time.unit.has_same_dim(u.ms):
        raise UnitError(f"{where} needs a time such as `1. * u.ms`; given {time!r}.")
    number = np.asarray(time.to_decimal(u.ms), np.float64)
    if number.shape != () or not np.isfinite(number):
        raise ValueError(f"{where} must be one finite time; given {time!r}.")
    return float(number)


def whole_steps(time: Any, dt: float, where: str) -> int:
    """A time as a whole number of steps, not negative."""
    exact = milliseconds(time, where) / dt
    steps = round(exact)
    if abs(exact - steps) > _TOLERANCE * max(1.0, exact * 1e-2):
        raise ValueError(
            f"{where} of {exact * dt:g} ms is no multiple of dt = {dt:g} ms; write {max(steps, 1) * dt:g} * u.ms, "
            "or change dt."
        )
    if steps < 0:
        raise ValueError(f"{where} must not be negative; given {exact * dt:g} ms.")
    return steps


def period(time: Any, dt: float, where: str) -> int:
    """As `whole_steps`, but at least one."""
    steps = whole_steps(time, dt, where)
    if steps < 1:
        raise ValueError(f"{where} must be at least one step, dt = {dt:g} ms; given {time!r}.")
    return steps


def start_time(t0: Any, dt: float, where: str) -> float:
    """The time of the first step in ms, by default 0."""
    return 0.0 if t0 is None else whole_steps(t0, dt, f"{where}: t0") * dt
