"""The refractory period in steps."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._jax import is_tracer

_LARGEST_COUNT = 1 << 24  # whole numbers up to here are exact in float32


def refractory_steps(period: Any, dt: Any, where: str) -> Any:
    """The number of steps in a period, rounded to the nearest; both times in ms."""
    if is_tracer(period) or is_tracer(dt):
        return jnp.round(period / dt)
    steps = np.round(np.asarray(period) / float(dt))
    if (steps > _LARGEST_COUNT).any():
        raise ValueError(f"{where} is longer than {_LARGEST_COUNT} steps of dt = {dt} ms.")
    return steps
