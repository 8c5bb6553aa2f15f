"""Values at equal distances of time, for equations in text."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._state import State
from .._steps import MOST
from .._units import number_in
from ..equations._of_time import FunctionOfTime
from ..random._units import attach, check_finite, common_unit
from ._grid import Grid


class TimedArray(FunctionOfTime):
    """A function of time that is `values[k]` from k·dt on, and the last value after the end, as in Brian2.

    Equations in text read it as `stimulus(t)`; where each neuron has its own values, as `stimulus(t, i)`.

    | name | meaning | unit |
    |---|---|---|
    | `values` | array `[time]`, or `[time, neuron]` | any |
    | `dt` | the distance in time of two values | ms |

    A call `stimulus(t)` returns the value in the step that begins at t. Raises UnitError, ShapeError and ValueError
    where an argument is wrong.

    >>> stimulus = sl.TimedArray([1.0, 2.0] * u.nA, dt=10 * u.ms)
    >>> with sl.environ.context(dt=0.1 * u.ms):
    ...     print(stimulus(9.9 * u.ms), stimulus(10 * u.ms), stimulus(1 * u.second))
    1. nA 2. nA 2. nA
    """

    def __init__(self, values: Any, dt: Any):
        check_finite("TimedArray", values=values)
        self.unit, (numbers,) = common_unit("TimedArray", values=values)
        numbers = jnp.asarray(numbers, environ.dftype())
        if numbers.ndim not in (1, 2) or not len(numbers):
            raise ShapeError(
                f"TimedArray: values must be an array [time] or [time, neuron]; given shape {numbers.shape}."
            )
        self.dt = Grid("TimedArray", 1.0 * u.ms).positive("dt", dt)
        self._numbers = State(numbers)  # so that it enters programs as an argument

    def __call__(self, t: Any) -> Any:
        """The value in the step that begins at the time `t`."""
        grid = Grid("TimedArray")
        time = number_in(t, u.ms, "TimedArray: t")
        return attach(self.at_step(jnp.round(time / grid.dt).astype(jnp.int32)), self.unit)

    def at_step(self, i: Any) -> jax.Array:
        """The plain number(s) in the unit of the array at step `i` of the `dt` of `environ`."""
        numbers, grid = self._numbers.value, Grid("TimedArray")
        steps = grid.steps(self.dt)
        if steps == np.round(steps):
            k = i // min(int(steps), MOST)
        else:
            edges = np.ceil(grid.steps(np.arange(1, len(numbers)) * self.dt))
            k = jnp.searchsorted(jnp.asarray(np.minimum(edges, MOST), jnp.int32), i, side="right")
        return numbers[jnp.clip(k, 0, len(numbers) - 1)]
