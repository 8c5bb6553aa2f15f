"""The exchange of spikes between devices: lists of those that there are, and every neuron where lists do not do.

A device sends how many neurons of its own have spiked, and which. If one of them has sent more than a list has room
for, all send a bit for every neuron; if some spikes count more or less than one, the numbers themselves. What all send
is decided from what all have received, so that all decide alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..kernels._event import Rows
from ..kernels._spike_queue import enqueue_p
from ._value import AXIS

_SHORTEST = 16  # entries of a list
_NEURONS_PER_ENTRY = 256  # with steps of 0.1 ms, a list has room for 39 spikes of each neuron in a second
_OTHER = np.uint32(0xFFFFFFFF)  # in place of the number of spikes, if some count more or less than one


def list_length(neurons: int) -> int:
    """For how many spikes a list has room, of this many neurons times steps."""
    return max(_SHORTEST, neurons // _NEURONS_PER_ENTRY)


def exchange(spikes: Sequence[tuple[Any, int]], shards: int, length: int | None = None) -> list[Any]:
    """The spikes (steps, n) of all devices, for each pair of those (steps, neurons) of this device and n."""
    lengths = [min(list_length(rows.size) if length is None else length, rows.size) for rows, _ in spikes]
    own = [_message(rows, entries) for (rows, _), entries in zip(spikes, lengths, strict=True)]
    received = jax.lax.all_gather(jnp.concatenate(own), AXIS)
    parts = jnp.split(received, np.cumsum([1 + entries for entries in lengths])[:-1], axis=1)
    return [_read(rows, part, shards)[:, :n] for (rows, n), part in zip(spikes, parts, strict=True)]


def _message(rows: Any, length: int) -> Any:
    """How many spikes there are, and the first `length` of them."""
    count, listed = _listed(rows, length)
    plain = ((rows == 0) | (rows == 1)).all()
    return jnp.concatenate([jnp.where(plain, count, _OTHER)[None], listed])


def _read(rows: Any, received: Any, shards: int) -> Any:
    """The spikes of all, whose messages are `received`."""
    (steps, size), counts, lists = rows.shape, received[:, 0], received[:, 1:]
    choice = jnp.where((counts == _OTHER).any(), 2, (counts > lists.shape[1]).any().astype(jnp.int32))
    branches = [_from_lists, _from_bits, _from_numbers]
    return jax.lax.switch(choice, [lambda *o, f=f: f(*o, steps, size, shards) for f in branches], rows, counts, lists)


def _listed(rows: Any, length: int) -> tuple[Any, Any]:
    """(number of spikes, places of the first `length` of them in (steps × neurons))."""
    flat = rows.reshape(-1)
    flat = flat if flat.dtype in (jnp.float32, jnp.float64) else (flat != 0).astype(jnp.float32)
    none, nowhere = jnp.zeros(0, flat.dtype), jnp.zeros(0, jnp.uint32)
    _, _, count, places, _ = enqueue_p(
        spikes=flat, weight=none, indices=nowhere, indptr=jnp.zeros(0, jnp.int32), delay=jnp.zeros(0, jnp.uint8),
        cursor=jnp.zeros((), jnp.int32), ring=none, full=jnp.zeros((), jnp.int32), count=jnp.zeros(1, jnp.int32),
        sources=jnp.zeros((1, flat.size), jnp.uint32), values=jnp.zeros((1, flat.size), flat.dtype),
        rows=Rows(0, flat.size),
    )  # fmt: skip
    return count[0].astype(jnp.uint32), places[0, :length]


def _from_lists(rows: Any, counts: Any, lists: Any, steps: int, size: int, shards: int) -> Any:
    held = jnp.arange(lists.shape[1], dtype=jnp.uint32) < counts[:, None]
    shard = jnp.arange(shards, dtype=jnp.uint32)[:, None]
    place = lists // size * (size * shards) + shard * size + lists % size
    place = jnp.where(held, place, steps * size * shards)
    spikes = jnp.zeros(steps * size * shards, rows.dtype).at[place.reshape(-1)].set(1, mode="drop")
    return spikes.reshape(steps, shards * size)


def _from_bits(rows: Any, counts: Any, lists: Any, steps: int, size: int, shards: int) -> Any:
    del counts, lists
    bits = jax.lax.all_gather(jnp.packbits((rows != 0).reshape(-1), bitorder="little"), AXIS)
    spikes = jnp.unpackbits(bits, axis=1, count=steps * size, bitorder="little").reshape(shards, steps, size)
    return jnp.moveaxis(spikes, 0, 1).reshape(steps, shards * size).astype(rows.dtype)


def _from_numbers(rows: Any, counts: Any, lists: Any, steps: int, size: int, shards: int) -> Any:
    del counts, lists, steps, size, shards
    return jax.lax.all_gather(rows, AXIS, axis=1, tiled=True)
