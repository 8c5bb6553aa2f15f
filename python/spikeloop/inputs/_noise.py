"""Random inputs. They draw from `random.DEFAULT`, or from the key or whole number `seed`.

The result has the axes (time, n), or (time,) for n = 1, and is 0 before `t_start` and from `t_end` on.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, random
from ..random._units import attach, check_range, common_unit
from ._grid import Grid, trailing


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

    `sigma` has the unit of the result and stands for its value per √ms (per √time if dt has no unit).
    """
    grid = Grid("wiener_process", dt)
    length, where, _ = grid.window(duration, t_start, t_end)
    unit, (sigma,) = common_unit("inputs.wiener_process", sigma=sigma)
    shape = (where.stop - where.start, *trailing(n, "wiener_process"))
    noise = random.standard_normal(shape, seed) * (jnp.asarray(sigma, environ.dftype()) * math.sqrt(grid.dt))
    return attach(_padded(noise, length, where), unit)


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

    Exact for any dt; the stationary standard deviation is sigma·√(tau/2). `sigma` has the unit of `mean` and stands for
    its value per √ms (per √time if dt has no unit).
    """
    grid = Grid("ou_process", dt)
    length, where, _ = grid.window(duration, t_start, t_end)
    unit, (mean, sigma) = common_unit("inputs.ou_process", mean=mean, sigma=sigma)
    tau = grid.time("tau", tau)
    if tau <= 0:
        raise ValueError(f"inputs.ou_process: tau must be positive; given {tau}.")
    decay, dtype = math.exp(-grid.dt / tau), environ.dftype()
    spread = math.sqrt(-tau / 2 * math.expm1(-2 * grid.dt / tau))
    shape = (where.stop - where.start, *trailing(n, "ou_process"))
    noise = random.standard_normal(shape, seed) * (jnp.asarray(sigma, dtype) * spread)
    x = jnp.asarray(mean, dtype) + _filtered(noise, jnp.asarray(decay, dtype))
    return attach(_padded(x, length, where), unit)


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
    """`amplitude` with probability rate·dt in each step, else 0. Rates may be arrays that fit into `n`."""
    grid = Grid("poisson", dt)
    length, where, _ = grid.window(duration, t_start, t_end)
    unit, (amplitude,) = common_unit("inputs.poisson", amplitude=amplitude)
    probability = np.asarray(grid.rate("rate", rate)) * grid.dt
    if (probability > 1).any():
        raise ValueError(
            f"inputs.poisson: a rate of {rate} means more than one spike in a step of dt; use a smaller dt."
        )
    check_range("inputs.poisson", 0, rate=probability)
    shape = (where.stop - where.start, *trailing(n, "poisson"))
    spikes = random.bernoulli(probability, shape, seed).astype(environ.dftype())
    return attach(_padded(spikes * jnp.asarray(amplitude, spikes.dtype), length, where), unit)


def _padded(values: Any, length: int, where: slice) -> Any:
    return jnp.pad(values, [(where.start, length - where.stop), *[(0, 0)] * (values.ndim - 1)])


@jax.jit
def _filtered(noise: Any, decay: Any) -> Any:
    """x[k] = decay·x[k − 1] + noise[k], from 0."""

    def step(x: Any, drawn: Any) -> tuple[Any, Any]:
        x = decay * x + drawn
        return x, x

    return jax.lax.scan(step, jnp.zeros(noise.shape[1:], noise.dtype), noise)[1]
