"""Rings: what a delay needs to remember, and the two kernels that turn them.

    relay:   past[cursor] = spikes;  target += (spikes in the slot after the cursor) @ weights
    collect: target += arriving[cursor];  arriving[cursor] = 0

A ring of past spikes (slots, ..., n_pre) delays all synapses alike by slots − 1 steps. A ring of arriving input
(slots, ..., n_post) delays each synapse on its own: `scatter_ring` fills it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import Rows, continued, is_zero, one_by_one, scatter_p


def relay(
    spikes: Any, weight: Any, indices: Any, indptr: Any, cursor: Any, past: Any, target: Any, rows: Rows
) -> tuple[Any, Any]:
    """(past, target): the spikes (..., n) are stored, and the oldest stored ones delivered to target (..., n_post)."""
    past, target = relay_p.bind(spikes, weight, indices, indptr, cursor, past, target, rows=rows._replace(slots=0))
    return past, target


def collect(cursor: Any, full: Any, target: Any, ring: Any) -> tuple[Any, Any]:
    """(target, ring): what waits in the slot at the cursor moves to the target; nothing does if `full` is 0."""
    target, ring = collect_p.bind(cursor, full, target, ring, slots=0)
    return target, ring


def put(ring: Any, cursor: Any, value: Any) -> Any:
    """`ring` with `value` in the slot at the cursor."""
    return jax.lax.dynamic_update_index_in_dim(ring, value.astype(ring.dtype), cursor, 0)


def look(ring: Any, slot: Any) -> Any:
    """What stands in a slot."""
    return jax.lax.dynamic_index_in_dim(ring, slot, 0, keepdims=False)


# --- reference -------------------------------------------------------------------------------------------------------


def _on_lanes(fun: Callable[..., Any], slots: int | None, cursor: Any, *arrays: Any) -> Any:
    """`fun(cursor, *arrays)` on each lane; the lanes are the first `slots` axes."""
    each = cursor.size > 1
    for _ in range(slots or 0):
        fun = jax.vmap(fun, (0 if each else None, *[0] * len(arrays)))
    return fun(cursor.reshape(arrays[-1].shape[:slots] if each else ()), *arrays)


def _turn(cursor: Any, spikes: Any, past: Any) -> tuple[Any, Any]:
    """The ring with new spikes in it, and the oldest ones."""
    past = put(past, cursor, spikes)
    return past, look(past, (cursor + 1) % past.shape[0])


def _deliver(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, rows: Rows) -> Any:
    flat = spikes.reshape(-1, spikes.shape[-1]), target.reshape(-1, target.shape[-1])
    plain = rows._replace(offset=0, slots=None)
    return scatter_p.bind(flat[0], weight, indices, indptr, flat[1], rows=plain)[0].reshape(target.shape)


def _own(spikes: Any, rows: Rows) -> Any:
    return jax.lax.slice_in_dim(spikes, rows.offset, rows.offset + rows.n_pre, axis=-1)


def _relay_reference(
    spikes: Any, weight: Any, indices: Any, indptr: Any, cursor: Any, past: Any, target: Any, *, rows: Rows
) -> list[Any]:
    past, oldest = _on_lanes(_turn, rows.slots, cursor, _own(spikes, rows), past)
    return [past, _deliver(oldest, weight, indices, indptr, target, rows)]


def _collect_reference(cursor: Any, full: Any, target: Any, ring: Any, *, slots: int) -> list[Any]:
    del full  # the slot is empty then

    def take(cursor: Any, target: Any, ring: Any) -> tuple[Any, Any]:
        return target + look(ring, cursor), put(ring, cursor, jnp.zeros_like(target))

    return list(_on_lanes(take, slots, cursor, target, ring))


relay_p = new_primitive("spikeloop_relay", continued(5), _relay_reference)
collect_p = new_primitive("spikeloop_collect", continued(2), _collect_reference)


# --- differentiation -------------------------------------------------------------------------------------------------


def _relay_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rows: Rows) -> Any:
    weight, indices, indptr, cursor, past, target = primals[1:]
    d_spikes, d_weight, d_past, d_target = (tangents[i] for i in (0, 1, 5, 6))
    outs = relay_p.bind(*primals, rows=rows)
    if all(is_zero(t) for t in (d_spikes, d_weight, d_past, d_target)):
        return outs, [zero_tangent(out) for out in outs]
    slope = jnp.zeros_like(target) if is_zero(d_target) else d_target
    new: Any = zero_tangent(outs[0])
    if not (is_zero(d_spikes) and is_zero(d_past)):
        here = jnp.zeros((), past.dtype) if is_zero(d_spikes) else _own(d_spikes, rows)
        here = jnp.broadcast_to(here, rows.at_once(past.shape))
        d_past = jnp.zeros_like(past) if is_zero(d_past) else d_past
        new, oldest = _on_lanes(_turn, rows.slots, cursor, here, d_past)
        slope = _deliver(oldest, weight, indices, indptr, slope, rows)
    if not is_zero(d_weight):
        oldest = _on_lanes(lambda c, ring: look(ring, (c + 1) % ring.shape[0]), rows.slots, cursor, outs[0])
        slope = _deliver(oldest, d_weight, indices, indptr, slope, rows)
    return outs, [new, slope]


def _collect_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, slots: int) -> Any:
    outs = collect_p.bind(*primals, slots=slots)
    if all(is_zero(t) for t in tangents[2:]):
        return outs, [zero_tangent(out) for out in outs]
    slopes = [jnp.zeros_like(x) if is_zero(t) else t for x, t in zip(primals[2:], tangents[2:], strict=True)]
    return outs, _collect_reference(*primals[:2], *slopes, slots=slots)


ad.primitive_jvps[relay_p] = _relay_jvp
ad.primitive_jvps[collect_p] = _collect_jvp


# --- batching --------------------------------------------------------------------------------------------------------


def _relay_batching(args: Sequence[Any], dims: Sequence[Any], *, rows: Rows) -> tuple[list[Any], list[int]]:
    assert rows.slots is not None
    if any(d is not None for d in dims[1:4]):
        return one_by_one(relay_p, args, dims, rows=rows)
    lanes = lane_count(args, dims)
    spikes, past, target = (lane_axis(args[i], dims[i], lanes) for i in (0, 5, 6))
    cursor = _cursors(args[4], dims[4], lanes, past.shape[1 : 1 + rows.slots])
    return relay_p.bind(spikes, *args[1:4], cursor, past, target, rows=rows._replace(slots=rows.slots + 1)), [0, 0]


def _collect_batching(args: Sequence[Any], dims: Sequence[Any], *, slots: int) -> tuple[list[Any], list[int]]:
    lanes = lane_count(args, dims)
    target, ring = (lane_axis(args[i], dims[i], lanes) for i in (2, 3))
    cursor = _cursors(args[0], dims[0], lanes, ring.shape[1 : 1 + slots])
    return collect_p.bind(cursor, jnp.max(args[1]), target, ring, slots=slots + 1), [0, 0]


def lane_count(args: Sequence[Any], dims: Sequence[Any]) -> int:
    """The number of lanes of mapped operands."""
    return next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None)


def lane_axis(x: Any, dim: Any, lanes: int) -> Any:
    """`x` with the lanes as its first axis."""
    return jnp.broadcast_to(x, (lanes, *x.shape)) if dim is None else jnp.moveaxis(x, dim, 0)


def _cursors(cursor: Any, dim: Any, lanes: int, inner: tuple[int, ...]) -> Any:
    """One cursor for all lanes, or one for each."""
    if dim is None and cursor.size == 1:
        return cursor
    each = lane_axis(cursor, dim, lanes).reshape(lanes, -1)
    return jnp.broadcast_to(each, (lanes, int(np.prod(inner, dtype=int)))).reshape(-1)


batching.primitive_batchers[relay_p] = _relay_batching
batching.primitive_batchers[collect_p] = _collect_batching


# --- lowering --------------------------------------------------------------------------------------------------------

_relay_by_reference = mlir.lower_fun(_relay_reference, multiple_results=True)
_collect_by_reference = mlir.lower_fun(_collect_reference, multiple_results=True)


def _relay_lowering(ctx: Any, *operands: Any, rows: Rows) -> Any:
    past = ctx.avals_in[5]
    if not _library.computes("event_relay", past.dtype):
        return _relay_by_reference(ctx, *operands, rows=rows)
    rule = ffi_lowering(_library.PREFIX + "event_relay", {5: 0, 6: 1})
    return rule(ctx, *operands, offset=rows.offset, n_pre=rows.n_pre, sorted=rows.sorted,
                slots=past.shape[rows.slots], lanes=rows.lanes(past.shape))  # fmt: skip


def _collect_lowering(ctx: Any, *operands: Any, slots: int) -> Any:
    ring = ctx.avals_in[3]
    if not _library.computes("event_collect", ring.dtype):
        return _collect_by_reference(ctx, *operands, slots=slots)
    rule = ffi_lowering(_library.PREFIX + "event_collect", {2: 0, 3: 1})
    return rule(ctx, *operands, slots=ring.shape[slots], lanes=int(np.prod(ring.shape[:slots], dtype=int)))


mlir.register_lowering(relay_p, _relay_lowering, platform="cpu")
mlir.register_lowering(collect_p, _collect_lowering, platform="cpu")
