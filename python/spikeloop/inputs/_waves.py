"""Periodic inputs. All begin at `t_start` with phase 0, end before `t_end`, and are 0 outside.

`bias=True` adds the amplitude, so that nothing is negative. Arrays of amplitudes give more axes after that of time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._grid import Grid, placed


def _periodic(shape: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Any]:
    """The input that is `shape(x)` times its amplitude after x periods."""

    def wave(
        amplitude: Any,
        frequency: Any,
        duration: Any,
        t_start: Any = None,
        t_end: Any = None,
        bias: bool = False,
        *,
        dt: Any = None,
    ) -> Any:
        grid = Grid(f"inputs.{shape.__name__}", dt)
        length, where, t = grid.window(duration, t_start, t_end)
        turns = float(grid.rate("frequency", frequency)) * t
        return placed(length, where, shape(turns), amplitude, offset=float(bias))

    wave.__name__, wave.__doc__ = shape.__name__, shape.__doc__
    return wave


@_periodic
def sinusoidal(x: np.ndarray) -> np.ndarray:
    """`amplitude` · sin(2π f t)."""
    return np.sin(2 * np.pi * x)


@_periodic
def triangular(x: np.ndarray) -> np.ndarray:
    """From 0 up to +amplitude, down to −amplitude and back, in straight lines."""
    return 1 - 4 * np.abs(_phase(x + 0.25) - 0.5)


@_periodic
def sawtooth(x: np.ndarray) -> np.ndarray:
    """From −amplitude up to +amplitude in each period."""
    return 2 * _phase(x) - 1


def square(
    amplitude: Any,
    frequency: Any,
    duration: Any,
    t_start: Any = None,
    t_end: Any = None,
    duty_cycle: float = 0.5,
    bias: bool = False,
    *,
    dt: Any = None,
) -> Any:
    """+amplitude in the first part `duty_cycle` of each period, −amplitude in the rest."""
    if not 0 <= duty_cycle <= 1:
        raise ValueError(f"inputs.square: duty_cycle must lie between 0 and 1; given {duty_cycle}.")

    def square(x: np.ndarray) -> np.ndarray:
        return np.where(_phase(x) < duty_cycle, 1.0, -1.0)

    return _periodic(square)(amplitude, frequency, duration, t_start, t_end, bias, dt=dt)


def chirp(
    amplitude: Any,
    f_start: Any,
    f_end: Any,
    duration: Any,
    t_start: Any = None,
    t_end: Any = None,
    method: str = "linear",
    bias: bool = False,
    *,
    dt: Any = None,
) -> Any:
    """A sine whose frequency goes from `f_start` to `f_end`, linearly or (`method='logarithmic'`) by equal factors."""
    grid = Grid("inputs.chirp", dt)
    length, where, t = grid.window(duration, t_start, t_end)
    f0, f1 = float(grid.rate("f_start", f_start)), float(grid.rate("f_end", f_end))
    span = (where.stop - where.start) * grid.dt
    if method == "linear":
        turns = f0 * t + (f1 - f0) * t**2 / (2 * span)
    elif method != "logarithmic":
        raise ValueError(f"inputs.chirp: method must be 'linear' or 'logarithmic'; given {method!r}.")
    elif f0 <= 0 or f1 <= 0:
        raise ValueError(f"inputs.chirp: frequencies must be positive if logarithmic; given {f_start} and {f_end}.")
    else:
        growth = np.log(f1 / f0) / span
        turns = f0 * (t if growth == 0 else np.expm1(growth * t) / growth)
    return placed(length, where, np.sin(2 * np.pi * turns), amplitude, offset=float(bias))


def _phase(x: np.ndarray) -> np.ndarray:
    """The part of the present period that has passed; a boundary missed by a rounding error counts as reached."""
    return np.mod(x + 1e-9, 1.0)
