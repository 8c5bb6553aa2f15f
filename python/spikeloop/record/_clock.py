"""Times of a run as whole steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from .._errors import UnitError
from .._steps import MOST, check_dt

_TOLERANCE = 1e-4  # of a step, and
_FLOAT32 = 2.0**-22  # of the time: what float32 leaves of a quotient of times, as long as it is less than
_DOUBT = 0.25  # of a step


@dataclass(frozen=True)
class Clock:
    """`steps` steps of `dt` ms, of which the first is at `t0` ms."""

    dt: float
    steps: int
    t0: float = 0.0

    @property
    def first(self) -> int:
        """The index of the first step, which counts from the time 0."""
        return round(self.t0 / self.dt)

    def times(self, steps: Any) -> Any:
        """The times of these steps, to the bit those of a run from 0 on if t0 is a multiple of dt."""
        beside = self.t0 - self.first * self.dt
        return u.Quantity((self.first + np.asarray(steps, np.float64)) * self.dt + beside, unit=u.ms)


def milliseconds(time: Any, where: str) -> float:
    """A time in ms, checked."""
    if not isinstance(time, u.Quantity) or not time.unit.has_same_dim(u.ms):
        raise UnitError(f"{where} needs a time such as `1. * u.ms`; given {time!r}.")
    number = np.asarray(time.to_decimal(u.ms), np.float64)
    if number.shape != () or not np.isfinite(number):
        raise ValueError(f"{where} must be one finite time; given {time!r}.")
    return float(number)


def time_step_in_ms(dt: Any, where: str) -> float:
    """A time step in ms, checked."""
    number = milliseconds(dt, f"{where}: dt")
    check_dt(dt, where)
    return number


def whole_steps(time: Any, dt: float, where: str) -> int:
    """A time as a whole number of steps, not negative."""
    exact = milliseconds(time, where) / dt
    steps = round(exact)
    if abs(exact - steps) > min(_TOLERANCE + _FLOAT32 * exact, _DOUBT):
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


def run_clock(duration: Any, t0: Any, dt: float, where: str) -> Clock:
    """The clock of a run, whose steps must be known by an int32."""
    clock = Clock(dt, whole_steps(duration, dt, f"{where}: duration"), start_time(t0, dt, where))
    if clock.first + clock.steps > MOST:
        raise ValueError(
            f"{where}: the run ends at step {clock.first + clock.steps:,}, but steps are counted to {MOST:,}, which is "
            f"{MOST * dt:g} ms. Begin at an earlier t0, run for a shorter time, or take a longer dt than {dt:g} ms."
        )
    return clock
