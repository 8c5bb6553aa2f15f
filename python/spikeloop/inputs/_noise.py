"""Random inputs. They draw from `random.DEFAULT`, or from the key or whole number `seed`.

The result has the axes (time, n), or (time,) for n = 1, and is 0 before `t_start` and from `t_end` on.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, random
from .._errors import ShapeError
from .._shapes import fits
from ..random._units import attach, check_finite, check_range, common_unit
from ._grid import Grid
from ._poisson import events
from ._waves import sinusoidal


def wiener_process(
    duration: Any,
    sigma: Any = 1.0,
    n: Any = 1,
    t_start: Any = None,
    t_end: Any = None,
    seed: Any = None,
    *,
    dt: Any = None,
) -> Any:
    """The increments of a Wiener process: independent, normal, with variance sigma²·dt.

    `sigma` has the unit of the result and is its value per √ms (per √time if dt has no unit).
    """
    grid, shape, placed = _window("inputs.wiener_process", duration, n, t_start, t_end, dt)
    check_finite(grid.where, least=0, sigma=sigma)
    unit, (sigma,) = common_unit(grid.where, sigma=sigma)
    noise = random.standard_normal(shape, seed) * (jnp.asarray(sigma, environ.dftype()) * math.sqrt(grid.dt))
    return placed(noise, unit)


def ou_process(
    mean: Any,
    sigma: Any,
    tau: Any,
    duration: Any,
    n: Any = 1,
    t_start: Any = None,
    t_end: Any = None,
    seed: Any = None,
    *,
    dt: Any = None,
) -> Any:
    """The Ornstein–Uhlenbeck process dx = (mean − x)/tau dt + sigma dW, started one step earlier at `mean`.

    Exact for any dt; the stationary standard deviation is sigma·√(tau/2). `sigma` has the unit of `mean` and is its
    value per √ms (per √time if dt has no unit).
    """
    grid, shape, placed = _window("inputs.ou_process", duration, n, t_start, t_end, dt)
    check_finite(grid.where, mean=mean)
    check_finite(grid.where, least=0, sigma=sigma)
    unit, (mean, sigma) = common_unit(grid.where, mean=mean, sigma=sigma)
    decay, spread = ou_step(grid.positive("tau", tau), grid.dt)
    dtype = environ.dftype()
    noise = random.standard_normal(shape, seed) * (jnp.asarray(sigma, dtype) * spread)
    return placed(jnp.asarray(mean, dtype) + _filtered(noise, jnp.asarray(decay, dtype)), unit)


def ou_step(tau: float, dt: float) -> tuple[float, float]:
    """(the factor by which the distance from the mean decays in a step, the noise of a step per sigma)."""
    return math.exp(-dt / tau), math.sqrt(-tau / 2 * math.expm1(-2 * dt / tau))


def noisy_sinusoidal(
    amplitude: Any,
    frequency: Any,
    noise_amplitude: Any,
    duration: Any,
    t_start: Any = None,
    t_end: Any = None,
    seed: Any = None,
    *,
    dt: Any = None,
) -> Any:
    """`amplitude` · sin(2π f t) plus independent normal noise with standard deviation `noise_amplitude`."""
    grid, shape, placed = _window("inputs.noisy_sinusoidal", duration, 1, t_start, t_end, dt)
    check_finite(grid.where, least=0, noise_amplitude=noise_amplitude)
    unit, (amplitude, spread) = common_unit(grid.where, amplitude=amplitude, noise_amplitude=noise_amplitude)
    wave = sinusoidal(amplitude, frequency, duration, t_start, t_end, dt=dt)
    return attach(wave, unit) + placed(random.standard_normal(shape, seed) * spread, unit)


def poisson(
    rate: Any,
    duration: Any,
    amplitude: Any = 1.0,
    n: Any = 1,
    t_start: Any = None,
    t_end: Any = None,
    seed: Any = None,
    *,
    dt: Any = None,
) -> Any:
    """`amplitude` times the number of spikes of a Poisson process in each step; `rate` may be an array."""
    grid, shape, placed = _window("inputs.poisson", duration, n, t_start, t_end, dt)
    check_finite(grid.where, amplitude=amplitude)
    unit, (amplitude,) = common_unit(grid.where, amplitude=amplitude)
    rate = np.asarray(grid.rate("rate", rate))
    check_range(grid.where, 0, rate=rate)
    if not fits(rate.shape, shape):
        raise ShapeError(f"{grid.where}: rates of shape {rate.shape} do not fit n={n}.")
    spikes = events(rate * grid.dt, shape, seed).astype(environ.dftype())
    return placed(spikes * jnp.asarray(amplitude, spikes.dtype), unit)


def _window(
    name: str, duration: Any, n: Any, t_start: Any, t_end: Any, dt: Any
) -> tuple[Grid, tuple[int, ...], Callable[[Any, Any], Any]]:
    """(the grid, the shape to draw, a function that puts what was drawn from `t_start` to `t_end` among zeros)."""
    grid = Grid(name, dt)
    length, where, _ = grid.window(duration, t_start, t_end)
    sizes = tuple(n) if isinstance(n, (tuple, list)) else () if n == 1 else (n,)
    sizes = tuple(map(operator.index, sizes))
    if any(size < 0 for size in sizes):
        raise ValueError(f"{name}: n must not be negative; given {n}.")

    def placed(values: Any, unit: Any) -> Any:
        padding = [(where.start, length - where.stop), *[(0, 0)] * (values.ndim - 1)]
        return attach(jnp.pad(values, padding), unit)

    return grid, (where.stop - where.start, *sizes), placed


@jax.jit
def _filtered(noise: Any, decay: Any) -> Any:
    """x[k] = decay·x[k − 1] + noise[k], from 0."""

    def step(x: Any, drawn: Any) -> tuple[Any, Any]:
        x = decay * x + drawn
        return x, x

    return jax.lax.scan(step, jnp.zeros(noise.shape[1:], noise.dtype), noise)[1]
