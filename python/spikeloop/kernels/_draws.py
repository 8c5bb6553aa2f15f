"""Random numbers inside of a step, one for each neuron, which step programs draw themselves.

`_philox.word_of` says which word neuron i gets as its number k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._jax import batching
from .._jax_functions import new_constant_function
from ._philox import word_of

MOST = 4  # numbers for each neuron and step
# Operands of a step that draws: the words of its key, and the number of its first neuron among all, 0 but on a mesh.
KEYS = ("key 0", "key 1", "first")


def uniform(like: Any, words: Sequence[Any], k: int) -> Any:
    """Number `k` of each element of `like`, by the words of `KEYS`: in [0, 1), 24 random bits, or 32 in float64."""
    if not 0 <= k < MOST:
        raise ValueError(f"A neuron draws up to {MOST} numbers in a step, 0 to {MOST - 1}; given {k}.")
    return uniform_p.bind(like, *words, k=k)


def _reference(like: Any, *words: Any, k: int) -> Any:
    *key, first = words
    element = jnp.arange(like.size, dtype=jnp.uint32).reshape(like.shape)
    return fraction(word_of(element + first, key, k), like.dtype)


def fraction(word: Any, dtype: Any) -> Any:
    """A word as a number from 0 to 1: its upper 24 bits by 2²⁴, in float64 all by 2³²."""
    if np.dtype(dtype) == np.float64:
        return word.astype(dtype) * 2.0**-32
    return (word >> 8).astype(dtype) * dtype.type(2.0**-24)


uniform_p = new_constant_function("uniform_of_neuron", _reference, lambda like, *words, k: like)


def _batched(operands: Sequence[Any], axes: Sequence[Any], *, k: int) -> tuple[Any, int]:
    """Lanes are parts of one population."""
    like, *words = operands
    lanes = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    like = batching.bdim_at_front(like, axes[0], lanes)
    ones = (1,) * (like.ndim - 1)
    words = [x if axis is None else x.reshape(lanes, *ones) for x, axis in zip(words, axes[1:], strict=True)]
    return uniform_p.bind(like, *words, k=k), 0


batching.primitive_batchers[uniform_p] = _batched
