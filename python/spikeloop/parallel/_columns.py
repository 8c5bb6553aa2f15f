"""Which columns of a record each process writes."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from ._placement import gather


def own_columns(array: Any, width: int) -> list[tuple[int, np.ndarray]]:
    """Of an array (..., n) in pieces of `width`, those that this process is to write, each with its place.

    Where every piece lies in some process, that one writes it, and nothing is sent. Else all processes get all pieces,
    and write them in turn. All processes must call this.
    """
    n, here = array.shape[-1], jax.process_index()
    pieces = [(first, min(first + width, n)) for first in range(0, n, width)]
    owners = [_owner(array, *piece) for piece in pieces]
    if None not in owners:
        return [(lo, _held(array, lo, hi)) for (lo, hi), owner in zip(pieces, owners, strict=True) if owner == here]
    whole = gather(array)
    return [(lo, whole[..., lo:hi]) for k, (lo, hi) in enumerate(pieces) if k % jax.process_count() == here]


def _owner(array: Any, lo: int, hi: int) -> int | None:
    """The one process whose devices have all of these columns, each a part of them."""
    if not isinstance(array, jax.Array) or array.is_fully_replicated:
        return None
    parts = array.sharding.devices_indices_map(array.shape)
    owners = {device.process_index for device, index in parts.items() if _overlap(index, lo, hi, array.shape)}
    by_column = all(i == slice(None) or (i.start or 0, i.stop) == (0, n) for index in parts.values()
                    for i, n in zip(index[:-1], array.shape[:-1], strict=True))  # fmt: skip
    return owners.pop() if by_column and len(owners) == 1 else None


def _overlap(index: tuple[slice, ...], lo: int, hi: int, shape: tuple[int, ...]) -> bool:
    start, stop, _ = index[-1].indices(shape[-1])
    return start < hi and stop > lo


def _held(array: Any, lo: int, hi: int) -> np.ndarray:
    """Columns that the devices of this process have."""
    found = np.empty((*array.shape[:-1], hi - lo), array.dtype)
    for part in array.addressable_shards:
        start, stop, _ = part.index[-1].indices(array.shape[-1])
        a, b = max(start, lo), min(stop, hi)
        if a < b:
            found[..., a - lo : b - lo] = np.asarray(part.data)[..., a - start : b - start]
    return found
