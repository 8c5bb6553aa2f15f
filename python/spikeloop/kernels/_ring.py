"""Ring buffers of delays, and the two kernels that turn them.

    relay:   past[cursor] = spikes;  target += (spikes in the slot after the cursor) @ weights
    collect: target += input[cursor];  input[cursor] = 0

A ring of past spikes (slots, ..., n_pre) delays all synapses alike by slots − 1 steps. An input ring buffer
(slots, ..., n_post) delays each synapse on its own: `scatter_ring` fills it.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._jax import zero_tangent
from ._event import Rows, cursors, populations, ring_attributes, scatter_p
from ._exact_sums import digits
from ._kernel import FLOATS, ByName, Kernel, inputs, params, state
from ._mesh_axes import STORED, ByTarget
from ._rules import is_zero, lane_axis, lane_count
from ._turned_ring import look, oldest, on_lanes, own, put, turn, turned


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


# --- reference -------------------------------------------------------------------------------------------------------


def _deliver(spikes: Any, weight: Any, indices: Any, indptr: Any, target: Any, rows: Rows) -> Any:
    flat = spikes.reshape(-1, spikes.shape[-1]), target.reshape(-1, target.shape[-1])
    plain = rows._replace(offset=0, slots=None)
    synapses = {"weight": weight, "indices": indices, "indptr": indptr}
    return scatter_p(spikes=flat[0], **synapses, target=flat[1], rows=plain)[0].reshape(target.shape)


def _relay_reference(
    spikes: Any, weight: Any, indices: Any, indptr: Any, cursor: Any, past: Any, target: Any, *, rows: Rows
) -> list[Any]:
    past, late = on_lanes(turned, rows.slots, cursor, own(spikes, rows), past)
    return [past, _deliver(late, weight, indices, indptr, target, rows)]


def _collect_reference(cursor: Any, full: Any, target: Any, ring: Any, *, slots: int) -> list[Any]:
    del full  # the slot is empty then

    def take(cursor: Any, target: Any, ring: Any) -> tuple[Any, Any]:
        return target + look(ring, cursor), put(ring, cursor, jnp.zeros_like(target))

    return list(on_lanes(take, slots, cursor, target, ring))


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
        here = jnp.zeros_like(o.spikes) if is_zero(d.spikes) else d.spikes
        before = jnp.zeros_like(o.past) if is_zero(d.past) else d.past
        new, late = turn(here, o.cursor, before, rows)
        slope = _deliver(late, o.weight, o.indices, o.indptr, slope, rows)
    if not is_zero(d.weight):
        slope = _deliver(oldest(o.cursor, outs[0], rows), d.weight, o.indices, o.indptr, slope, rows)
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
