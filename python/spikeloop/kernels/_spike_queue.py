"""Queues of spikes under way, for rows in which many synapses have the same delay.

    enqueue:  the spikes of a step are listed in the slot at the cursor
    deliver:  target[t(i, j)] += s[i] w[i, j]   for all spikes s[i] listed d(i, j) steps ago
    starts:   where in each row the synapses of each delay and block of targets begin: threads share the blocks

This is the same input as that of an input ring buffer (`scatter_ring`, `collect`), on less memory that is touched.
Derivatives need that ring: where spikes or weights have tangents, `enqueue` fills it and lists nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import ad, zero_tangent
from ._event import Rows, scatter_p, sources_of
from ._exact_sums import digits
from ._kernel import FLOATS, ByName, Kernel, inputs, params, state
from ._mesh_axes import STORED, ByTarget
from ._rules import constant, is_zero, one_by_one

_BLOCKS = 8  # of targets
_ALIGN = 16  # targets in a cache line, which one thread writes


class Queue(NamedTuple):
    """The spikes of the last steps: how many a slot holds, and their sources and values, (slots, n_pre)."""

    count: Any
    sources: Any
    values: Any


def enqueue(
    spikes: Any, synapses: Sequence[Any], cursor: Any, ring: Any, full: Any, queue: Queue, rows: Rows
) -> tuple[Any, Any, Queue]:
    """(ring, full, queue) with the spikes (n,) put into one of the two; `full`: for how many steps the ring holds some.

    `synapses` are weight, indices, indptr and delay; a ring has the axes (slots, n_post).
    """
    stored = dict(zip(("weight", "indices", "indptr", "delay"), synapses, strict=True))
    before = {"cursor": cursor, "ring": ring, "full": full, **queue._asdict()}
    ring, full, *lists = enqueue_p(spikes=spikes, **stored, **before, rows=rows)
    return ring, full, Queue(*lists)


def deliver(synapses: Sequence[Any], cursor: Any, queue: Queue, target: Any, rows: Rows) -> tuple[Queue, Any]:
    """(queue, target): what arrives in this step is added to target (n_post,).

    `synapses` are weight, indices, indptr and starts.
    """
    stored = dict(zip(("weight", "indices", "indptr", "starts"), synapses, strict=True))
    *lists, target = deliver_p(**stored, cursor=cursor, **queue._asdict(), target=target, rows=rows)
    return Queue(*lists), target


def starts(indices: Any, indptr: Any, delay: Any, longest: int, n_post: int, rows: Rows) -> Any:
    """Places in each row, (n_pre, delays × blocks + 1): the last one is its length."""
    lengths = jnp.diff(indptr) if indptr.size else indices.size // max(rows.n_pre, 1)
    dtype = jnp.uint16 if jnp.max(lengths, initial=0) < 1 << 16 else jnp.uint32
    structure = {"longest": longest, "n_post": n_post, "rows": rows, "dtype": np.dtype(dtype)}
    return starts_p(indices=indices, indptr=indptr, delay=delay, **structure)[0]


# --- reference -------------------------------------------------------------------------------------------------------


def _enqueue_reference(
    spikes: Any, weight: Any, indices: Any, indptr: Any, delay: Any, cursor: Any, ring: Any, full: Any, count: Any,
    sources: Any, values: Any, *, rows: Rows,
) -> list[Any]:  # fmt: skip
    del weight, indices, indptr, delay  # for the derivatives
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


def _deliver_reference(
    weight: Any, indices: Any, indptr: Any, starts: Any, cursor: Any, count: Any, sources: Any, values: Any,
    target: Any, *, rows: Rows,
) -> list[Any]:  # fmt: skip
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


# --- derivatives and batches -----------------------------------------------------------------------------------------


def _enqueue_jvp(kernel: Kernel, o: ByName, tangents: ByName, structure: Any) -> Any:
    """Where spikes or weights have tangents, all spikes go into the ring."""
    if is_zero(tangents.spikes) and is_zero(tangents.weight):
        outs = kernel.run(vars(o), structure)
        return outs, [tangents.ring, *map(zero_tangent, outs[1:])]
    varied = ("spikes", "weight", "ring")
    ring, slope = jax.jvp(
        lambda *values: _into_ring(o, dict(zip(varied, values, strict=True)), structure["rows"]),
        [getattr(o, name) for name in varied],
        [ad.instantiate_zeros(getattr(tangents, name)) for name in varied],
    )
    outs = [ring, jnp.full_like(o.full, o.ring.shape[0]), o.count, o.sources, o.values]
    return outs, [slope, *map(zero_tangent, outs[1:])]


def _into_ring(o: ByName, varied: dict[str, Any], rows: Rows) -> Any:
    timed = rows._replace(slots=0)
    operands = {**vars(o), **varied, "target": varied["ring"]}
    return scatter_p.run({name: operands[name] for name in scatter_p.names({"rows": timed})}, {"rows": timed})[0]


def _enqueue_batch(kernel: Kernel, o: ByName, axes: ByName, structure: Any) -> Any:
    """Lanes have rings: the lists stay as they are."""
    varies = {name for name, d in vars(axes).items() if d is not None}
    kept = ("full", "count", "sources", "values")
    if varies <= {*kept}:
        return one_by_one(kernel, o, axes, structure)
    into = lambda *values: _into_ring(o, dict(zip(varied, values, strict=True)), structure["rows"])  # noqa: E731
    varied = [name for name in vars(axes) if name not in kept]
    ring = jax.vmap(into, [getattr(axes, name) for name in varied])(*(getattr(o, name) for name in varied))
    slots = ring.shape[1]
    outs = [ring, jnp.full_like(o.full, slots), *(getattr(o, name) for name in kept[1:])]
    return outs, [0, *(getattr(axes, name) for name in kept)]


# --- declarations ----------------------------------------------------------------------------------------------------

_QUEUE = state("count", "sources", "values")

starts_p = Kernel(
    "event_starts",
    _starts_reference,
    structure=("longest", "n_post", "rows", "dtype"),
    operands=params("indices", "indptr", "delay"),
    outputs=lambda o, longest, n_post, rows, dtype: {
        "starts": jax.ShapeDtypeStruct((rows.n_pre, (longest + 1) * _BLOCKS + 1), dtype)
    },
    jvp=constant,
    attributes=lambda o, longest, n_post, rows, dtype: {
        "n_pre": rows.n_pre, "sorted": rows.sorted, "n_post": n_post, "blocks": _BLOCKS,
    },
)  # fmt: skip
enqueue_p = Kernel(
    "event_enqueue",
    _enqueue_reference,
    structure=("rows",),
    operands=(
        *inputs("spikes"), *params("weight", "indices", "indptr", "delay", "cursor"), *state("ring", "full"), *_QUEUE,
    ),
    jvp=_enqueue_jvp,
    batch=_enqueue_batch,
    dtypes={"values": FLOATS},
    attributes=lambda o, rows: {"offset": rows.offset, "n_pre": rows.n_pre},
    native_operands=("spikes", "cursor", "count", "sources", "values"),  # the ring passes by
    mesh=ByTarget({"ring": -1}, STORED, ("spikes",)),
)  # fmt: skip
deliver_p = Kernel(
    "event_deliver",
    _deliver_reference,
    structure=("rows",),
    operands=(*params("weight", "indices", "indptr", "starts", "cursor"), *_QUEUE, *state("target")),
    # Queued spikes were listed where nothing was differentiated: weights are constants to them, as they are to a
    # ring that was filled before.
    adds_to="target",
    dtypes={"target": FLOATS},
    attributes=lambda o, rows: {"n_pre": rows.n_pre, "sorted": rows.sorted, "blocks": _BLOCKS},
    scratch={"cuda": lambda o, rows: digits(o.target, rows.exact)},
    mesh=ByTarget({"target": -1}, ("weight", "indices", "indptr", "starts")),
)
