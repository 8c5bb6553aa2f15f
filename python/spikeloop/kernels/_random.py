"""Random words by counter: Philox 4×32-10, several times as fast on a CPU as the generator of JAX.

    word k of block i = Philox(counter (i, purpose, 0, 0), key)[k]   is element 128 (i div 32) + 32 k + i mod 32

The word of an element depends on its number and the key alone: an array can be made in parts, each from its `first`
element on, and devices that share one draw their own words only.

`counts` says for each word how many of some bounds lie at or below it: the inverse of a distribution of whole numbers.
`add` adds such numbers, times a weight, to an array of neurons, whose parts have distributions of their own. A word
serves two of them: the number of an element has 32 bits, of which half a word is the upper half, and half a word of
draw 1 the lower one, which is drawn only where the upper half does not decide.
`split` makes two keys of a key as JAX does, but natively: XLA's loop for it takes longer than most native calls.

Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. SC '11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._kernel import FLOATS, Kernel, inputs, params, state
from ._mesh_axes import ByNeuron
from ._philox import PURPOSE, elements, halves
from ._rules import constant, lane_axis, lane_count, leading_axes


def split(data: Any) -> tuple[Any, Any]:
    """Two keys of a key, all as their two words: those of `jax.random.split`."""
    as_native = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]
    if not as_native:  # another generator of keys, which only JAX has
        return tuple(_split_reference(data))
    first, second = split_p(keys=data)
    return first, second


def words(key: Any, shape: tuple[int, ...]) -> Any:
    """Uniform 32-bit words of a JAX key, or of its two words."""
    (found,) = words_p(keys=_data(key), first=np.uint32(0), shape=tuple(shape))
    return found


def counts(key: Any, bounds: Any, shape: tuple[int, ...]) -> Any:
    """For each of such words, how many of the bounds, whole numbers below 2³², lie at or below it."""
    bounds = jnp.asarray(bounds, jnp.uint32)
    (found,) = counts_p(keys=_data(key), first=np.uint32(0), bounds=bounds, shape=tuple(shape))
    return found


def add(key: Any, distributions: Sequence[tuple[int, int, Any]], weight: Any, target: Any) -> Any:
    """`target` plus the weight times a random whole number for each element.

    The last axis of `target` is cut into parts, each with its (neurons, least number, bounds in ascending order): an
    element gets the least number plus how many of the bounds lie at or below its random number of 32 bits.
    """
    sizes, least, bounds = zip(*distributions, strict=True)
    ends = np.cumsum([sizes, [len(b) for b in bounds]], axis=1)
    weight = jnp.asarray(weight, target.dtype)
    (result,) = add_p(
        keys=_data(key),
        first=np.uint32(0),
        bounds=np.concatenate(bounds).astype(np.uint32),
        parts=np.stack([*ends, least], axis=1).astype(np.int32),
        weight=_fitting(weight, target.shape),
        target=target,
        neurons=target.shape[-1],
    )
    return result


def _data(key: Any) -> Any:
    """The two words of a key, if it is not these."""
    return key if key.dtype == np.uint32 else jax.random.key_data(key)


def _split_reference(keys: Any) -> list[Any]:
    found = jax.vmap(jax.random.split)(jax.random.wrap_key_data(keys.reshape(-1, 2), impl="threefry2x32"))
    return [jax.random.key_data(found[:, k]).reshape(keys.shape) for k in range(2)]


def _counts_reference(keys: Any, first: Any, bounds: Any, *, shape: tuple[int, ...]) -> list[Any]:
    (found,) = _reference(keys, first, shape=shape)
    return [jnp.searchsorted(jnp.sort(bounds), found, side="right").astype(jnp.int32)]


def _reference(keys: Any, first: Any, *, shape: tuple[int, ...]) -> list[Any]:
    lanes, n = keys.shape[:-1], math.prod(shape)
    first = jnp.broadcast_to(jnp.asarray(first), lanes)
    return [elements(first, n, [keys[..., i] for i in range(2)]).reshape(*lanes, *shape)]


def _joined(keys: Any, first: Any, n: int) -> Any:
    """The 32 bits of the elements `first` to `first` + n − 1: their halves of draw 0, above those of draw 1."""
    upper, lower = (halves(first, n, [keys[..., i] for i in range(2)], draw) for draw in range(2))
    return upper << 16 | lower


def _fitting(weight: Any, shape: tuple[int, ...]) -> Any:
    """The weight as one number, or with the last axes of the target."""
    fits = weight.size == 1 or weight.shape == shape[len(shape) - weight.ndim :]
    return weight if fits else jnp.broadcast_to(weight, shape)


def _add_to_lanes(kernel: Kernel, o: Any, axes: Any, structure: Any) -> list[Any]:
    if axes.weight is None:
        return leading_axes("keys", "target")(kernel, o, axes, structure)
    lanes = lane_count(o, axes)
    shape = lane_axis(o.target, axes.target, lanes).shape
    weight = lane_axis(o.weight, axes.weight, lanes)
    weight = weight.reshape(lanes, *[1] * (len(shape) - weight.ndim), *weight.shape[1:])
    o.weight, axes.weight = jnp.broadcast_to(weight, shape), 0
    return leading_axes("keys", "weight", "target")(kernel, o, axes, structure)


def _add_reference(
    keys: Any, first: Any, bounds: Any, parts: Any, weight: Any, target: Any, *, neurons: int
) -> list[Any]:
    lanes, (*batch, own) = keys.ndim - 1, target.shape
    starts = first + np.uint32(neurons) * jnp.arange(math.prod(batch[lanes:]), dtype=jnp.uint32)
    of_samples = jnp.broadcast_to(keys[..., None, :], (*keys.shape[:-1], starts.size, 2))
    found = _joined(of_samples, jnp.broadcast_to(starts, of_samples.shape[:-1]), own).reshape(target.shape)
    ends, ends_of_bounds, least = (parts[..., i] for i in range(3))
    neuron = jnp.minimum(
        first + jnp.arange(own, dtype=jnp.uint32), max(neurons, 1) - 1
    )  # what pads a part repeats the last
    part = jnp.searchsorted(ends, neuron.astype(ends.dtype), side="right")
    start = jnp.concatenate([jnp.zeros(1, ends.dtype), ends_of_bounds])[part][:, None]
    k = jnp.arange(bounds.size)
    counted = (k >= start) & (k < ends_of_bounds[part][:, None])
    numbers = least[part] + ((found[..., None] >= bounds) & counted).sum(-1)
    return [target + (weight.reshape(()) if weight.size == 1 else weight) * numbers.astype(target.dtype)]


def _cotangent_of_weight(ct: Any, o: Any, *, neurons: int) -> Any:
    one, none = jnp.ones((), ct.dtype), jnp.zeros_like(ct)
    (numbers,) = _add_reference(o.keys, o.first, o.bounds, o.parts, one, none, neurons=neurons)
    product = ct * numbers
    return product.sum() if o.weight.aval.size == 1 else product.reshape(-1, *o.weight.aval.shape).sum(0)


split_p = Kernel(
    "random_split",
    _split_reference,
    operands=inputs("keys"),
    outputs=lambda o: {name: jax.ShapeDtypeStruct(o.keys.shape, o.keys.dtype) for name in ("first", "second")},
    jvp=constant,
    batch=leading_axes("keys"),
)
words_p = Kernel(
    "random_words",
    _reference,
    structure=("shape",),
    operands=inputs("keys", "first"),
    outputs=lambda o, shape: {"words": jax.ShapeDtypeStruct((*o.keys.shape[:-1], *shape), o.keys.dtype)},
    jvp=constant,
    batch=leading_axes("keys", "first"),
    attributes=lambda o, shape: {"purpose": PURPOSE},
)
counts_p = Kernel(
    "random_counts",
    _counts_reference,
    structure=("shape",),
    operands=(*inputs("keys", "first"), *params("bounds")),
    outputs=lambda o, shape: {"counts": jax.ShapeDtypeStruct((*o.keys.shape[:-1], *shape), jnp.int32)},
    jvp=constant,
    batch=leading_axes("keys", "first"),
    attributes=lambda o, shape: {"purpose": PURPOSE},
)
add_p = Kernel(
    "random_add",
    _add_reference,
    structure=("neurons",),
    operands=(*inputs("keys", "first"), *params("bounds", "parts", "weight"), *state("target")),
    linear={"weight": _cotangent_of_weight},
    adds_to="target",
    batch=_add_to_lanes,
    mesh=ByNeuron(("target", "weight"), "first"),
    dtypes={"target": FLOATS},
    attributes=lambda o, neurons: {"purpose": PURPOSE, "neurons": neurons},
)
