"""Propagation along synapses that are not stored: each row is made anew from a seed when it is needed.

    scatter: out[t(i, j)] += w[i, j] x[i]        work only for rows with x[i] ≠ 0
    gather:  x[i] = Σ_j w[i, j] c[t(i, j)]

Both are linear in one operand, and each is the transpose of the other. One weight for all synapses is part of x. Rings
of arriving input and lanes are as in `_event`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import Rows, batching_rule, gather_reference, is_zero, over_batch, scatter_reference

RULES = ("one_to_one", "all_to_all", "fixed_prob", "fixed_out_degree")
"""Rules whose rows are functions of the seed and of the row's number, in the order of the native code."""


class Drawn(Protocol):
    """What is drawn: hashable, as a part of the program; its fields are those of `connect`'s Spec."""

    @property
    def delay(self) -> Any:
        """The distribution of delays, or None."""

    def arrays(self) -> tuple[Any, ...]:
        """(weight, indices, indptr, delay) as stored; the weight is [1] if none is drawn."""
        ...


def scatter(values: Any, target: Any, n_pre: int, drawn: Drawn) -> Any:
    """`target` (..., n_post) plus what the values (..., n_pre) deliver."""
    rows = Rows(0, n_pre, sorted=True)
    run = lambda x, t: scatter_p.bind(x, t, rows=rows, drawn=drawn)[0]  # noqa: E731
    return over_batch(run, values, target, target.shape[-1])


def scatter_ring(values: Any, cursor: Any, ring: Any, n_pre: int, drawn: Drawn) -> Any:
    """A ring (slots, ..., n_post) plus what values (..., n_pre) deliver, each synapse its delay after the cursor."""
    (ring,) = scatter_p.bind(values, cursor, ring, rows=Rows(0, n_pre, sorted=True, slots=0), drawn=drawn)
    return ring


def _by_stored(values: Any, *cursor_and_target: Any, rows: Rows, drawn: Drawn) -> list[Any]:
    *cursor, target = cursor_and_target
    weight, indices, indptr, delay = drawn.arrays()
    timing = [delay, *cursor] if cursor else []
    return scatter_reference(values, weight.astype(target.dtype), indices, indptr, *timing, target, rows=rows)


def _gather_by_stored(ct: Any, *cursor: Any, rows: Rows, drawn: Drawn) -> list[Any]:
    weight, indices, indptr, delay = drawn.arrays()
    timing = [delay, *cursor] if cursor else []
    return gather_reference(ct, weight.astype(ct.dtype), indices, indptr, *timing, rows=rows)


def _scatter_shape(*operands: Any, **_: Any) -> list[Any]:
    return [operands[-1].update(weak_type=False)]


def _gather_shape(ct: Any, *_: Any, rows: Rows, drawn: Drawn) -> list[Any]:
    del drawn
    return [ct.update(shape=(*rows.at_once(ct.shape)[:-1], rows.n_pre), weak_type=False)]


scatter_p = new_primitive("spikeloop_procedural_scatter", _scatter_shape, _by_stored)
gather_p = new_primitive("spikeloop_procedural_gather", _gather_shape, _gather_by_stored)


# --- differentiation -------------------------------------------------------------------------------------------------


def _scatter_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    _, *cursor, target = primals
    d_values, d_target = tangents[0], tangents[-1]
    out = scatter_p.bind(*primals, **params)
    if is_zero(d_values):
        return out, [zero_tangent(out[0]) if is_zero(d_target) else d_target]
    slope = jnp.zeros_like(target) if is_zero(d_target) else d_target
    return out, scatter_p.bind(d_values, *cursor, slope, **params)


def _gather_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    out = gather_p.bind(*primals, **params)
    if is_zero(tangents[0]):
        return out, [zero_tangent(out[0])]
    return out, gather_p.bind(tangents[0], *primals[1:], **params)


def _scatter_transpose(cts: Sequence[Any], values: Any, *cursor_and_target: Any, rows: Rows, **params: Any) -> Any:
    *cursor, target = cursor_and_target
    ct = ad.instantiate_zeros(cts[0])
    d_values = None
    if ad.is_undefined_primal(values):
        (d_values,) = gather_p.bind(ct, *cursor, rows=rows, **params)
        d_values = d_values.reshape(values.aval.shape)
    return [d_values, *[None] * len(cursor), ct if ad.is_undefined_primal(target) else None]


def _gather_transpose(cts: Sequence[Any], ct: Any, *cursor: Any, **params: Any) -> Any:
    zero = jnp.zeros(ct.aval.shape, ct.aval.dtype)
    (d_ct,) = scatter_p.bind(ad.instantiate_zeros(cts[0]), *cursor, zero, **params)
    return [d_ct, *[None] * len(cursor)]


ad.primitive_jvps[scatter_p] = _scatter_jvp
ad.primitive_jvps[gather_p] = _gather_jvp
ad.primitive_transposes[scatter_p] = _scatter_transpose
ad.primitive_transposes[gather_p] = _gather_transpose
batching.primitive_batchers[scatter_p] = batching_rule(scatter_p, (0, -1), -1)
batching.primitive_batchers[gather_p] = batching_rule(gather_p, (0,), 0)


# --- lowering --------------------------------------------------------------------------------------------------------


def _native_lowering(kernel: str, target: int, fun: Callable[..., Any]) -> Callable[..., Any]:
    """Native for targets of f32 and f64; along stored synapses for other dtypes."""
    by_stored = mlir.lower_fun(fun, multiple_results=True)

    def lower(ctx: Any, *operands: Any, rows: Rows, drawn: Drawn) -> Any:
        aval = ctx.avals_in[target]
        if not _library.computes(kernel, aval.dtype):
            return by_stored(ctx, *operands, rows=rows, drawn=drawn)
        rule = ffi_lowering(_library.PREFIX + kernel, {len(operands) - 1: 0} if fun is _by_stored else {})
        ring = {} if rows.slots is None else {"slots": aval.shape[rows.slots], "lanes": rows.lanes(aval.shape)}
        return rule(ctx, *operands, n_pre=rows.n_pre, **_attributes(drawn), **ring)

    return lower


def _attributes(spec: Any) -> dict[str, Any]:
    """A rule as the native code reads it."""
    return {
        "rule": RULES.index(spec.rule),
        "num": spec.num,
        "multapses": spec.multapses,
        "own": _line(spec.own),
        "wide": spec.wide,
        "seed": _halves(np.uint64(spec.seed)),
        "prob": _halves(np.float64(spec.prob)),
        "weight": _distribution(spec.weight),
        "delay": _distribution(spec.delay),
    }


def _line(own: range | None) -> np.ndarray:
    """The first target that a source is, and how many lie between two; empty if no autapses are left out."""
    return np.zeros(0, np.int32) if own is None else _halves(np.array([own.start, own.step], np.int64))


def _halves(numbers: Any) -> np.ndarray:
    """Numbers of 64 bits in 32-bit halves, the lower one first."""
    return np.atleast_1d(numbers).view("<u4").view("<i4")


def _distribution(draw: Any) -> np.ndarray:
    if draw is None:
        return np.zeros(0, np.int32)
    numbers = np.array([draw.a, draw.b, *draw.part, *draw.bounds], np.float64)
    return np.append(np.int32(draw.family), _halves(numbers))


mlir.register_lowering(scatter_p, _native_lowering("procedural_scatter", -1, _by_stored), platform="cpu")
mlir.register_lowering(gather_p, _native_lowering("procedural_gather", 0, _gather_by_stored), platform="cpu")
