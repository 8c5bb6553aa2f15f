"""Changes of weights by events of sources, along rows, and of targets, down columns.

    rows:    w[i, j] ← clip(w[i, j] + s[i] a[j] F(w[i, j]))     for s[i] ≠ 0
    columns: w[i, j] ← clip(w[i, j] + r[j] b[i] F(w[i, j]))     for r[j] ≠ 0

A law holds five numbers: the bounds, and origin, scale and exponent of F(w) = max(0, (w − origin)·scale)^exponent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import Rows, continued, is_zero, one_by_one, sources_of

ADDITIVE, LINEAR, POWER = 0, 1, 2  # F = 1, F = (w − origin)·scale, and the whole of F


class Columns(NamedTuple):
    """The synapses of each target.

    `sources` holds the source of each synapse in 16 bits; or, in 32 bits, the row in which every 2^`shift`-th place
    lies.
    """

    places: Any  # of the synapses among the weights, target after target
    ends: Any  # indptr of the places
    sources: Any
    shift: int


class Side(NamedTuple):
    """The events of one side, with one coefficient for each neuron of the other, and the law of what they change."""

    events: Any
    coefficient: Any
    law: Any
    dependence: int


def update_rows(pre: Side, indices: Any, indptr: Any, weight: Any) -> Any:
    """The weights after events of sources."""
    return rows_p.bind(*pre[:3], indices, indptr, weight, dependence=pre.dependence)[0]


def update_columns(post: Side, columns: Columns, indptr: Any, weight: Any) -> Any:
    """The weights after events of targets."""
    places, ends, sources, shift = columns
    synapses = places, ends, sources, indptr
    return columns_p.bind(*post[:3], *synapses, weight, dependence=post.dependence, shift=shift)[0]


# --- reference -------------------------------------------------------------------------------------------------------


def along_rows(events: Any, coefficient: Any, indices: Any, indptr: Any) -> tuple[Any, Any]:
    """For each synapse its event and coefficient."""
    sources = sources_of(indices, indptr, Rows(0, events.size))
    return events[sources], coefficient[indices]


def down_columns(events: Any, coefficient: Any, columns: Columns, indptr: Any) -> tuple[Any, Any]:
    """For each synapse, in the order of the weights, its event and coefficient."""
    places, ends, sources, _ = columns
    order = jnp.argsort(places)  # the place in the columns of each weight
    targets = jnp.repeat(jnp.arange(events.size), jnp.diff(ends), total_repeat_length=places.size)
    sources = sources[order] if sources.dtype == jnp.uint16 else sources_of(places, indptr, Rows(0, coefficient.size))
    return events[targets[order]], coefficient[sources]


def clipped(weight: Any, event: Any, new: Any, low: Any, high: Any) -> Any:
    """`new` within the bounds where there is an event, else the weight."""
    return jnp.where(event != 0, jnp.clip(new, low, high), weight)


def changed(weight: Any, event: Any, coefficient: Any, law: Any, dependence: int) -> Any:
    """The weights after an event and a coefficient for each synapse, where the event is not 0."""
    low, high, origin, scale, exponent = law
    change = event.astype(weight.dtype) * coefficient
    if dependence != ADDITIVE:
        distance = jnp.maximum((weight - origin) * scale, 0)
        change = change * (distance if dependence == LINEAR else distance**exponent)
    return clipped(weight, event, weight + change, low, high)


def _rows_reference(
    events: Any, coefficient: Any, law: Any, indices: Any, indptr: Any, weight: Any, *, dependence: int
) -> list[Any]:
    return [changed(weight, *along_rows(events, coefficient, indices, indptr), law, dependence)]


def _columns_reference(
    events: Any, coefficient: Any, law: Any, places: Any, ends: Any, sources: Any, indptr: Any, weight: Any,
    *, dependence: int, shift: int,
) -> list[Any]:  # fmt: skip
    columns = Columns(places, ends, sources, shift)
    return [changed(weight, *down_columns(events, coefficient, columns, indptr), law, dependence)]


rows_p = new_primitive("spikeloop_plastic_rows", continued(-1), _rows_reference)
columns_p = new_primitive("spikeloop_plastic_columns", continued(-1), _columns_reference)


# --- differentiation, batching and lowering --------------------------------------------------------------------------


def jvp_by_reference(primitive: Any, reference: Callable[..., list[Any]]) -> Callable[..., Any]:
    """The derivative of a kernel, taken from its reference."""

    def rule(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
        out = primitive.bind(*primals, **params)
        live = [i for i, t in enumerate(tangents) if not is_zero(t)]
        if not live:
            return out, [zero_tangent(x) for x in out]

        def run(*values: Any) -> Any:
            operands = list(primals)
            for i, value in zip(live, values, strict=True):
                operands[i] = value
            return reference(*operands, **params)

        _, slopes = jax.jvp(run, [primals[i] for i in live], [tangents[i] for i in live])
        return out, slopes

    return rule


def native_lowering(kernel: str, reference: Callable[..., list[Any]], in_place: int = 1) -> Callable[..., Any]:
    """Native for weights of f32 and f64, with the last `in_place` operands as results; the reference for others."""
    by_reference = mlir.lower_fun(reference, multiple_results=True)

    def lower(ctx: Any, *operands: Any, **params: Any) -> Any:
        if not _library.computes(kernel, ctx.avals_in[-1].dtype):
            return by_reference(ctx, *operands, **params)
        aliases = {len(operands) - in_place + k: k for k in range(in_place)}
        return ffi_lowering(_library.PREFIX + kernel, aliases)(ctx, *operands, **params)

    return lower


for _p, _kernel, _reference in (
    (rows_p, "plastic_rows", _rows_reference),
    (columns_p, "plastic_columns", _columns_reference),
):
    ad.primitive_jvps[_p] = jvp_by_reference(_p, _reference)
    batching.primitive_batchers[_p] = functools.partial(one_by_one, _p)  # lanes have weights of their own
    mlir.register_lowering(_p, native_lowering(_kernel, _reference), platform="cpu")
