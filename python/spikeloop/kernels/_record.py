"""Records of spikes.

    pack:   bits[k // 8] holds, as its bit k % 8, whether neuron k spikes
    count:  counts[g] = number of spikes in neurons starts[g]..stops[g]
    append: events[count] = (step, k) for each spike of neuron k, count += 1;  step += 1 at the end

A value of two or more is a count of spikes, any other value but 0 is one. Records have no derivative: to
differentiation they are constants.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._kernel import FLOATS, ByName, Kernel, cuda_tiles, inputs, state
from ._mesh_axes import ByTarget
from ._rules import constant, leading_axes

Groups = tuple[tuple[int, int], ...]  # (start, stop) of each
_SPIKES = ("bool", *FLOATS)
_MOST = np.iinfo(np.int32).max
_LARGEST = 2.0**20  # spikes of one neuron in a step, so that sums stay whole numbers of 32 bits


def pack(spikes: Any) -> Any:
    """The spikes (..., n) as bits (..., ceil(n / 8)), bytes; `np.unpackbits(bits, bitorder="little")` reads them."""
    return pack_p(spikes=_floats(spikes))[0]


def count(spikes: Any, groups: Groups) -> Any:
    """The number of spikes (..., n) in each range of neurons, (..., len(groups))."""
    return count_p(spikes=_floats(spikes), groups=groups)[0]


def append(spikes: Any, clock: Any, events: Any) -> tuple[Any, Any]:
    """(clock, events) after the spikes (*lanes, ..., n) went into the list of their lane.

    `clock` (*lanes, 2) holds the number of events and the step, `events` (*lanes, capacity, 2). What finds no place is
    counted, but not kept.
    """
    clock, events = append_p(spikes=_floats(spikes), clock=clock, events=events)
    return clock, events


def number_of(spikes: Any) -> Any:
    """How many spikes each value stands for, in its dtype."""
    spikes = jnp.asarray(spikes)
    one = spikes != 0
    return one if spikes.dtype == jnp.bool_ else jnp.where(spikes >= 2, jnp.floor(spikes), one).astype(spikes.dtype)


def _floats(spikes: Any) -> Any:
    """Whole numbers as floats, which the native code takes."""
    return spikes.astype(jnp.float32) if jnp.issubdtype(spikes.dtype, jnp.integer) else spikes


def _counts(spikes: Any) -> Any:
    return jnp.minimum(number_of(spikes).astype(jnp.float32), _LARGEST).astype(jnp.int32)


# --- reference -------------------------------------------------------------------------------------------------------


def _pack_reference(spikes: Any) -> list[Any]:
    n = spikes.shape[-1]
    padded = jnp.pad(spikes != 0, [(0, 0)] * (spikes.ndim - 1) + [(0, -n % 8)])
    bits = padded.reshape(*spikes.shape[:-1], -(-n // 8), 8) << jnp.arange(8, dtype=jnp.uint8)
    return [bits.sum(-1, dtype=jnp.uint8)]


def _count_reference(spikes: Any, *, groups: Groups) -> list[Any]:
    sums = [_counts(spikes[..., start:stop]).sum(-1, dtype=jnp.int32) for start, stop in groups]
    return [jnp.stack(sums, -1) if sums else jnp.zeros((*spikes.shape[:-1], 0), jnp.int32)]


def _append_reference(spikes: Any, clock: Any, events: Any) -> list[Any]:
    lanes, capacity = clock.size // 2, events.shape[-2]
    found = _counts(spikes).reshape(lanes, spikes.size // max(lanes, 1))
    flat = clock.reshape(lanes, 2)

    def one(found: Any, clock: Any, events: Any) -> tuple[Any, Any]:
        first = clock[0] + jnp.cumsum(found, dtype=jnp.int32) - found
        pairs = jnp.stack([jnp.full_like(first, clock[1]), jnp.arange(found.size, dtype=jnp.int32)], -1)

        def put(k: Any, events: Any) -> Any:
            """The spike k of those neurons that have so many; a place below the count went beyond all numbers."""
            place = jnp.where((found > k) & (first >= clock[0]), first + k, capacity)
            return events.at[place].set(pairs, mode="drop")

        most = jnp.minimum(found.max(initial=0), capacity)
        more = found.sum(dtype=jnp.int32)
        counts = jnp.where(clock > _MOST - jnp.stack([more, jnp.int32(1)]), _MOST, clock + jnp.stack([more, 1]))
        return counts.astype(jnp.int32), jax.lax.fori_loop(0, most, put, events)

    new, events_new = jax.vmap(one)(found, flat, events.reshape(lanes, capacity, 2))
    return [new.reshape(clock.shape), events_new.reshape(events.shape)]


def _groups(o: ByName, groups: Groups) -> dict[str, Any]:
    """The groups as the native code reads them."""
    del o
    starts, stops = np.array(groups, np.int32).reshape(-1, 2).T
    return {"starts": starts.copy(), "stops": stops.copy()}


def _tiles_and_clock(o: ByName) -> list[jax.ShapeDtypeStruct]:
    """For each lane, the number of spikes of each tile of neurons, and the clock as it was."""
    lanes = o.clock.size // 2
    return [jax.ShapeDtypeStruct((lanes * (max(cuda_tiles(o.spikes.size // max(lanes, 1)), 1) + 2),), jnp.uint32)]


pack_p = Kernel(
    "record_pack",
    _pack_reference,
    operands=inputs("spikes"),
    outputs=lambda o: {"bits": jax.ShapeDtypeStruct((*o.spikes.shape[:-1], -(-o.spikes.shape[-1] // 8)), jnp.uint8)},
    jvp=constant,
    batch=leading_axes("spikes"),
    dtypes={"spikes": _SPIKES},
    mesh=ByTarget(spikes=("spikes",)),
)
count_p = Kernel(
    "record_count",
    _count_reference,
    structure=("groups",),
    operands=inputs("spikes"),
    outputs=lambda o, groups: {"counts": jax.ShapeDtypeStruct((*o.spikes.shape[:-1], len(groups)), jnp.int32)},
    jvp=constant,
    batch=leading_axes("spikes"),
    dtypes={"spikes": _SPIKES},
    mesh=ByTarget(spikes=("spikes",)),
    attributes=_groups,
)
append_p = Kernel(
    "record_append",
    _append_reference,
    operands=(*inputs("spikes"), *state("clock", "events")),
    jvp=constant,
    batch=leading_axes("spikes", "clock", "events"),
    dtypes={"spikes": _SPIKES},
    mesh=ByTarget(spikes=("spikes",)),
    scratch={"cuda": _tiles_and_clock},
)
