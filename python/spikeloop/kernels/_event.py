"""Propagation of spikes along stored synapses, and the two products that its derivatives need.

Row i of the connectivity lists the targets of source i. With spikes s, weights w and targets t(i, j):

    scatter: out[t(i, j)] += s[i] w[i, j]        work only for rows with s[i] ≠ 0
    gather:  out[i] = Σ_j w[i, j] c[t(i, j)]
    outer:   out[i, j] = s[i] c[t(i, j)]         summed to one number if the weights are one number

Each is linear in each of its two factors, and the derivatives of one are the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library


class Rows(NamedTuple):
    """Which spikes the rows belong to: row i is source `offset + i` of the spike array."""

    offset: int
    n_pre: int


def scatter(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, rows: Rows) -> Any:
    """`target` plus what the spikes deliver; spikes (..., n), weight (1,) or (nnz,), target (..., n_post)."""
    return _over_batch(
        lambda s, t: scatter_p.bind(s, weight, indices, indptr, t, rows=rows)[0], spikes, target, target.shape[-1]
    )


def gather(ct: Any, weight: Any, indices: Any, indptr: Any, rows: Rows) -> Any:
    """For each source, its weights times what stands at their targets."""
    return gather_p.bind(ct, weight, indices, indptr, rows=rows)[0]


def _over_batch(run: Callable[[Any, Any], Any], spikes: Any, target: Any, n_post: int) -> Any:
    batch = jnp.broadcast_shapes(spikes.shape[:-1], target.shape[:-1])
    if spikes.ndim == 1 and target.ndim == 1:
        return run(spikes, target)
    spikes = jnp.broadcast_to(spikes, (*batch, spikes.shape[-1])).reshape(-1, spikes.shape[-1])
    target = jnp.broadcast_to(target, (*batch, n_post)).reshape(-1, n_post)
    return run(spikes, target).reshape(*batch, n_post)


# --- reference -------------------------------------------------------------------------------------------------------


def _sources(indices: Any, indptr: Any, rows: Rows) -> Any:
    """The source of each synapse; an empty indptr means that all rows are equally long."""
    nnz = indices.size
    if indptr.size == 0:
        return jnp.arange(nnz, dtype=jnp.int32) // max(nnz // max(rows.n_pre, 1), 1)
    return jnp.repeat(jnp.arange(rows.n_pre, dtype=jnp.int32), jnp.diff(indptr), total_repeat_length=nnz)


def _scatter_reference(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, *, rows: Rows) -> list[Any]:
    arriving = spikes[..., rows.offset + _sources(indices, indptr, rows)].astype(target.dtype) * weight
    return [target.at[..., indices.ravel()].add(arriving)]


def _gather_reference(ct: Any, weight: Any, indices: Any, indptr: Any, *, rows: Rows) -> list[Any]:
    values = ct[..., indices.ravel()] * weight
    out = jnp.zeros((*ct.shape[:-1], rows.n_pre), ct.dtype)
    return [out.at[..., _sources(indices, indptr, rows)].add(values)]


def _outer_reference(spikes: Any, ct: Any, indices: Any, indptr: Any, *, rows: Rows, single: bool) -> list[Any]:
    values = spikes[..., rows.offset + _sources(indices, indptr, rows)].astype(ct.dtype) * ct[..., indices.ravel()]
    values = values.sum(tuple(range(values.ndim - 1)))
    return [values.sum(keepdims=True) if single else values]


def _scatter_shape(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, *, rows: Rows) -> list[Any]:
    return [target.update(weak_type=False)]


def _gather_shape(ct: Any, weight: Any, indices: Any, indptr: Any, *, rows: Rows) -> list[Any]:
    return [ct.update(shape=(*ct.shape[:-1], rows.n_pre), weak_type=False)]


def _outer_shape(spikes: Any, ct: Any, indices: Any, indptr: Any, *, rows: Rows, single: bool) -> list[Any]:
    return [ct.update(shape=(1,) if single else (indices.size,), weak_type=False)]


scatter_p = new_primitive("spikeloop_scatter", _scatter_shape, _scatter_reference)
gather_p = new_primitive("spikeloop_gather", _gather_shape, _gather_reference)
outer_p = new_primitive("spikeloop_outer", _outer_shape, _outer_reference)


# --- differentiation -------------------------------------------------------------------------------------------------


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero or getattr(tangent, "dtype", None) == jax.dtypes.float0


def _scatter_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rows: Rows) -> Any:
    spikes, weight, indices, indptr, target = primals
    d_spikes, d_weight, _, _, d_target = tangents
    out = scatter_p.bind(*primals, rows=rows)
    if all(_is_zero(t) for t in (d_spikes, d_weight, d_target)):
        return out, [zero_tangent(out[0])]
    slope = jnp.zeros_like(target) if _is_zero(d_target) else d_target
    if not _is_zero(d_spikes):
        (slope,) = scatter_p.bind(d_spikes, weight, indices, indptr, slope, rows=rows)
    if not _is_zero(d_weight):
        (slope,) = scatter_p.bind(spikes, d_weight, indices, indptr, slope, rows=rows)
    return out, [slope]


def _scatter_transpose(cts: Sequence[Any], spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, *,
                       rows: Rows) -> list[Any]:  # fmt: skip
    ct = ad.instantiate_zeros(cts[0])
    d_spikes = d_weight = None
    if ad.is_undefined_primal(spikes):
        (by_row,) = gather_p.bind(ct, weight, indices, indptr, rows=rows)
        after = spikes.aval.shape[-1] - rows.offset - rows.n_pre
        d_spikes = jnp.pad(by_row, [(0, 0)] * (by_row.ndim - 1) + [(rows.offset, after)])
    if ad.is_undefined_primal(weight):
        single = weight.aval.size == 1
        d_weight = outer_p.bind(spikes, ct, indices, indptr, rows=rows, single=single)[0].reshape(weight.aval.shape)
    return [d_spikes, d_weight, None, None, ct if ad.is_undefined_primal(target) else None]


def _bilinear_jvp(primitive: Any, first: int, second: int) -> Callable[..., Any]:
    """The product rule for an operation that is linear in the operands `first` and `second`."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        slope = zero_tangent(out[0])
        for i in (first, second):
            if not _is_zero(tangents[i]):
                varied = [*primals[:i], tangents[i], *primals[i + 1 :]]
                (part,) = primitive.bind(*varied, **params)
                slope = part if type(slope) is ad.Zero else slope + part
        return out, [slope]

    return rule


