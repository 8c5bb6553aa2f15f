"""Which neurons of a population are recorded."""

from __future__ import annotations

from typing import Any

import numpy as np


def selection(neurons: Any, size: int, where: str) -> slice | tuple[int, ...]:
    """`neurons=`, checked: a slice, or the indices."""
    if neurons is None:
        return slice(0, size, 1)
    if isinstance(neurons, slice):
        start, stop, step = neurons.indices(size)
        if (neurons.stop or 0) > size or (neurons.start or 0) > size:
            raise IndexError(f"{where}: neurons {neurons.start}:{neurons.stop} of a population of {size}.")
        return slice(start, max(start, stop), step) if step > 0 else tuple(range(start, stop, step))
    chosen = np.atleast_1d(np.asarray(neurons))
    if chosen.dtype == bool and chosen.shape == (size,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and not np.issubdtype(chosen.dtype, np.integer)):
        raise TypeError(f"{where}: neurons must be a slice or a list of indices; given {neurons!r}.")
    wrong = chosen[(chosen < 0) | (chosen >= size)]
    if wrong.size:
        raise IndexError(f"{where}: neuron {wrong[0]} of a population of {size}; indices go from 0 to {size - 1}.")
    return tuple(int(k) for k in chosen)


def shifted(chosen: slice | tuple[int, ...], first: int) -> slice | tuple[int, ...]:
    """The chosen ones of the neurons from `first` on."""
    if isinstance(chosen, slice):
        return slice(chosen.start + first, chosen.stop + first, chosen.step)
    return tuple(k + first for k in chosen)


def indices_of(chosen: slice | tuple[int, ...]) -> np.ndarray:
    """The chosen neurons as indices."""
    if isinstance(chosen, slice):
        return np.arange(chosen.start, chosen.stop, chosen.step)
    return np.array(chosen, np.int64)


def listed_indices(chosen: slice | tuple[int, ...], size: int) -> list[int] | None:
    """The chosen neurons for a description; None if these are all."""
    return None if chosen == slice(0, size, 1) else [int(k) for k in indices_of(chosen)]


def take(values: Any, chosen: slice | tuple[int, ...]) -> Any:
    """The chosen neurons of an array (..., n); no copy if these are all."""
    if isinstance(chosen, slice):
        whole = chosen == slice(0, values.shape[-1], 1)
        return values if whole else values[..., chosen]
    return values[..., np.array(chosen, np.int32)]
