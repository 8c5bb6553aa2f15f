"""Given synapses: checked, and brought into the order in which they are stored."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError
from .._state import State
from ._spec import Synapses, order

_LARGEST = 1 << 31  # neurons of a population


def given_rows(indices: Any, indptr: Any, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the types in which they are stored."""
    indices, indptr = np.asarray(indices).reshape(-1), np.asarray(indptr)
    _check_rows(indices, indptr, n_pre, n_post)
    indices = indices.astype(np.uint16 if n_post <= 1 << 16 else np.uint32)  # a copy, for others may write to theirs
    indptr = indptr.astype(np.int32 if indices.size < 1 << 31 else np.int64)
    return indices, indptr


def checked_weight(weight: Any, n: int) -> Any:
    """One weight, or one for each of `n` synapses; an initializer is called."""
    weight = weight((n,)) if callable(weight) and not isinstance(weight, State) else weight
    weight = weight.value if isinstance(weight, State) else weight
    weight = np.asarray(weight) if isinstance(weight, (list, tuple)) else weight
    shape = jnp.shape(weight)
    if int(np.prod(shape)) not in (1, n) or len(shape) > 2:
        raise ShapeError(f"Weights must be one number or one for each of the {n} synapses; given shape {shape}.")
    leaves, tree = jax.tree.flatten(weight)
    if not np.isrealobj(leaves[0]):
        raise TypeError(f"Weights must be real numbers; given {np.result_type(leaves[0])}.")
    if np.isnan(np.asarray(leaves[0])).any():
        raise ValueError("Weights hold NaN.")
    return tree.unflatten([np.array(leaf) if shape == () else np.array(leaf).reshape(-1) for leaf in leaves])


def sources_of(indices: np.ndarray, indptr: np.ndarray, n_pre: int) -> np.ndarray:
    """The source of each synapse."""
    return np.repeat(np.arange(n_pre, dtype=np.uint32), row_lengths(indices, indptr, n_pre))


def row_lengths(indices: Any, indptr: Any, n_pre: int) -> np.ndarray:
    """The number of synapses of each source."""
    if indptr.size == 0:
        return np.full(n_pre, indices.size // max(n_pre, 1))
    return np.diff(np.asarray(indptr)).astype(int)


def ordered(synapses: Synapses, n_pre: int) -> Synapses:
    """The synapses with every row ascending in delay, then in target."""
    indices, indptr, weight, delay, dt = synapses
    if ascend(indices, indptr, delay, n_pre):
        return synapses
    _, places = order(sources_of(indices, indptr, n_pre), indices, delay if np.ndim(delay) else None, n_pre)
    return Synapses(indices[places], indptr, taken(weight, places), taken(delay, places), dt)


def ascend(indices: np.ndarray, indptr: np.ndarray, delay: Any, n_pre: int) -> bool:
    """Whether every row ascends in delay, then in target."""
    key = indices.astype(np.int64)
    if np.ndim(delay):
        key += np.asarray(delay, np.int64) << 32
    falls = key[1:] < key[:-1]
    starts = np.cumsum(row_lengths(indices, indptr, n_pre))[:-1]
    falls[starts[(starts > 0) & (starts < indices.size)] - 1] = False
    return not falls.any()


def taken(values: Any, places: np.ndarray) -> Any:
    """The values of the synapses at these places; one value for all stays."""
    if values is None or np.ndim(getattr(values, "mantissa", values)) == 0:
        return values
    return jax.tree.map(lambda leaf: leaf if leaf.size == 1 else np.asarray(leaf)[places], values)


def _check_rows(indices: np.ndarray, indptr: np.ndarray, n_pre: int, n_post: int) -> None:
    for name, array in (("indices", indices), ("indptr", indptr)):
        if array.size and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must be whole numbers; given an array of {array.dtype}.")
    check_population(n_pre)
    check_population(n_post)
    if indices.size and (indices.min() < 0 or indices.max() >= n_post):
        raise ValueError(f"Indices must lie in 0 … {n_post - 1}; given {indices.min()} … {indices.max()}.")
    if indptr.size == 0:
        if indices.size % max(n_pre, 1):
            raise ValueError(f"Without indptr all rows are equally long, but {indices.size} synapses / {n_pre} rows.")
        return
    fits = indptr.shape == (n_pre + 1,) and indptr[0] == 0 and indptr[-1] == indices.size
    if not fits or (np.diff(indptr) < 0).any():
        raise ValueError(
            f"indptr must have {n_pre + 1} numbers that rise from 0 to the number of synapses {indices.size}; "
            f"given {indptr.shape} from {indptr[:1]} to {indptr[-1:]}."
        )


def check_population(n: int) -> None:
    """Refuse more neurons than indices can count."""
    if n > _LARGEST:
        raise ValueError(f"A population can have at most 2**31 neurons; given {n}.")
