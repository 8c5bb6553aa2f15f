"""Propagation of spikes along stored synapses, and the two products that its derivatives need.

Row i of the connectivity lists the targets of source i. With spikes s, weights w and targets t(i, j):

    scatter: out[t(i, j)] += s[i] w[i, j]        work only for rows with s[i] ≠ 0
    gather:  out[i] = Σ_j w[i, j] c[t(i, j)]
    outer:   out[i, j] = s[i] c[t(i, j)]         summed to one number if the weights are one number

Each is linear in each of its two factors, and the derivatives of one are the others.

Where synapses have delays d(i, j), targets are rings of arriving input with an axis of slots, and t(i, j) stands for
the target in the slot d(i, j) after the cursor. Operands are then followed by the delays and the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=int))


class Rows(NamedTuple):
    """Which spikes the rows belong to, and how they are stored."""

    offset: int  # row i is source `offset + i` of the spike array
    n_pre: int
    sorted: bool = False  # each row ascends, by delay if there are delays, then by target: threads may share it
    slots: int | None = None  # the axis of the slots of a ring; axes before it are lanes, with a cursor each or one

    def lanes(self, ring: Sequence[int]) -> int:
        """The number of rings that turn on their own in a target of this shape."""
        return 1 if self.slots is None else _size(ring[: self.slots])

    def at_once(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what arrives in one step at a target of this shape."""
        return shape if self.slots is None else (*shape[: self.slots], *shape[self.slots + 1 :])


def scatter(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, rows: Rows) -> Any:
    """`target` plus what the spikes deliver; spikes (..., n), weight (1,) or (nnz,), target (..., n_post)."""
    return over_batch(
        lambda s, t: scatter_p.bind(s, weight, indices, indptr, t, rows=rows)[0], spikes, target, target.shape[-1]
    )


def scatter_ring(
    spikes: Any, weight: Any, indices: Any, indptr: Any, delay: Any, cursor: Any, ring: Any, rows: Rows
) -> Any:
    """A ring (slots, ..., n_post) plus what spikes (..., n) deliver, each synapse `delay` steps after the cursor."""
    (ring,) = scatter_p.bind(spikes, weight, indices, indptr, delay, cursor, ring, rows=rows._replace(slots=0))
    return ring


def gather(ct: Any, weight: Any, indices: Any, indptr: Any, rows: Rows) -> Any:
    """For each source, its weights times what stands at their targets."""
    return gather_p.bind(ct, weight, indices, indptr, rows=rows)[0]


def over_batch(run: Callable[[Any, Any], Any], spikes: Any, target: Any, n_post: int) -> Any:
    batch = jnp.broadcast_shapes(spikes.shape[:-1], target.shape[:-1])
    if spikes.ndim == 1 and target.ndim == 1:
        return run(spikes, target)
    spikes = jnp.broadcast_to(spikes, (*batch, spikes.shape[-1])).reshape(-1, spikes.shape[-1])
    target = jnp.broadcast_to(target, (*batch, n_post)).reshape(-1, n_post)
    return run(spikes, target).reshape(*batch, n_post)


# --- reference -------------------------------------------------------------------------------------------------------


def sources_of(indices: Any, indptr: Any, rows: Rows) -> Any:
    """The source of each synapse; an empty indptr means that all rows are equally long."""
    nnz = indices.size
    if indptr.size == 0:
        return jnp.arange(nnz, dtype=jnp.int32) // max(nnz // max(rows.n_pre, 1), 1)
    return jnp.repeat(jnp.arange(rows.n_pre, dtype=jnp.int32), jnp.diff(indptr), total_repeat_length=nnz)


