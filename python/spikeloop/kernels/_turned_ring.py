"""What XLA does with a ring of past values: it turns it forward, and backward for cotangents.

    turn:     past[cursor] = spikes;          oldest = past[cursor + 1]
    unturn:   past[cursor + 1] += oldest;     spikes = past[cursor];     past[cursor] = 0
    oldest:   past[cursor + 1]

`unturn` is the transpose of `turn`. They are kernels, without native code, for what asks how long values are under
way: what goes into a ring of k slots comes out k − 1 steps later, forward or backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .._jax import ad, zero_tangent
from ._event import Rows, populations
from ._kernel import ByName, Kernel, inputs, params, state
from ._mesh_axes import ByTarget
from ._rules import is_zero


def turn(spikes: Any, cursor: Any, past: Any, rows: Rows) -> tuple[Any, Any]:
    """(past, oldest): the ring with those of `rows` of the spikes (..., n) in it, and what it has held longest."""
    past, oldest = turn_p(spikes=spikes, cursor=cursor, past=past, rows=rows)
    return past, oldest


def oldest(cursor: Any, past: Any, rows: Rows) -> Any:
    """What the ring has held longest, in the slot after the cursor."""
    return oldest_p(cursor=cursor, past=past, rows=rows)[0]


def put(ring: Any, cursor: Any, value: Any) -> Any:
    """`ring` with `value` in the slot at the cursor."""
    return jax.lax.dynamic_update_index_in_dim(ring, value.astype(ring.dtype), cursor, 0)


def look(ring: Any, slot: Any) -> Any:
    """What stands in a slot."""
    return jax.lax.dynamic_index_in_dim(ring, slot, 0, keepdims=False)


def add(ring: Any, slot: Any, value: Any) -> Any:
    """`ring` with `value` added to what stands in a slot."""
    return put(ring, slot, look(ring, slot) + value)


def own(spikes: Any, rows: Rows) -> Any:
    """Those of the spikes that `rows` are about."""
    return jax.lax.slice_in_dim(spikes, rows.offset, rows.offset + rows.n_pre, axis=-1)


def on_lanes(fun: Callable[..., Any], slots: int | None, cursor: Any, *arrays: Any) -> Any:
    """`fun(cursor, *arrays)` on each lane; the lanes are the first `slots` axes."""
    each = cursor.size > 1
    for _ in range(slots or 0):
        fun = jax.vmap(fun, (0 if each else None, *[0] * len(arrays)))
    return fun(cursor.reshape(arrays[-1].shape[:slots] if each else ()), *arrays)


# --- references ------------------------------------------------------------------------------------------------------


def after(cursor: Any, ring: Any) -> Any:
    """The slot after the cursor."""
    return (cursor + 1) % ring.shape[0]


def turned(cursor: Any, spikes: Any, past: Any) -> tuple[Any, Any]:
    """The ring with new spikes in it, and the oldest ones."""
    past = put(past, cursor, spikes)
    return past, look(past, after(cursor, past))


def turned_back(cursor: Any, ct: Any, past: Any) -> tuple[Any, Any]:
    """The ring with a cotangent of the oldest added, and without that of the newest, which comes second."""
    past = add(past, after(cursor, past), ct)
    newest = look(past, cursor)
    return put(past, cursor, jnp.zeros_like(newest)), newest


def _turn_reference(spikes: Any, cursor: Any, past: Any, *, rows: Rows) -> list[Any]:
    return [*on_lanes(turned, rows.slots, cursor, own(spikes, rows), past)]


def _unturn_reference(ct: Any, cursor: Any, past: Any, *, rows: Rows) -> list[Any]:
    return [*on_lanes(turned_back, rows.slots, cursor, ct, past)]


def _oldest_reference(cursor: Any, past: Any, *, rows: Rows) -> list[Any]:
    return [on_lanes(lambda c, ring: look(ring, after(c, ring)), rows.slots, cursor, past)]


# --- derivatives -----------------------------------------------------------------------------------------------------


def _linear(kernel: Kernel, o: ByName, tangents: ByName, structure: Any) -> Any:
    """Kernels that are linear in everything but the cursor."""
    outs = kernel.run(vars(o), structure)
    slopes = {name: t for name, t in vars(tangents).items() if name != "cursor"}
    if all(map(is_zero, slopes.values())):
        return outs, [zero_tangent(out) for out in outs]
    given = {name: _array(t, getattr(o, name)) for name, t in slopes.items()}
    return outs, kernel.run({**given, "cursor": o.cursor}, structure)


def _array(tangent: Any, like: Any) -> Any:
    return jnp.zeros_like(like) if is_zero(tangent) else tangent


def _turn_transposed(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Any) -> dict[str, Any]:
    past, newest = map(ad.instantiate_zeros, cts)
    rows: Rows = structure["rows"]
    past, spikes = unturn_p(ct=newest, cursor=o.cursor, past=past, rows=rows)
    behind = o.spikes.aval.shape[-1] - rows.offset - rows.n_pre if ad.is_undefined_primal(o.spikes) else 0
    padding = [(0, 0, 0)] * (spikes.ndim - 1) + [(rows.offset, behind, 0)]
    whole = spikes if behind == rows.offset == 0 else jax.lax.pad(spikes, jnp.zeros((), spikes.dtype), padding)
    return _asked({"spikes": whole, "past": past}, o)


def _unturn_transposed(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Any) -> dict[str, Any]:
    past, spikes = map(ad.instantiate_zeros, cts)
    past, newest = turn_p(spikes=spikes, cursor=o.cursor, past=past, rows=structure["rows"]._replace(offset=0))
    return _asked({"ct": newest, "past": past}, o)


def _oldest_transposed(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Any) -> dict[str, Any]:
    put_in = lambda cursor, ct, ring: add(ring, after(cursor, ring), ct)  # noqa: E731
    ring, ct = jnp.zeros(o.past.aval.shape, o.past.aval.dtype), ad.instantiate_zeros(cts[0])
    return _asked({"past": on_lanes(put_in, structure["rows"].slots, o.cursor, ct, ring)}, o)


def _asked(found: dict[str, Any], o: ByName) -> dict[str, Any]:
    return {name: ct for name, ct in found.items() if ad.is_undefined_primal(getattr(o, name))}


# --- declarations ----------------------------------------------------------------------------------------------------


def _at_once(name: str) -> Callable[..., dict[str, jax.ShapeDtypeStruct]]:
    return lambda o, rows: {name: jax.ShapeDtypeStruct(rows.at_once(o.past.shape), o.past.dtype)}


turn_p = Kernel(
    "ring_turn",
    _turn_reference,
    structure=("rows",),
    operands=(*inputs("spikes"), *params("cursor"), *state("past")),
    outputs=_at_once("oldest"),
    jvp=_linear,
    transpose=_turn_transposed,
    batch=populations("spikes", "past", ring="past"),
    platforms=(),
    mesh=ByTarget(spikes=("spikes",)),
)
unturn_p = Kernel(
    "ring_unturn",
    _unturn_reference,
    structure=("rows",),
    operands=(*inputs("ct"), *params("cursor"), *state("past")),
    outputs=_at_once("spikes"),
    jvp=_linear,
    transpose=_unturn_transposed,
    batch=populations("ct", "past", ring="past"),
    platforms=(),
    mesh=ByTarget(),
)
oldest_p = Kernel(
    "ring_oldest",
    _oldest_reference,
    structure=("rows",),
    operands=(*params("cursor"), *inputs("past")),
    outputs=_at_once("oldest"),
    jvp=_linear,
    transpose=_oldest_transposed,
    batch=populations("past", ring="past"),
    platforms=(),
    mesh=ByTarget(),
)
