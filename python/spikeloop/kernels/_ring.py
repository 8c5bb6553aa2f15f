"""Ring buffers of delays, and the two kernels that turn them.

    relay:   past[cursor] = spikes;  target += (spikes in the slot after the cursor) @ weights
    collect: target += input[cursor];  input[cursor] = 0

A ring of past spikes (slots, ..., n_pre) delays all synapses alike by slots − 1 steps. An input ring buffer
(slots, ..., n_post) delays each synapse on its own: `scatter_ring` fills it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import zero_tangent
from ._event import Rows, cursors, populations, ring_attributes, scatter_p
from ._exact_sums import digits
from ._kernel import FLOATS, ByName, Kernel, inputs, params, state
from ._mesh_axes import STORED, ByTarget
from ._rules import is_zero, lane_axis, lane_count


def relay(
    spikes: Any, weight: Any, indices: Any, indptr: Any, cursor: Any, past: Any, target: Any, rows: Rows
) -> tuple[Any, Any]:
    """(past, target): the spikes (..., n) are stored, and the oldest stored ones delivered to target (..., n_post)."""
    synapses = {"weight": weight, "indices": indices, "indptr": indptr}
    past, target = relay_p(
        spikes=spikes, **synapses, cursor=cursor, past=past, target=target, rows=rows._replace(slots=0)
    )
    return past, target


def collect(cursor: Any, full: Any, target: Any, ring: Any) -> tuple[Any, Any]:
    """(target, ring): the input in the slot at the cursor moves to the target; there is none if `full` is 0."""
    target, ring = collect_p(cursor=cursor, full=full, target=target, ring=ring, slots=0)
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
    synapses = {"weight": weight, "indices": indices, "indptr": indptr}
    return scatter_p(spikes=flat[0], **synapses, target=flat[1], rows=plain)[0].reshape(target.shape)


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


# --- derivatives and batches -----------------------------------------------------------------------------------------


def _relay_jvp(kernel: Kernel, o: ByName, tangents: ByName, structure: Any) -> Any:
    """As `by_reference`, but from the new ring: reading the old one would copy it."""
    rows: Rows = structure["rows"]
    outs = kernel.run(vars(o), structure)
    d = tangents
    if all(map(is_zero, (d.spikes, d.weight, d.past, d.target))):
        return outs, [zero_tangent(out) for out in outs]
    slope = jnp.zeros_like(o.target) if is_zero(d.target) else d.target
    new: Any = zero_tangent(outs[0])
    if not (is_zero(d.spikes) and is_zero(d.past)):
        here = jnp.zeros((), o.past.dtype) if is_zero(d.spikes) else _own(d.spikes, rows)
        here = jnp.broadcast_to(here, rows.at_once(o.past.shape))
        before = jnp.zeros_like(o.past) if is_zero(d.past) else d.past
        new, oldest = _on_lanes(_turn, rows.slots, o.cursor, here, before)
        slope = _deliver(oldest, o.weight, o.indices, o.indptr, slope, rows)
    if not is_zero(d.weight):
        oldest = _on_lanes(lambda c, ring: look(ring, (c + 1) % ring.shape[0]), rows.slots, o.cursor, outs[0])
        slope = _deliver(oldest, d.weight, o.indices, o.indptr, slope, rows)
    return outs, [new, slope]


def _collect_batch(kernel: Kernel, o: ByName, axes: ByName, structure: Any) -> list[Any]:
    """Lanes are lanes of rings; the slot is emptied if any of them holds something."""
    lanes, slots = lane_count(o, axes), structure["slots"]
    target, ring = lane_axis(o.target, axes.target, lanes), lane_axis(o.ring, axes.ring, lanes)
    cursor = cursors(o.cursor, axes.cursor, lanes, _lanes(ring, 1, 1 + slots))
    return kernel(cursor=cursor, full=jnp.max(o.full), target=target, ring=ring, slots=slots + 1)


def _lanes(ring: Any, start: int, stop: int) -> int:
    return int(np.prod(ring.shape[start:stop], dtype=int))


# --- declarations ----------------------------------------------------------------------------------------------------

relay_p = Kernel(
    "event_relay",
    _relay_reference,
    structure=("rows",),
    operands=(*inputs("spikes"), *params("weight", "indices", "indptr", "cursor"), *state("past", "target")),
    jvp=_relay_jvp,
    batch=populations("spikes", "past", "target", ring="past"),
    dtypes={"past": FLOATS},
    attributes=lambda o, rows: {
        "offset": rows.offset, "n_pre": rows.n_pre, "sorted": rows.sorted, **ring_attributes(o.past, rows),
    },
    scratch={"cuda": lambda o, rows: digits(o.target, rows.exact)},
    mesh=ByTarget({"target": -1}, STORED, ("spikes",)),
)  # fmt: skip
collect_p = Kernel(
    "event_collect",
    _collect_reference,
    structure=("slots",),
    operands=(*inputs("cursor", "full"), *state("target", "ring")),
    batch=_collect_batch,
    dtypes={"ring": FLOATS},
    attributes=lambda o, slots: {"slots": o.ring.shape[slots], "lanes": _lanes(o.ring, 0, slots)},
    mesh=ByTarget({"target": -1, "ring": -1}),
)
