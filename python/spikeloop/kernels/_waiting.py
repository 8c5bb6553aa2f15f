"""Spikes that wait for the delays of their synapses, where many synapses of a row have the same delay.

    remember: the spikes of a step are listed in the slot at the cursor
    deliver:  target[t(i, j)] += s[i] w[i, j]   for all spikes s[i] listed d(i, j) steps ago
    starts:   where in each row the synapses of each delay and block of targets begin: threads share the blocks

This is the same input as that of a ring of arriving input (`scatter_ring`, `collect`), on less memory that is touched.
Derivatives need that ring: where spikes or weights have tangents, `remember` fills it and lists nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import Aval, ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import Rows, continued, is_zero, one_by_one, scatter_lanes, scatter_p, sources_of

_BLOCKS = 8  # of targets
_ALIGN = 16  # targets in a cache line, which one thread writes


class Listed(NamedTuple):
    """The spikes of the last steps: how many a slot holds, and their sources and values, (slots, n_pre)."""

    count: Any
    sources: Any
    values: Any


def remember(
    spikes: Any, synapses: Sequence[Any], cursor: Any, ring: Any, full: Any, listed: Listed, rows: Rows
) -> tuple[Any, Any, Listed]:
    """(ring, full, listed) with the spikes (n,) put into one of the two; `full` tells that the ring holds something.

    `synapses` are weight, indices, indptr and delay; a ring has the axes (slots, n_post).
    """
    ring, full, *lists = remember_p.bind(spikes, *synapses, cursor, ring, full, *listed, rows=rows)
    return ring, full, Listed(*lists)


def deliver(synapses: Sequence[Any], cursor: Any, listed: Listed, target: Any, rows: Rows) -> tuple[Listed, Any]:
    """(listed, target): what arrives in this step is added to target (n_post,).

    `synapses` are weight, indices, indptr and starts.
    """
    *lists, target = deliver_p.bind(*synapses, cursor, *listed, target, rows=rows)
    return Listed(*lists), target


def starts(indices: Any, indptr: Any, delay: Any, longest: int, n_post: int, rows: Rows) -> Any:
    """Places in each row, (n_pre, delays × blocks + 1): the last one is its length."""
    lengths = jnp.diff(indptr) if indptr.size else indices.size // max(rows.n_pre, 1)
    dtype = jnp.uint16 if jnp.max(lengths, initial=0) < 1 << 16 else jnp.uint32
    return starts_p.bind(indices, indptr, delay, longest=longest, n_post=n_post, rows=rows, dtype=np.dtype(dtype))[0]


# --- reference -------------------------------------------------------------------------------------------------------


def _remember_reference(spikes: Any, *operands: Any, rows: Rows) -> list[Any]:
    cursor, ring, full, count, sources, values = operands[-6:]
    own = jax.lax.slice_in_dim(spikes, rows.offset, rows.offset + rows.n_pre)
    (found,) = jnp.nonzero(own, size=rows.n_pre, fill_value=rows.n_pre)
    at = jnp.where(found < rows.n_pre, count[cursor] + jnp.arange(rows.n_pre), rows.n_pre)
    sources = sources.at[cursor, at].set(found.astype(sources.dtype), mode="drop")
    values = values.at[cursor, at].set(own.at[found].get(mode="fill", fill_value=0).astype(values.dtype), mode="drop")
    return [ring, full, count.at[cursor].add((found < rows.n_pre).sum(dtype=count.dtype)), sources, values]


def _starts_reference(
    indices: Any, indptr: Any, delay: Any, *, longest: int, n_post: int, rows: Rows, dtype: Any
) -> list[Any]:
    size = -(-max(-(-n_post // _BLOCKS), 1) // _ALIGN) * _ALIGN
    numbers = delay.astype(jnp.int32) * _BLOCKS + indices.astype(jnp.int32) // size
    counts = jnp.zeros((rows.n_pre, (longest + 1) * _BLOCKS + 1), jnp.int32)
    counts = counts.at[sources_of(indices, indptr, rows), numbers + 1].add(1)
    return [counts.cumsum(1).astype(dtype)]


def _deliver_reference(weight: Any, indices: Any, indptr: Any, starts: Any, *rest: Any, rows: Rows) -> list[Any]:
    cursor, count, sources, values, target = rest
    slots, width = count.size, starts.size // max(rows.n_pre, 1)
    held = jnp.arange(rows.n_pre) < count[:, None]
    at = jnp.where(held, sources, rows.n_pre)
    spikes = jnp.zeros((slots, rows.n_pre), values.dtype)
    spikes = spikes.at[jnp.arange(slots)[:, None], at].add(values, mode="drop")
    lengths = jnp.diff(starts.reshape(rows.n_pre, width).astype(jnp.int32), axis=1).ravel()
    delays = jnp.tile(jnp.arange(width - 1) // _BLOCKS, rows.n_pre)
    delays = jnp.repeat(delays, lengths, total_repeat_length=indices.size)
    arrived = spikes[(cursor - delays) % slots, sources_of(indices, indptr, rows)] * weight
    return [count.at[(cursor + 1) % slots].set(0), sources, values, target.at[indices].add(arrived)]


def _starts_shape(indices: Aval, *_: Aval, longest: int, rows: Rows, dtype: Any, **__: Any) -> list[Any]:
    return [indices.update(shape=(rows.n_pre, (longest + 1) * _BLOCKS + 1), dtype=dtype, weak_type=False)]


starts_p = new_primitive("spikeloop_starts", _starts_shape, _starts_reference)
remember_p = new_primitive("spikeloop_remember", continued(6), _remember_reference)
deliver_p = new_primitive("spikeloop_deliver", continued(5), _deliver_reference)


# --- differentiation -------------------------------------------------------------------------------------------------


def _remember_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rows: Rows) -> Any:
    if is_zero(tangents[0]) and is_zero(tangents[1]):
        outs = remember_p.bind(*primals, rows=rows)
        return outs, [tangents[6], *map(zero_tangent, outs[1:])]
    ring, slope = jax.jvp(lambda *varied: _into_ring(primals, varied, rows), *_varied(primals, tangents))
    outs = [ring, jnp.ones_like(primals[7]), *primals[8:]]
    return outs, [slope, *map(zero_tangent, outs[1:])]


def _varied(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Spikes, weight and ring, with tangents that are arrays."""
    chosen = (0, 1, 6)
    return tuple(primals[i] for i in chosen), tuple(ad.instantiate_zeros(tangents[i]) for i in chosen)