def _gather_transpose(cts: Sequence[Any], ct: Any, weight: Any, indices: Any, indptr: Any, *, rows: Rows) -> list[Any]:
    s = ad.instantiate_zeros(cts[0])
    here = Rows(0, rows.n_pre)
    d_ct = d_weight = None
    if ad.is_undefined_primal(ct):
        (d_ct,) = scatter_p.bind(s, weight, indices, indptr, jnp.zeros(ct.aval.shape, ct.aval.dtype), rows=here)
    if ad.is_undefined_primal(weight):
        single = weight.aval.size == 1
        d_weight = outer_p.bind(s, ct, indices, indptr, rows=here, single=single)[0].reshape(weight.aval.shape)
    return [d_ct, d_weight, None, None]


def _outer_transpose(cts: Sequence[Any], spikes: Any, ct: Any, indices: Any, indptr: Any, *, rows: Rows,
                     single: bool) -> list[Any]:  # fmt: skip
    weight = ad.instantiate_zeros(cts[0])
    d_spikes = d_ct = None
    if ad.is_undefined_primal(spikes):
        (by_row,) = gather_p.bind(ct, weight, indices, indptr, rows=rows)
        after = spikes.aval.shape[-1] - rows.offset - rows.n_pre
        d_spikes = jnp.pad(by_row, [(0, 0)] * (by_row.ndim - 1) + [(rows.offset, after)])
    if ad.is_undefined_primal(ct):
        (d_ct,) = scatter_p.bind(spikes, weight, indices, indptr, jnp.zeros(ct.aval.shape, ct.aval.dtype), rows=rows)
    return [d_spikes, d_ct, None, None]


