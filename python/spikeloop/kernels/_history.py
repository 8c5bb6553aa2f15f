"""The values of the last steps, for synapses with a delay each whose weights change.

    record:  ring[cursor] = values, and a list of the neurons in which they are not 0
    deliver: target[t(i, j)] += ring[cursor − d(i, j), i] w[i, j]

What a spike delivers is decided by the weight at its arrival, where a ring of arriving input (`scatter_ring`) takes
that of its departure. Work grows with the values that are not 0.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from .._jax import ad, batching, ffi_lowering, mlir, new_primitive, zero_tangent
from . import _library
from ._event import Rows, continued, is_zero, one_by_one, sources_of
from ._plastic import jvp_by_reference, native_lowering
from ._ring import put


class History(NamedTuple):
    """Values of the last steps: `ring` (slots, n), of which each slot lists `count` (slots,) `neurons` (slots, n)."""

    ring: Any
    count: Any
    neurons: Any


def record(values: Any, cursor: Any, history: History) -> History:
    """The history with the values (n,) of a step in the slot at the cursor."""
    return History(*record_p.bind(values.astype(history.ring.dtype), cursor, *history))


def deliver(history: History, cursor: Any, weight: Any, indices: Any, indptr: Any, delay: Any, target: Any) -> Any:
    """`target` (n_post,) plus the values that arrive in the present step, times the weights (1,) or (synapses,)."""
    return deliver_p.bind(*history, cursor, weight, indices, indptr, delay, target)[0]


def ago(ring: Any, cursor: Any, delay: Any, neurons: Any) -> Any:
    """The values of neurons `delay` steps ago."""
    return ring[(cursor - delay.astype(jnp.int32)) % ring.shape[0], neurons]


# --- reference -------------------------------------------------------------------------------------------------------


def record_reference(values: Any, cursor: Any, ring: Any, count: Any, neurons: Any) -> list[Any]:
    n = values.size
    (found,) = jnp.nonzero(values, size=n, fill_value=n)
    number = (found < n).sum(dtype=count.dtype)
    listed = jnp.where(found < n, found.astype(neurons.dtype), neurons[cursor])
    return [put(ring, cursor, values), count.at[cursor].set(number), put(neurons, cursor, listed)]


def deliver_reference(
    ring: Any, count: Any, neurons: Any, cursor: Any, weight: Any, indices: Any, indptr: Any, delay: Any, target: Any
) -> list[Any]:
    del count, neurons  # for the native kernel
    sources = sources_of(indices, indptr, Rows(0, ring.shape[1]))
    return [target.at[indices].add(ago(ring, cursor, delay, sources) * weight)]


record_p = new_primitive("spikeloop_history_record", continued(2), record_reference)
deliver_p = new_primitive("spikeloop_history_deliver", continued(-1), deliver_reference)


# --- differentiation, batching and lowering --------------------------------------------------------------------------


def _record_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Values and ring have tangents, which are recorded as they are."""
    outs = record_p.bind(*primals)
    slopes = [zero_tangent(out) for out in outs]
    if not (is_zero(tangents[0]) and is_zero(tangents[2])):
        values, ring = (ad.instantiate_zeros(tangents[k]) for k in (0, 2))
        slopes[0] = put(ring, primals[1], values)
    return outs, slopes


def _record_lowering(ctx: Any, *operands: Any) -> Any:
    if not _library.computes("history_record", ctx.avals_in[2].dtype):
        return mlir.lower_fun(record_reference, multiple_results=True)(ctx, *operands)
    return ffi_lowering(_library.PREFIX + "history_record", {2: 0, 3: 1, 4: 2})(ctx, *operands)


ad.primitive_jvps[record_p] = _record_jvp
ad.primitive_jvps[deliver_p] = jvp_by_reference(deliver_p, deliver_reference)
for _p in (record_p, deliver_p):
    batching.primitive_batchers[_p] = functools.partial(one_by_one, _p)
mlir.register_lowering(record_p, _record_lowering, platform="cpu")
mlir.register_lowering(deliver_p, native_lowering("history_deliver", deliver_reference), platform="cpu")
