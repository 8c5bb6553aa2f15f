"""Records of spikes, native on the CPU.

    pack:   bits[k // 8] holds, as its bit k % 8, whether neuron k spikes
    count:  counts[g] = number of spikes in neurons starts[g]..stops[g]
    append: events[count] = (step, k) for each spike of neuron k, count += 1;  step += 1 at the end

A value of two or more is a count of spikes, any other value but 0 is one. Records have no derivative: to
differentiation they are constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import Aval, ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import continued
from ._ring import lane_axis, lane_count

Groups = tuple[tuple[int, int], ...]  # (start, stop) of each
_DTYPES = (jnp.bool_, jnp.float32, jnp.float64)
_MOST = np.iinfo(np.int32).max
_LARGEST = 2.0**20  # spikes of one neuron in a step, so that sums stay whole numbers of 32 bits


def pack(spikes: Any) -> Any:
    """The spikes (..., n) as bits (..., ceil(n / 8)), bytes; `np.unpackbits(bits, bitorder="little")` reads them."""
    return pack_p.bind(_floats(spikes))[0]


def count(spikes: Any, groups: Groups) -> Any:
    """The number of spikes (..., n) in each range of neurons, (..., len(groups))."""
    return count_p.bind(_floats(spikes), groups=groups)[0]


def append(spikes: Any, clock: Any, events: Any) -> tuple[Any, Any]:
    """(clock, events) after the spikes (*lanes, ..., n) went into the list of their lane.

    `clock` (*lanes, 2) holds the number of events and the step, `events` (*lanes, capacity, 2). What finds no place is
    counted, but not kept.
    """
    clock, events = append_p.bind(_floats(spikes), clock, events)
    return clock, events


def number_of(spikes: Any) -> Any:
    """How many spikes each value stands for, in its dtype."""
    spikes = jnp.asarray(spikes)
    one = spikes != 0
    return one if spikes.dtype == jnp.bool_ else jnp.where(spikes >= 2, jnp.floor(spikes), one).astype(spikes.dtype)


def _floats(spikes: Any) -> Any:
    """Whole numbers as floats, which the native code takes."""
    return spikes.astype(jnp.float32) if jnp.issubdtype(spikes.dtype, jnp.integer) else spikes


def _counts(spikes: Any) -> Any:
    return jnp.minimum(number_of(spikes).astype(jnp.float32), _LARGEST).astype(jnp.int32)


# --- reference -------------------------------------------------------------------------------------------------------


def _pack_reference(spikes: Any) -> list[Any]:
    n = spikes.shape[-1]
    padded = jnp.pad(spikes != 0, [(0, 0)] * (spikes.ndim - 1) + [(0, -n % 8)])
    bits = padded.reshape(*spikes.shape[:-1], -(-n // 8), 8) << jnp.arange(8, dtype=jnp.uint8)
    return [bits.sum(-1, dtype=jnp.uint8)]


def _count_reference(spikes: Any, *, groups: Groups) -> list[Any]:
    sums = [_counts(spikes[..., start:stop]).sum(-1, dtype=jnp.int32) for start, stop in groups]
    return [jnp.stack(sums, -1) if sums else jnp.zeros((*spikes.shape[:-1], 0), jnp.int32)]


def _append_reference(spikes: Any, clock: Any, events: Any) -> list[Any]:
    lanes, capacity = clock.size // 2, events.shape[-2]
    found = _counts(spikes).reshape(lanes, spikes.size // max(lanes, 1))
    flat = clock.reshape(lanes, 2)

    def one(found: Any, clock: Any, events: Any) -> tuple[Any, Any]:
        first = clock[0] + jnp.cumsum(found, dtype=jnp.int32) - found
        pairs = jnp.stack([jnp.full_like(first, clock[1]), jnp.arange(found.size, dtype=jnp.int32)], -1)

        def put(k: Any, events: Any) -> Any:
            """The spike k of those neurons that have so many; a place below the count went beyond all numbers."""
            place = jnp.where((found > k) & (first >= clock[0]), first + k, capacity)
            return events.at[place].set(pairs, mode="drop")

        most = jnp.minimum(found.max(initial=0), capacity)
        more = found.sum(dtype=jnp.int32)
        counts = jnp.where(clock > _MOST - jnp.stack([more, jnp.int32(1)]), _MOST, clock + jnp.stack([more, 1]))
        return counts.astype(jnp.int32), jax.lax.fori_loop(0, most, put, events)

    new, events_new = jax.vmap(one)(found, flat, events.reshape(lanes, capacity, 2))
    return [new.reshape(clock.shape), events_new.reshape(events.shape)]


def _pack_shapes(spikes: Any) -> list[Any]:
    return [Aval((*spikes.shape[:-1], -(-spikes.shape[-1] // 8)), jnp.dtype(jnp.uint8))]


def _count_shapes(spikes: Any, *, groups: Groups) -> list[Any]:
    return [Aval((*spikes.shape[:-1], len(groups)), jnp.dtype(jnp.int32))]


pack_p = new_primitive("spikeloop_pack", _pack_shapes, _pack_reference)
count_p = new_primitive("spikeloop_count", _count_shapes, _count_reference)
append_p = new_primitive("spikeloop_append", continued(1), _append_reference)


# --- differentiation and batching ------------------------------------------------------------------------------------


def _constant(primitive: Any) -> Callable[..., Any]:
    def jvp(primals: Sequence[Any], _tangents: Sequence[Any], **params: Any) -> Any:
        outs = primitive.bind(*primals, **params)
        return outs, [zero_tangent(out) for out in outs]

    return jvp


def _row_batching(primitive: Any) -> Callable[..., Any]:
    def rule(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> tuple[list[Any], list[int]]:
        return primitive.bind(jnp.moveaxis(args[0], dims[0], 0), **params), [0]

    return rule


def _append_batching(args: Sequence[Any], dims: Sequence[Any]) -> tuple[list[Any], list[int]]:
    lanes = lane_count(args, dims)
    return append_p.bind(*(lane_axis(x, d, lanes) for x, d in zip(args, dims, strict=True))), [0, 0]


for _primitive in (pack_p, count_p, append_p):
    ad.primitive_jvps[_primitive] = _constant(_primitive)
batching.primitive_batchers[pack_p] = _row_batching(pack_p)
batching.primitive_batchers[count_p] = _row_batching(count_p)
batching.primitive_batchers[append_p] = _append_batching


# --- lowering --------------------------------------------------------------------------------------------------------


def _lower(primitive: Any, reference: Callable[..., Any], name: str, aliases: dict[int, int]) -> None:
    by_reference = mlir.lower_fun(reference, multiple_results=True)
    native = ffi_lowering(_library.PREFIX + name, aliases)

    def rule(ctx: Any, *operands: Any, **params: Any) -> Any:
        if ctx.avals_in[0].dtype not in _DTYPES or not _library.has(name):
            return by_reference(ctx, *operands, **params)
        return native(ctx, *operands, **_attributes(**params))

    mlir.register_lowering(primitive, rule, platform="cpu")


def _attributes(groups: Groups | None = None) -> dict[str, Any]:
    if groups is None:
        return {}
    starts, stops = np.array(groups, np.int32).reshape(-1, 2).T
    return {"starts": starts.copy(), "stops": stops.copy()}


_lower(pack_p, _pack_reference, "record_pack", {})
_lower(count_p, _count_reference, "record_count", {})
_lower(append_p, _append_reference, "record_append", {1: 0, 2: 1})