ad.primitive_jvps[scatter_p] = _scatter_jvp
ad.primitive_jvps[gather_p] = _bilinear_jvp(gather_p, 0, 1)
ad.primitive_jvps[outer_p] = _bilinear_jvp(outer_p, 0, 1)
ad.primitive_transposes[scatter_p] = _scatter_transpose
ad.primitive_transposes[gather_p] = _gather_transpose
ad.primitive_transposes[outer_p] = _outer_transpose


# --- batching --------------------------------------------------------------------------------------------------------


def _batching_rule(primitive: Any, batched: tuple[int, ...]) -> Callable[..., Any]:
    """Lanes become rows of the batch for the operands `batched`; with lanes in others, one lane after the other."""

    def rule(args: Sequence[Any], dims: Sequence[Any], **params: Any) -> tuple[list[Any], list[int]]:
        lanes = next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
        moved = [x if d is None else jnp.moveaxis(x, d, 0) for x, d in zip(args, dims, strict=True)]
        if primitive is outer_p or any(d is not None and i not in batched for i, d in enumerate(dims)):
            return _one_by_one(primitive, moved, dims, params)
        shapes = [x.shape if dims[i] is not None else (lanes, *x.shape) for i, x in enumerate(moved)]
        batch = jnp.broadcast_shapes(*(shapes[i][:-1] for i in batched))
        for i in batched:
            moved[i] = jnp.broadcast_to(moved[i], (*batch, moved[i].shape[-1])).reshape(-1, moved[i].shape[-1])
        (out,) = primitive.bind(*moved, **params)
        return [out.reshape(*batch, out.shape[-1])], [0]

    return rule


def _one_by_one(primitive: Any, args: Sequence[Any], dims: Sequence[Any], params: dict[str, Any]) -> Any:
    mapped = [x for x, d in zip(args, dims, strict=True) if d is not None]

    def lane(values: Sequence[Any]) -> Any:
        rest = iter(values)
        return primitive.bind(*(x if d is None else next(rest) for x, d in zip(args, dims, strict=True)), **params)[0]

    return [jax.lax.map(lane, mapped)], [0]


batching.primitive_batchers[scatter_p] = _batching_rule(scatter_p, (0, 4))
batching.primitive_batchers[gather_p] = _batching_rule(gather_p, (0,))
batching.primitive_batchers[outer_p] = _batching_rule(outer_p, (0, 1))


# --- lowering --------------------------------------------------------------------------------------------------------


def _native_lowering(kernel: str, floats: int, aliases: dict[int, int], fun: Callable[..., Any]) -> Callable[..., Any]:
    """Native for f32 and f64, decided by operand number `floats`; the reference for other dtypes."""
    by_reference = mlir.lower_fun(fun, multiple_results=True)

    def lower(ctx: Any, *operands: Any, rows: Rows, **params: Any) -> Any:
        if ctx.avals_in[floats].dtype not in (jnp.float32, jnp.float64) or not _library.has(kernel):
            return by_reference(ctx, *operands, rows=rows, **params)
        rule = ffi_lowering(_library.PREFIX + kernel, aliases)
        return rule(ctx, *operands, offset=rows.offset, n_pre=rows.n_pre)

    return lower


for _p, _kernel, _floats, _aliases, _fun in (
    (scatter_p, "event_scatter", 4, {4: 0}, _scatter_reference),
    (gather_p, "event_gather", 0, {}, _gather_reference),
    (outer_p, "event_outer", 1, {}, _outer_reference),
):
    mlir.register_lowering(_p, _native_lowering(_kernel, _floats, _aliases, _fun), platform="cpu")
