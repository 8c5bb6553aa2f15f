"""Inputs that are constant, or change linearly, for some time each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import environ
from ..random._units import attach, check_finite, common_unit
from ._grid import Grid, placed


def section(values: Sequence[Any], durations: Sequence[Any], return_length: bool = False, *, dt: Any = None) -> Any:
    """`values[0]` for `durations[0]`, then `values[1]` for `durations[1]`, and so on.

    Values may be arrays that broadcast; time comes first in the result. `return_length=True` also gives the total time.

    >>> sl.inputs.section([0, 3, 0] * u.mA, [10, 50, 10] * u.ms).shape
    (700,)
    """
    same_length("inputs.section", values=values, durations=durations)
    grid = Grid("inputs.section", dt)
    for duration in durations:
        grid.step("durations", duration)
    ends = np.cumsum([grid.time("durations", duration) for duration in durations])
    stops = [grid.ceil(float(end)) for end in ends]
    result = _pieces("section", values, np.diff(stops, prepend=0))
    return (result, attach(float(ends[-1]) if len(ends) else 0.0, grid.unit)) if return_length else result


def constant(I_and_duration: Sequence[tuple[Any, Any]], *, dt: Any = None) -> Any:
    """`section` with (value, duration) pairs; returns (input, total time)."""
    pairs = list(I_and_duration)
    return section([value for value, _ in pairs], [duration for _, duration in pairs], True, dt=dt)


def step(amplitudes: Sequence[Any], step_times: Sequence[Any], duration: Any = None, *, dt: Any = None) -> Any:
    """0, then `amplitudes[k]` from `step_times[k]` on until the next of these times, which must not fall.

    Without `duration` the total time is the sum of `step_times`.
    """
    same_length("inputs.step", amplitudes=amplitudes, step_times=step_times)
    grid = Grid("inputs.step", dt)
    total = sum(grid.time("step_times", time) for time in step_times)
    length = grid.ceil(total) if duration is None else grid.step("duration", duration)
    starts = np.array([min(grid.step("step_times", time), length) for time in step_times], int)
    if (np.diff(starts) < 0).any():
        raise ValueError(f"inputs.step: step_times must not fall; given {step_times}.")
    zero = 0 if not len(amplitudes) else amplitudes[0] * 0
    counts = np.diff(np.concatenate([[0], starts, [length]]).astype(int))
    return _pieces("step", [zero, *amplitudes], counts)


def ramp(c_start: Any, c_end: Any, duration: Any, t_start: Any = None, t_end: Any = None, *, dt: Any = None) -> Any:
    """From `c_start` at `t_start` linearly to `c_end` in the last step before `t_end`; 0 outside."""
    length, where, _ = Grid("inputs.ramp", dt).window(duration, t_start, t_end)
    unit, (first, last) = common_unit("inputs.ramp", c_start=c_start, c_end=c_end)
    up = np.linspace(0, 1, where.stop - where.start)
    return attach(placed(length, where, 1 - up, first) + placed(length, where, up, last), unit)


def same_length(where: str, **lists: Any) -> None:
    """Refuse two arguments that are no lists of the same length."""
    for name, values in lists.items():
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise TypeError(f"{where}: {name} must be a list or an array; given {values!r}.")
    (one, first), (two, second) = lists.items()
    if len(first) != len(second):
        raise ValueError(f"{where}: {len(first)} {one} but {len(second)} {two}.")


def _pieces(where: str, values: Sequence[Any], counts: np.ndarray) -> Any:
    """Each value repeated as often as `counts` says, along a first axis."""
    names = {f"value {k}": value for k, value in enumerate(values)}
    check_finite(f"inputs.{where}", **names)
    unit, numbers = common_unit(f"inputs.{where}", **names)
    dtype = environ.dftype()
    numbers = [jnp.asarray(number, dtype) for number in numbers]
    shape = jnp.broadcast_shapes(*(number.shape for number in numbers))
    if not numbers:
        return jnp.zeros(0, dtype)
    table = jnp.stack([jnp.broadcast_to(number, shape) for number in numbers])
    return attach(table[np.repeat(np.arange(len(numbers)), counts)], unit)
