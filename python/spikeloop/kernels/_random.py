"""Random words by counter: Philox 4×32-10, several times as fast on a CPU as the generator of JAX.

    word k of block i = Philox(counter (i, purpose, 0, 0), key)[k]   stands at k ⌈n/4⌉ + i

`counts` says for each word how many of some bounds lie at or below it: the inverse of a distribution of whole numbers.
`add` adds such numbers, times a weight, to an array of neurons, whose parts have distributions of their own.
`split` makes two keys of a key as JAX does, but natively: XLA's loop for it takes longer than most native calls.

Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. SC '11.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._kernel import FLOATS, Kernel, inputs, params, state
from ._mesh_axes import AsWhole
from ._philox import PURPOSE, philox
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
    n = int(np.prod(shape, dtype=int))
    return words_p(keys=_data(key), n=n)[0].reshape(shape)


def counts(key: Any, bounds: Any, shape: tuple[int, ...]) -> Any:
    """For each of such words, how many of the bounds, whole numbers below 2³², lie at or below it."""
    n = int(np.prod(shape, dtype=int))
    bounds = jnp.asarray(bounds, jnp.uint32)
    return counts_p(keys=_data(key), bounds=bounds, n=n)[0].reshape(shape)


def add(key: Any, distributions: Sequence[tuple[int, int, Any]], weight: Any, target: Any) -> Any:
    """`target` plus the weight times a random number for each element, which stands for the element's word.

    The last axis of `target` is cut into parts, each with its (neurons, least number, bounds in ascending order): a
    word stands for the least number plus how many of the bounds lie at or below it.
    """
    sizes, least, bounds = zip(*distributions, strict=True)
    ends = np.cumsum([sizes, [len(b) for b in bounds]], axis=1)
    weight = jnp.asarray(weight, target.dtype)
    (result,) = add_p(
        keys=_data(key),
        bounds=np.concatenate(bounds).astype(np.uint32),
        parts=np.stack([*ends, least], axis=1).astype(np.int32),
        weight=_fitting(weight, target.shape),
        target=target,
    )
    return result


def _data(key: Any) -> Any:
    """The two words of a key, if it is not these."""
    return key if key.dtype == np.uint32 else jax.random.key_data(key)


def _split_reference(keys: Any) -> list[Any]:
    found = jax.vmap(jax.random.split)(jax.random.wrap_key_data(keys.reshape(-1, 2), impl="threefry2x32"))
    return [jax.random.key_data(found[:, k]).reshape(keys.shape) for k in range(2)]


def _counts_reference(keys: Any, bounds: Any, *, n: int) -> list[Any]:
    (found,) = _reference(keys, n=n)
    return [jnp.searchsorted(jnp.sort(bounds), found, side="right").astype(jnp.int32)]


def _reference(keys: Any, *, n: int) -> list[Any]:
    blocks = max(-(-n // 4), 1)
    zero = jnp.zeros((*keys.shape[:-1], blocks), jnp.uint32)
    found = philox(jnp.arange(blocks, dtype=jnp.uint32) + zero, [keys[..., i, None] for i in range(2)])
    return [jnp.concatenate(found, axis=-1)[..., :n]]


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


def _add_reference(keys: Any, bounds: Any, parts: Any, weight: Any, target: Any) -> list[Any]:
    lanes, (*batch, neurons) = keys.ndim - 1, target.shape
    n = int(np.prod([*batch[lanes:], neurons], dtype=int))
    found = _reference(keys, n=n)[0].reshape(target.shape)
    ends, ends_of_bounds, least = (parts[..., i] for i in range(3))
    part = jnp.searchsorted(ends, jnp.arange(neurons), side="right")
    first = jnp.concatenate([jnp.zeros(1, ends.dtype), ends_of_bounds])[part][:, None]
    k = jnp.arange(bounds.size)
    own = (k >= first) & (k < ends_of_bounds[part][:, None])
    numbers = least[part] + ((found[..., None] >= bounds) & own).sum(-1)
    return [target + (weight.reshape(()) if weight.size == 1 else weight) * numbers.astype(target.dtype)]


def _cotangent_of_weight(ct: Any, o: Any) -> Any:
    (numbers,) = _add_reference(o.keys, o.bounds, o.parts, jnp.ones((), ct.dtype), jnp.zeros_like(ct))
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
    structure=("n",),
    operands=inputs("keys"),
    outputs=lambda o, n: {"words": jax.ShapeDtypeStruct((*o.keys.shape[:-1], n), o.keys.dtype)},
    jvp=constant,
    batch=leading_axes("keys"),
    attributes=lambda o, n: {"purpose": PURPOSE},
)
counts_p = Kernel(
    "random_counts",
    _counts_reference,
    structure=("n",),
    operands=(*inputs("keys"), *params("bounds")),
    outputs=lambda o, n: {"counts": jax.ShapeDtypeStruct((*o.keys.shape[:-1], n), jnp.int32)},
    jvp=constant,
    batch=leading_axes("keys"),
    attributes=lambda o, n: {"purpose": PURPOSE},
)
add_p = Kernel(
    "random_add",
    _add_reference,
    operands=(*inputs("keys"), *params("bounds", "parts", "weight"), *state("target")),
    linear={"weight": _cotangent_of_weight},
    adds_to="target",
    batch=_add_to_lanes,
    mesh=AsWhole(("target", "weight")),  # the word of a neuron follows from its number among all
    dtypes={"target": FLOATS},
    attributes=lambda o: {"purpose": PURPOSE},
)
