"""Random numbers inside of a step, one for each neuron, which step programs draw themselves.

Neuron i of a population of N gets, as its number k, word i + k N of those that `_random.words` gives for 4 N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._jax import batching, new_constant_function
from ._philox import philox

MOST = 4  # numbers for each neuron and step
KEYS = ("key 0", "key 1")  # operands of a step that draws: the words of its key


def uniform(like: Any, key: Sequence[Any], k: int) -> Any:
    """Number `k` of each element of `like`, from 0 up to but not including 1: 24 random bits, or 32 in float64."""
    if not 0 <= k < MOST:
        raise ValueError(f"A neuron draws up to {MOST} numbers in a step, 0 to {MOST - 1}; given {k}.")
    return uniform_p.bind(like, *key, k=k)


def _reference(like: Any, *key: Any, k: int) -> Any:
    element = jnp.arange(like.size, dtype=jnp.uint32).reshape(like.shape)
    return fraction(philox(element, key)[k], like.dtype)


def fraction(word: Any, dtype: Any) -> Any:
    """A word as a number from 0 to 1: its upper 24 bits by 2²⁴, in float64 all by 2³²."""
    if np.dtype(dtype) == np.float64:
        return word.astype(dtype) * 2.0**-32
    return (word >> 8).astype(dtype) * dtype.type(2.0**-24)


uniform_p = new_constant_function("uniform_of_neuron", _reference, lambda like, *key, k: like)


def _batched(operands: Sequence[Any], axes: Sequence[Any], *, k: int) -> tuple[Any, int]:
    """Lanes are parts of one population."""
    like, *key = operands
    lanes = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    like = batching.bdim_at_front(like, axes[0], lanes)
    ones = (1,) * (like.ndim - 1)
    key = [x if axis is None else x.reshape(lanes, *ones) for x, axis in zip(key, axes[1:], strict=True)]
    return uniform_p.bind(like, *key, k=k), 0


batching.primitive_batchers[uniform_p] = _batched
