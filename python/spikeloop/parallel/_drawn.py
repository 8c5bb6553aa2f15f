"""Random numbers of which every device draws its own.

A program draws them for all elements. Where it needs all of them, every device draws all, and nothing is exchanged.
Where it needs a device's own, this takes them from `Value.own`: the part of an array that was drawn alone, and what
operations by element have made of it. What is not used of the two is dropped before the program is compiled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ..kernels import _random
from ..random._direct import words_of
from . import _control
from ._value import Layout, Value, first_element, part_size

if TYPE_CHECKING:
    from ._partition import Partition

_WORDS = {kernel.primitive: kernel for kernel in (_random.words_p, _random.counts_p)}


def with_own(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    """The results of an operation on whole arrays, and what this device would have of them."""
    outs = partition.plain(equation, values)
    for out, own in zip(outs, _own(partition, equation, values) or [None] * len(outs), strict=True):
        out.own = own if own is not None and own.layout is not None else None
    return outs


def _own(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """The parts of results that this device can make alone; None if there are none."""
    if equation.primitive in _WORDS or equation.primitive.name == "random_bits":
        return _drawn(partition, equation, values)
    if all(value.own is None for value in values) or _control.rule(equation) is not None:
        return None
    before = len(partition.exchanges)
    outs = partition.by_rule(equation, [value.own or value for value in values])
    if len(partition.exchanges) == before:
        return outs
    del partition.exchanges[before:]  # the operation needs what other devices have
    return None


def _drawn(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """The part of an array of random words, cut by neuron, or by sample where these are cut."""
    shape, keys = equation.params["shape"], values[0].array
    axis = 0 if partition.of_batch else len(shape) - 1
    is_key = keys.ndim == (equation.primitive in _WORDS)
    if not is_key or len(shape) <= axis or shape[axis] < partition.shards or (partition.of_batch and len(shape) < 2):
        return None
    layout = Layout(axis, shape[axis])
    size = part_size(layout.n, partition.shards)
    runs = np.uint32(math.prod(shape[axis:])) * jnp.arange(math.prod(shape[:axis]), dtype=jnp.uint32)
    first, length = runs + first_element(shape, layout, partition.shards), size * math.prod(shape[axis + 1 :])
    if equation.primitive in _WORDS:
        kernel, (_, start, *bounds) = _WORDS[equation.primitive], (value.array for value in values)
        keys = jnp.broadcast_to(keys, (*runs.shape, 2))
        (found,) = kernel.bind(keys, start + first, *bounds, shape=(length,))
    else:
        if equation.params["bit_width"] != 32:
            return None
        found = words_of(keys, first[:, None] + jnp.arange(length, dtype=jnp.uint32))
        if found is None:
            return None
    return [Value(found.reshape(*shape[:axis], size, *shape[axis + 1 :]), layout)]
