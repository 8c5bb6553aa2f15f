"""Functions that are computed while tracing if their argument is a constant."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def exp(x: Any) -> Any:
    """eˣ."""
    return jnp.exp(x) if isinstance(x, jax.Array) else np.exp(x)


def exprel(x: Any) -> Any:
    """(eˣ − 1)/x, which is 1 at 0."""
    xp: Any = jnp if isinstance(x, jax.Array) else np
    small = xp.abs(x) < 1e-3
    safe = xp.where(small, 1.0, x)
    return xp.where(small, 1 + x / 2 * (1 + x / 3 * (1 + x / 4)), xp.expm1(safe) / safe)
