"""A hashable key of a value, by which equal arguments are recognised."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import jax
import numpy as np

from ._jax import is_tracer
from ._state import State


def value_key(value: Any) -> Hashable:
    """Equal for two values that are equal: numbers, arrays and Quantities by content, also inside containers.

    States, tracers and what has no value of its own count by identity; what has a method `key()` says it itself.
    """
    if isinstance(value, State) or is_tracer(value):
        return id(value)
    if isinstance(value, (jax.Array, np.ndarray)):
        array = np.asarray(value)
        return array.shape, array.dtype.str, array.tobytes()
    if isinstance(value, float):
        return float, float(value)  # NumPy's too
    leaves, tree = jax.tree.flatten(value)
    if len(leaves) != 1 or leaves[0] is not value:
        return tree, tuple(value_key(leaf) for leaf in leaves)
    if hasattr(value, "key") and callable(value.key):
        return value.key()
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
