"""Time in whole steps: the index i of a step is an int32 and exact, its time t = i dt is derived from it.

A float32 holds every whole number up to 2²⁴ only, 1,700 s in steps of 0.1 ms. What follows here is therefore computed
in 64 bits, whatever the precision of the program is; it is scalar work, or is done once for a whole loop.
"""

from __future__ import annotations

import functools
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ._jax import is_tracer

MOST = np.iinfo(np.int32).max  # steps

_ON_GRID = 1e-3  # of a step: times of a grid may miss it by this, and by what their dtype cannot tell apart
_HALF = 0.5 + 1e-3  # half a step after i, where Runge-Kutta methods look at their slope, belongs to i
_ROUNDINGS = (0.5, 2.0)  # units in the last place: of a time that was rounded once; of a sum or product in its dtype


def check_dt(dt: Any, where: str) -> None:
    """Refuse a time step that is not a positive finite number."""
    number = np.asarray(u.get_mantissa(dt))
    if not any(jnp.issubdtype(number.dtype, kind) for kind in (np.integer, np.floating)):
        raise TypeError(f"{where}: dt must be a number such as 0.1 * u.ms; given {dt!r}.")
    if not np.isfinite(number) or number <= 0:
        raise ValueError(f"{where}: dt must be positive and finite, such as 0.1 * u.ms; given {dt!r}.")


def time_at(step: Any, dt: float, dtype: Any) -> Any:
    """The time of a step: step·dt, rounded, or the number above it if floor(time/dt) were the step before.

    A float32 can do so for 2²³ steps, and for later ones that it can hold.
    """
    divisor = np.asarray(dt, dtype)
    with jax.enable_x64(True):
        time = jax.lax.convert_element_type(_wide(step) * np.float64(dt), dtype)
        high, middle, low = (_wide(step) * part for part in _parts(float(divisor)))
        lack = ((high - _wide(time)) + middle) + low  # step·divisor - time, each term exact
        whole = jax.lax.convert_element_type(step, dtype)
        gap = _wide(whole) - _wide(jnp.nextafter(whole, jnp.zeros_like(whole)))
        # XLA turns a division by a constant into a product where it likes to, so `time/dt` may round in either way.
        early = (lack >= 0.5 * gap * float(divisor)) & (lack > 0) | (time * (1 / divisor) < whole)
    return jnp.where(early, jnp.nextafter(time, jnp.full_like(time, jnp.inf)), time)


def _parts(number: float) -> list[np.float64]:
    """Three numbers of 18 bits, the sum of which it is: their products with an int32 are exact."""
    parts = []
    for _ in range(3):
        mantissa, exponent = np.frexp(number)
        parts.append(np.float64(np.ldexp(np.round(np.ldexp(mantissa, 18)), int(exponent) - 18)))
        number -= parts[-1]
    return parts


def step_at(time: Any, dt: Any, clock: tuple[Any, Any] | None) -> Any:
    """The step nearest to `time`; `clock` is the exact (time, step) of the loop around, if there is one."""
    with jax.enable_x64(True):
        step, distance = _from_clock(time, dt, clock)
        steps = jnp.clip(jnp.ceil(distance - np.float64(_HALF)), -float(MOST), float(MOST))
        return step + jax.lax.convert_element_type(steps, np.int32)


def steps_since(time: Any, step: Any, dt: Any, clock: tuple[Any, Any] | None, dtype: Any) -> Any:
    """The steps, and parts of one, from `time` to a step."""
    with jax.enable_x64(True):
        known, distance = _from_clock(time, dt, clock)
        return jax.lax.convert_element_type(_wide(step - known) - distance, dtype)


def _from_clock(time: Any, dt: Any, clock: tuple[Any, Any] | None) -> tuple[Any, Any]:
    """(the step of the clock, the steps from there to `time`)."""
    time_known, step_known = (0.0, 0) if clock is None else clock
    return step_known, (_in_ms(time) - _in_ms(time_known)) / _in_ms(dt)


def step_of(time: Any, dt: Any) -> Any:
    """The step nearest to a time that is known."""
    time_ms, dt_ms = (np.asarray(u.get_mantissa(x), np.float64) * _scale(x) for x in (time, dt))
    steps = time_ms / dt_ms
    if not np.isfinite(steps).all():
        raise ValueError(f"environ t must be finite; given {time!r}.")
    return np.clip(np.ceil(steps - _HALF), -MOST, MOST).astype(np.int32)


def is_time(time: Any, dt: Any) -> bool:
    """Whether `time` is a number of the dimension of `dt`."""
    units = [x.unit if isinstance(x, u.Quantity) else u.UNITLESS for x in (time, dt)]
    numbers = [u.get_mantissa(x) for x in (time, dt)]
    kinds = (int, float, np.ndarray, np.generic, jax.Array)
    return units[0].has_same_dim(units[1]) and all(isinstance(x, kinds) for x in numbers)


def clock_of(times: Any, dt: float) -> tuple[Any, Any]:
    """The exact (time, step) of each slice of a loop over `times`, whose dtype may be too coarse to tell steps apart.

    If they lie one step apart, as far as their dtype can tell, each one is counted from the first. Otherwise they are
    taken for what they are: (0, 0), the time 0 in step 0, is right for any clock. `dt` has their unit.
    """
    return _clock_of(times, float(dt)) if times.size else (times, jnp.zeros(times.shape, jnp.int32))


@functools.partial(jax.jit, static_argnames="dt")
def _clock_of(times: Any, dt: float) -> tuple[Any, Any]:
    above = jnp.nextafter(abs(times), jnp.asarray(jnp.inf, times.dtype))
    with jax.enable_x64(True):
        index = jnp.arange(times.size, dtype=np.float64)
        starts = _wide(times) / dt - index  # where the grid begins, in steps, to the precision of each time
        spacing = (_wide(above) - abs(_wide(times))) / dt
        given = first = jnp.round(starts[0])
        fits = np.False_
        for roundings in _ROUNDINGS:
            slack = roundings * spacing + _ON_GRID
            low, high = jnp.ceil(jnp.max(starts - slack)), jnp.floor(jnp.min(starts + slack))
            first = jnp.where(fits, first, jnp.clip(given, low, high))
            fits = fits | (low <= high)
        steps = jax.lax.convert_element_type(jnp.clip(first + index, -float(MOST), float(MOST)), np.int32)
    return jnp.where(fits, times, 0), jnp.where(fits, steps, 0)


def _wide(value: Any) -> Any:
    return jax.lax.convert_element_type(jax.lax.stop_gradient(value), np.float64)


def _in_ms(time: Any) -> Any:
    number = u.get_mantissa(time)
    return (_wide(number) if is_tracer(number) else np.float64(number)) * _scale(time)


def _scale(time: Any) -> np.float64:
    """The ms in the unit of a time; plain numbers are in ms, or all in one unit of their own."""
    with_unit = isinstance(time, u.Quantity) and not time.unit.is_unitless
    one: Any = 1.0 * time.unit if with_unit else 1.0
    return np.float64(one.to_decimal(u.ms) if with_unit else one)
