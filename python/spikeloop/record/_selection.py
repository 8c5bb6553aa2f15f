"""Which neurons of a population are recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

Chosen = slice | tuple[int, ...]


def selection(neurons: Any, size: int, where: str) -> np.ndarray:
    """`neurons=`, a slice, indices or truth values, checked: as indices."""
    if neurons is None:
        return np.arange(size)
    if isinstance(neurons, slice):
        if (neurons.stop or 0) > size or (neurons.start or 0) > size:
            raise IndexError(f"{where}: neurons {neurons.start}:{neurons.stop} of a population of {size}.")
        return np.arange(size)[neurons]
    chosen = np.atleast_1d(np.asarray(neurons))
    if chosen.dtype == bool and chosen.shape == (size,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and not np.issubdtype(chosen.dtype, np.integer)):
        raise TypeError(f"{where}: neurons must be a slice or a list of indices; given {neurons!r}.")
    wrong = chosen[(chosen < 0) | (chosen >= size)]
    if wrong.size:
        raise IndexError(f"{where}: neuron {wrong[0]} of a population of {size}; indices go from 0 to {size - 1}.")
    return chosen.astype(np.int64)


def compact(indices: np.ndarray) -> Chosen:
    """The indices as a slice where they lie evenly in ascending order, which costs no gathering."""
    if not indices.size:
        return slice(0, 0, 1)
    step = int(indices[1] - indices[0]) if indices.size > 1 else 1
    if step < 1 or (np.diff(indices) != step).any():
        return tuple(int(k) for k in indices)
    return slice(int(indices[0]), int(indices[-1]) + 1, step)


def indices_of(chosen: Chosen) -> np.ndarray:
    """The chosen neurons as indices."""
    if isinstance(chosen, slice):
        return np.arange(chosen.start, chosen.stop, chosen.step)
    return np.array(chosen, np.int64)


def listed_indices(chosen: Chosen, size: int) -> list[int] | None:
    """The chosen neurons for a description; None if these are all."""
    return None if chosen == slice(0, size, 1) else [int(k) for k in indices_of(chosen)]


def take(values: Any, chosen: Chosen) -> Any:
    """The chosen neurons of an array (..., n); no copy if these are all."""
    if isinstance(chosen, slice):
        whole = chosen == slice(0, values.shape[-1], 1)
        return values if whole else values[..., chosen]
    return values[..., np.array(chosen, np.int32)]


def shown(chosen: Chosen) -> str:
    """The chosen neurons in messages, such as [3200:4000], [0:100:2] or [1, 5]."""
    if isinstance(chosen, slice):
        return f"[{chosen.start}:{chosen.stop}{'' if chosen.step == 1 else f':{chosen.step}'}]"
    return f"[{', '.join(map(str, chosen[:3]))}{', ...' if len(chosen) > 3 else ''}]"
