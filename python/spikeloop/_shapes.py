"""Which shapes go together, and arrays that are repeated to a shape."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ._by_part import array, elements
from ._jax import is_at_hand


def fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be repeated to the shape `into`."""
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False


def repeat_to(shape: tuple[int, ...], value: Any, dtype: Any) -> Any:
    """`value` repeated to `shape`, in memory of its own: what becomes a State is overwritten in place.

    Outside of transformations NumPy does it, for which JAX would compile and keep programs for each new shape.
    """
    if is_at_hand(value):
        known = np.asarray(value, dtype)
        own = lambda start, stop: np.array(np.broadcast_to(elements(known, shape, start, stop), stop - start))  # noqa: E731
        return array(shape, own)
    return jnp.broadcast_to(jnp.asarray(value, dtype), shape) + jnp.zeros((), dtype)
