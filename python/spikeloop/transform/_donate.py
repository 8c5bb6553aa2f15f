"""Which buffers may a program overwrite? Those that only their State holds."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._state import State

# From this size on, the buffer of a State that a program replaces is handed over instead of kept beside the new one.
DONATE_BYTES = 1 << 20


def unshared(state: State) -> Any:
    """The value of `state`, copied if somebody else holds it: the program may overwrite what it is given."""
    value = state._value
    whole = sys.getrefcount(value) > _WHOLE_REFS
    leaves, tree = jax.tree.flatten(value)
    for i in range(len(leaves)):
        if whole or sys.getrefcount(leaves[i]) > _LEAF_REFS + (leaves[i] is value):
            leaves[i] = jnp.copy(leaves[i])
    return jax.tree.unflatten(tree, leaves)


def _count_references() -> tuple[int, int]:
    """References to the value and to its leaf that `unshared` itself causes; they depend on the Python version."""
    state = object.__new__(State)
    state._value = (np.zeros(()),)  # NumPy: importing the library must not start JAX's backend
    value = state._value
    whole = sys.getrefcount(value)
    leaves, _tree = jax.tree.flatten(value)
    return whole, sys.getrefcount(leaves[0])


_WHOLE_REFS, _LEAF_REFS = _count_references()
