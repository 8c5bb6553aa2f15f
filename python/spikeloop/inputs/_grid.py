"""Times as steps of dt: step k stands for the time k·dt."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import UnitError
from .._jax import is_tracer
from .._steps import MOST
from ..random._units import attach, check_finite, common_unit

_ROUNDING = 1e-6  # relative errors of times that were computed in float32


class Grid:
    """The time steps of one call of `where`. Plain numbers are in ms, or in the unit of a dt that has none."""

    def __init__(self, where: str, dt: Any = None):
        self.where = where
        dt = environ.get("dt", desc=f"the time step, by {where}") if dt is None else dt
        if any(map(is_tracer, jax.tree.leaves(dt))):
            raise TypeError(f"{where}: dt must be known before tracing, because the number of steps follows from it.")
        with_unit = isinstance(dt, u.Quantity) and not dt.unit.has_same_dim(u.UNITLESS)
        self.unit: Any = u.ms if with_unit else u.UNITLESS
        self.dt = self.time("dt", dt)
        if self.dt <= 0:
            raise ValueError(f"{where}: dt must be positive; given {dt}.")

    def time(self, name: str, value: Any) -> float:
        """One time as a plain number."""
        time = float(self.number(name, value, self.unit))
        if not math.isfinite(time):
            raise ValueError(f"{self.where}: {name} must be finite; given {value}.")
        return time

    def positive(self, name: str, value: Any) -> float:
        """One positive time as a plain number."""
        time = self.time(name, value)
        if time <= 0:
            raise ValueError(f"{self.where}: {name} must be positive; given {value}.")
        return time

    def rate(self, name: str, value: Any) -> Any:
        """A rate or frequency as plain number(s) per plain time."""
        check_finite(self.where, **{name: value})
        return self.number(name, value, u.kHz if self.unit == u.ms else u.UNITLESS)

    def number(self, name: str, value: Any, unit: Any) -> Any:
        """`value` in `unit`, which it must have."""
        given = value.unit if isinstance(value, u.Quantity) else u.UNITLESS
        if given.has_same_dim(unit):
            return value.to_decimal(unit) if isinstance(value, u.Quantity) else value
        if not isinstance(value, u.Quantity) and np.ndim(value) == 0 and value == 0:
            return 0.0
        expected = "a plain number, as dt is" if unit == u.UNITLESS else f"a value such as 10. * u.{unit}"
        raise UnitError(f"{self.where}: {name} must be {expected}; given {value}.")

    def whole(self, name: str, value: Any) -> int:
        """A whole number that is not negative."""
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
            raise ValueError(f"{self.where}: {name} must be a whole number, not negative; given {value!r}.")
        return int(value)

    def step(self, name: str, value: Any) -> int:
        """The first step at or after a time that is not negative."""
        time = self.time(name, value)
        if time < 0:
            raise ValueError(f"{self.where}: {name} must not be negative; given {value}.")
        return self.ceil(time)

    def ceil(self, time: float) -> int:
        """The first step at or after the plain `time`."""
        return math.ceil(self.steps(time))

    def edge(self, time: float) -> int:
        """As `ceil`, but at most the last step that there may be."""
        return min(self.ceil(time), MOST)

    def steps(self, time: Any) -> Any:
        """Plain times in steps; what misses a whole number by a rounding error is that number."""
        steps = np.asarray(time, float) / self.dt
        nearest = np.round(steps)
        return np.where(abs(steps - nearest) <= np.minimum(_ROUNDING * np.maximum(1.0, steps), 0.1), nearest, steps)

    def window(self, duration: Any, t_start: Any, t_end: Any) -> tuple[int, slice, np.ndarray]:
        """(number of steps, the steps from `t_start` to `t_end`, their times since `t_start`)."""
        length = self.step("duration", duration)
        begin = 0 if t_start is None else min(self.step("t_start", t_start), length)
        end = length if t_end is None else min(self.step("t_end", t_end), length)
        if end < begin:
            raise ValueError(f"{self.where}: t_end={t_end} comes before t_start={t_start}.")
        start_time = 0.0 if t_start is None else self.time("t_start", t_start)
        return length, slice(begin, end), np.arange(begin, end) * self.dt - start_time


def placed(
    length: int, where: slice, wave: np.ndarray, amplitude: Any, name: str = "amplitude", offset: Any = 0
) -> Any:
    """`amplitude`·(wave + offset) in the steps `where` and 0 elsewhere; the axes of `amplitude` follow that of time."""
    check_finite("inputs", **{name: amplitude})
    unit, (amplitude,) = common_unit(name, **{name: amplitude})
    shape = np.zeros(length)
    shape[where] = wave + offset
    dtype = environ.dftype()
    amplitude = jnp.asarray(amplitude, dtype)
    return attach(jnp.asarray(shape.reshape(-1, *[1] * amplitude.ndim), dtype) * amplitude, unit)