def _into_ring(operands: Sequence[Any], varied: Sequence[Any], rows: Rows) -> Any:
    spikes, weight, ring = varied
    timed = rows._replace(slots=0)
    return scatter_p.bind(spikes, weight, *operands[2:6], ring, rows=timed)[0]


def _deliver_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rows: Rows) -> Any:
    # Listed spikes were remembered where nothing was differentiated: weights are constants to them, as they are to a
    # ring that was filled before.
    outs = deliver_p.bind(*primals, rows=rows)
    return outs, [*map(zero_tangent, outs[:3]), tangents[8]]


ad.primitive_jvps[remember_p] = _remember_jvp
ad.primitive_jvps[deliver_p] = _deliver_jvp


# --- batching --------------------------------------------------------------------------------------------------------


def _remember_batching(args: Sequence[Any], dims: Sequence[Any], *, rows: Rows) -> tuple[list[Any], list[Any]]:
    """Lanes have rings: the lists stay as they are."""
    if all(d is None for d in dims[:7]):
        return one_by_one(remember_p, args, dims, rows=rows)
    timed = rows._replace(slots=0)
    (ring,), _ = scatter_lanes(args[:7], dims[:7], rows=timed)
    return [ring, jnp.ones_like(args[7]), *args[8:]], [0, *dims[7:]]


batching.primitive_batchers[remember_p] = _remember_batching
batching.primitive_batchers[deliver_p] = functools.partial(one_by_one, deliver_p)


# --- lowering --------------------------------------------------------------------------------------------------------

_remember_by_reference = mlir.lower_fun(_remember_reference, multiple_results=True)
_starts_by_reference = mlir.lower_fun(_starts_reference, multiple_results=True)
_deliver_by_reference = mlir.lower_fun(_deliver_reference, multiple_results=True)


def _remember_lowering(ctx: Any, spikes: Any, *operands: Any, rows: Rows) -> Any:
    if not _library.computes("event_remember", ctx.avals_in[-1].dtype):
        return _remember_by_reference(ctx, spikes, *operands, rows=rows)
    cursor, ring, full, *lists = operands[-6:]
    avals = ctx.avals_in
    inner = ctx.replace(avals_in=[avals[0], avals[5], *avals[-3:]], avals_out=ctx.avals_out[2:])
    rule = ffi_lowering(_library.PREFIX + "event_remember", {2: 0, 3: 1, 4: 2})
    # The ring passes by.
    return [[ring], [full], *rule(inner, spikes, cursor, *lists, offset=rows.offset, n_pre=rows.n_pre)]


def _deliver_lowering(ctx: Any, *operands: Any, rows: Rows) -> Any:
    if not _library.computes("event_deliver", ctx.avals_in[-1].dtype):
        return _deliver_by_reference(ctx, *operands, rows=rows)
    rule = ffi_lowering(_library.PREFIX + "event_deliver", {5: 0, 6: 1, 7: 2, 8: 3})
    return rule(ctx, *operands, n_pre=rows.n_pre, sorted=rows.sorted, blocks=_BLOCKS)


def _starts_lowering(ctx: Any, *operands: Any, n_post: int, rows: Rows, **params: Any) -> Any:
    if not _library.has("event_starts"):
        return _starts_by_reference(ctx, *operands, n_post=n_post, rows=rows, **params)
    rule = ffi_lowering(_library.PREFIX + "event_starts", {})
    return rule(ctx, *operands, n_pre=rows.n_pre, sorted=rows.sorted, n_post=n_post, blocks=_BLOCKS)


mlir.register_lowering(starts_p, _starts_lowering, platform="cpu")
mlir.register_lowering(remember_p, _remember_lowering, platform="cpu")
mlir.register_lowering(deliver_p, _deliver_lowering, platform="cpu")