class _Targets:
    """Where the synapses stand in an array of targets, with all batch rows (lanes, rows) in front."""

    def __init__(self, shape: tuple[int, ...], indices: Any, timing: Sequence[Any], rows: Rows):
        self.shape, self.indices = shape, indices.ravel()
        self.lanes, self.slots = rows.lanes(shape), 1 if rows.slots is None else shape[rows.slots]
        self.slot = jnp.zeros((1, 1), jnp.int32)
        if timing:
            delay, cursor = timing
            self.slot = (cursor.reshape(-1, 1) + delay.astype(jnp.int32)) % self.slots
        self.slot = jnp.broadcast_to(self.slot, (self.lanes, self.indices.size))

    def lanes_of(self, values: Any) -> Any:
        """`values` (..., n) as (lanes, rows, n)."""
        return values.reshape(self.lanes, _size(values.shape[:-1]) // self.lanes, values.shape[-1])

    def _rings(self, target: Any) -> Any:
        rows = _size(self.shape[:-1]) // (self.lanes * self.slots)
        return target.reshape(self.lanes, self.slots, rows, self.shape[-1])

    def read(self, target: Any) -> Any:
        """What stands at the targets of the synapses, (lanes, rows, synapses)."""
        return jax.vmap(lambda ring, slot: ring[slot, :, self.indices].T)(self._rings(target), self.slot)

    def add(self, target: Any, values: Any) -> Any:
        """`target` plus the values (lanes, rows, synapses)."""
        one = jax.vmap(lambda ring, slot, x: ring.at[slot, :, self.indices].add(x.T))
        return one(self._rings(target), self.slot, values).reshape(self.shape)


def scatter_reference(
    spikes: Any, weight: Any, indices: Any, indptr: Any, *timing_and_target: Any, rows: Rows
) -> list[Any]:
    *timing, target = timing_and_target
    targets = _Targets(target.shape, indices, timing, rows)
    spikes = targets.lanes_of(spikes)[..., rows.offset + sources_of(indices, indptr, rows)]
    return [targets.add(target, spikes.astype(target.dtype) * weight)]


def gather_reference(ct: Any, weight: Any, indices: Any, indptr: Any, *timing: Any, rows: Rows) -> list[Any]:
    values = _Targets(ct.shape, indices, timing, rows).read(ct) * weight
    out = jnp.zeros((*values.shape[:-1], rows.n_pre), ct.dtype)
    out = out.at[..., sources_of(indices, indptr, rows)].add(values)
    return [out.reshape(*rows.at_once(ct.shape)[:-1], rows.n_pre)]


def _outer_reference(
    spikes: Any, ct: Any, indices: Any, indptr: Any, *timing: Any, rows: Rows, single: bool
) -> list[Any]:
    targets = _Targets(ct.shape, indices, timing, rows)
    spikes = targets.lanes_of(spikes)[..., rows.offset + sources_of(indices, indptr, rows)]
    values = (spikes.astype(ct.dtype) * targets.read(ct)).sum((0, 1))
    return [values.sum(keepdims=True) if single else values]


def continued(first: int) -> Callable[..., list[Any]]:
    """The shapes of the results of a primitive that continue its operands from `first` on."""

    def shapes(*operands: Any, **_: Any) -> list[Any]:
        return [x.update(weak_type=False) for x in operands[first:]]

    return shapes


def _gather_shape(ct: Any, weight: Any, indices: Any, indptr: Any, *timing: Any, rows: Rows) -> list[Any]:
    return [ct.update(shape=(*rows.at_once(ct.shape)[:-1], rows.n_pre), weak_type=False)]


def _outer_shape(spikes: Any, ct: Any, indices: Any, *rest: Any, rows: Rows, single: bool) -> list[Any]:
    return [ct.update(shape=(1,) if single else (indices.size,), weak_type=False)]


scatter_p = new_primitive("spikeloop_scatter", continued(-1), scatter_reference)
gather_p = new_primitive("spikeloop_gather", _gather_shape, gather_reference)
outer_p = new_primitive("spikeloop_outer", _outer_shape, _outer_reference)


# --- differentiation -------------------------------------------------------------------------------------------------


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is symbolically zero, or that of whole numbers."""
    return type(tangent) is ad.Zero or getattr(tangent, "dtype", None) == jax.dtypes.float0


def _scatter_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rows: Rows) -> Any:
    spikes, weight, *connectivity, target = primals
    d_spikes, d_weight, d_target = tangents[0], tangents[1], tangents[-1]
    out = scatter_p.bind(*primals, rows=rows)
    if all(is_zero(t) for t in (d_spikes, d_weight, d_target)):
        return out, [zero_tangent(out[0])]
    slope = jnp.zeros_like(target) if is_zero(d_target) else d_target
    if not is_zero(d_spikes):
        (slope,) = scatter_p.bind(d_spikes, weight, *connectivity, slope, rows=rows)
    if not is_zero(d_weight):
        (slope,) = scatter_p.bind(spikes, d_weight, *connectivity, slope, rows=rows)
    return out, [slope]


def _scatter_transpose(
    cts: Sequence[Any], spikes: Any, weight: Any, *connectivity_and_target: Any, rows: Rows
) -> list[Any]:
    *connectivity, target = connectivity_and_target
    ct = ad.instantiate_zeros(cts[0])
    d_spikes = d_weight = None
    if ad.is_undefined_primal(spikes):
        d_spikes = _to_spikes(gather_p.bind(ct, weight, *connectivity, rows=rows)[0], spikes.aval, rows)
    if ad.is_undefined_primal(weight):
        single = weight.aval.size == 1
        d_weight = outer_p.bind(spikes, ct, *connectivity, rows=rows, single=single)[0].reshape(weight.aval.shape)
    return [d_spikes, d_weight, *[None] * len(connectivity), ct if ad.is_undefined_primal(target) else None]


def _to_spikes(by_row: Any, spikes: Any, rows: Rows) -> Any:
    """Cotangents of the rows as those of the whole array of spikes."""
    after = spikes.shape[-1] - rows.offset - rows.n_pre
    by_row = by_row.reshape(*spikes.shape[:-1], rows.n_pre)
    return jnp.pad(by_row, [(0, 0)] * (by_row.ndim - 1) + [(rows.offset, after)])


def _bilinear_jvp(primitive: Any, first: int, second: int) -> Callable[..., Any]:
    """The product rule for an operation that is linear in the operands `first` and `second`."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        slope = zero_tangent(out[0])
        for i in (first, second):
            if not is_zero(tangents[i]):
                varied = [*primals[:i], tangents[i], *primals[i + 1 :]]
                (part,) = primitive.bind(*varied, **params)
                slope = part if type(slope) is ad.Zero else slope + part
        return out, [slope]

    return rule


def _gather_transpose(cts: Sequence[Any], ct: Any, weight: Any, *connectivity: Any, rows: Rows) -> list[Any]:
    s = ad.instantiate_zeros(cts[0])
    here = rows._replace(offset=0)
    d_ct = d_weight = None
    if ad.is_undefined_primal(ct):
        zero = jnp.zeros(ct.aval.shape, ct.aval.dtype)
        (d_ct,) = scatter_p.bind(s, weight, *connectivity, zero, rows=here)
    if ad.is_undefined_primal(weight):
        single = weight.aval.size == 1
        d_weight = outer_p.bind(s, ct, *connectivity, rows=here, single=single)[0].reshape(weight.aval.shape)
    return [d_ct, d_weight, *[None] * len(connectivity)]


def _outer_transpose(
    cts: Sequence[Any], spikes: Any, ct: Any, *connectivity: Any, rows: Rows, single: bool
) -> list[Any]:
    weight = ad.instantiate_zeros(cts[0])
    d_spikes = d_ct = None
    if ad.is_undefined_primal(spikes):
        d_spikes = _to_spikes(gather_p.bind(ct, weight, *connectivity, rows=rows)[0], spikes.aval, rows)
    if ad.is_undefined_primal(ct):
        zero = jnp.zeros(ct.aval.shape, ct.aval.dtype)
        (d_ct,) = scatter_p.bind(spikes, weight, *connectivity, zero, rows=rows)
    return [d_spikes, d_ct, *[None] * len(connectivity)]


ad.primitive_jvps[scatter_p] = _scatter_jvp
ad.primitive_jvps[gather_p] = _bilinear_jvp(gather_p, 0, 1)
ad.primitive_jvps[outer_p] = _bilinear_jvp(outer_p, 0, 1)
ad.primitive_transposes[scatter_p] = _scatter_transpose
ad.primitive_transposes[gather_p] = _gather_transpose
ad.primitive_transposes[outer_p] = _outer_transpose


# --- batching --------------------------------------------------------------------------------------------------------


def batching_rule(primitive: Any, populations: tuple[int, ...], target: int) -> Callable[..., Any]:
    """Lanes become rows of the batch, or lanes of rings; with lanes in the connectivity, one lane after the other.

    `populations` are the operands that have batch rows, one of them the `target`.
    """

    def rule(args: Sequence[Any], dims: Sequence[Any], *, rows: Rows, **params: Any) -> tuple[list[Any], list[int]]:
        lanes = next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
        moved = [x if d is None else jnp.moveaxis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        at = [i % len(args) for i in populations]
        cursor = [] if rows.slots is None else [len(args) - (2 if target == -1 else 1)]
        if primitive is outer_p or any(d is not None and i not in at + cursor for i, d in enumerate(dims)):
            return one_by_one(primitive, args, dims, rows=rows, **params)
        for i in at:
            if dims[i] is None:
                moved[i] = jnp.broadcast_to(moved[i], (lanes, *moved[i].shape))
        if rows.slots is None:
            batch = jnp.broadcast_shapes(*(moved[i].shape[:-1] for i in at))
            for i in at:
                moved[i] = jnp.broadcast_to(moved[i], (*batch, moved[i].shape[-1])).reshape(-1, moved[i].shape[-1])
            (out,) = primitive.bind(*moved, rows=rows, **params)
            return [out.reshape(*batch, out.shape[-1])], [0]
        inner = rows.lanes(args[target].shape if dims[target] is None else moved[target % len(args)].shape[1:])
        for i in cursor:
            if dims[i] is not None or moved[i].size > 1:
                each = moved[i] if dims[i] is not None else jnp.broadcast_to(moved[i], (lanes, *moved[i].shape))
                moved[i] = jnp.broadcast_to(each.reshape(lanes, -1), (lanes, inner)).reshape(-1)
        (out,) = primitive.bind(*moved, rows=rows._replace(slots=rows.slots + 1), **params)
        return [out], [0]

    return rule


def one_by_one(primitive: Any, args: Sequence[Any], dims: Sequence[Any], **params: Any) -> tuple[list[Any], list[int]]:
    """One lane after the other."""
    mapped = [jnp.moveaxis(x, d, 0) for x, d in zip(args, dims, strict=True) if d is not None]

    def lane(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return primitive.bind(*(x if d is None else next(rest) for x, d in zip(args, dims, strict=True)), **params)

    outs = list(jax.lax.map(lane, mapped))
    return outs, [0] * len(outs)


scatter_lanes = batching_rule(scatter_p, (0, -1), -1)
batching.primitive_batchers[scatter_p] = scatter_lanes
batching.primitive_batchers[gather_p] = batching_rule(gather_p, (0,), 0)
batching.primitive_batchers[outer_p] = batching_rule(outer_p, (0, 1), 1)


# --- lowering --------------------------------------------------------------------------------------------------------


def _native_lowering(kernel: str, target: int, fun: Callable[..., Any]) -> Callable[..., Any]:
    """Native for targets of f32 and f64; the reference for other dtypes."""
    by_reference = mlir.lower_fun(fun, multiple_results=True)

    def lower(ctx: Any, *operands: Any, rows: Rows, **params: Any) -> Any:
        aval = ctx.avals_in[target]
        if not _library.computes(kernel, aval.dtype):
            return by_reference(ctx, *operands, rows=rows, **params)
        rule = ffi_lowering(_library.PREFIX + kernel, {len(operands) - 1: 0} if fun is scatter_reference else {})
        ring = {} if rows.slots is None else {"slots": aval.shape[rows.slots], "lanes": rows.lanes(aval.shape)}
        return rule(ctx, *operands, offset=rows.offset, n_pre=rows.n_pre, sorted=rows.sorted, **ring)

    return lower


for _p, _kernel, _target, _fun in (
    (scatter_p, "event_scatter", -1, scatter_reference),
    (gather_p, "event_gather", 0, gather_reference),
    (outer_p, "event_outer", 1, _outer_reference),
):
    mlir.register_lowering(_p, _native_lowering(_kernel, _target, _fun), platform="cpu")
