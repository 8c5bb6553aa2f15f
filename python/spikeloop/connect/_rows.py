"""Given synapses: checked, and brought into the order in which they are stored."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._jax import is_tracer
from .._state import State
from ..random._units import attach, common_unit
from ._expression import expression
from ._pairs import Pairs
from ._positions import Positions
from ._spec import Synapses, order
from ._view import View

_LARGEST = 1 << 31  # neurons of a population


def given_rows(indices: Any, indptr: Any, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the types in which they are stored."""
    for name, array in (("indices", indices), ("indptr", indptr)):
        if is_tracer(array):
            raise TypeError(f"{name} must be known before tracing, as arrays of NumPy are; given {array}.")
    indices, indptr = np.asarray(indices).reshape(-1), np.asarray(indptr)
    _check_rows(indices, indptr, n_pre, n_post)
    indices = indices.astype(np.uint16 if n_post <= 1 << 16 else np.uint32)  # a copy, for others may write to theirs
    indptr = indptr.astype(np.int32 if indices.size < 1 << 31 else np.int64)
    return indices, indptr


def weights_of(weight: Any, pairs: Pairs, where: str, positions: Positions | None = None) -> Any:
    """One weight, or one for each synapse; an expression is evaluated, an initializer called."""
    weight = weight.value if isinstance(weight, State) else weight
    if (found := expression(weight, positions, where)) is not None:
        weight = pairs.values(found, known=False)
    elif callable(weight):
        weight = weight((pairs.n,))
    numbers, unit = split_weight(weight, where)
    return attach(pairs.kept(pairs.each(numbers, where)), unit)


def split_weight(weight: Any, where: str) -> tuple[Any, Any]:
    """(the numbers as an array, their unit), after a look at what is known of them."""
    if weight is None or isinstance(weight, (str, dict)):
        raise ValueError(
            f"{where} must be a number such as `0.5 * u.mV`, an array, an initializer or a function of d, i or j; "
            f"given {weight!r}."
        )
    if isinstance(weight, (list, tuple)) and any(isinstance(x, u.Quantity) for x in weight):
        unit, numbers = common_unit(where, **{f"[{k}]": x for k, x in enumerate(weight)})
    else:
        numbers, unit = (weight.mantissa, weight.unit) if isinstance(weight, u.Quantity) else (weight, u.UNITLESS)
    if is_tracer(numbers):
        return numbers, unit
    numbers = np.asarray(numbers)
    if not (jnp.issubdtype(numbers.dtype, jnp.number) or numbers.dtype == bool) or np.iscomplexobj(numbers):
        what = repr(weight) if numbers.dtype == object else f"numbers of {numbers.dtype}"
        raise TypeError(f"{where} must be real numbers; given {what}.")
    with np.errstate(over="ignore"):
        finite = np.isfinite(numbers.astype(environ.dftype(), copy=False))  # also once they are stored
    if not finite.all():
        wrong = numbers[~finite].reshape(-1)[0]
        name = "NaN" if np.isnan(wrong) else f"{wrong}, which is infinite in {np.dtype(environ.dftype())}"
        raise ValueError(f"{where} must be finite; given {name}.")
    return numbers, unit


def sources_of(indices: np.ndarray, indptr: np.ndarray, n_pre: int) -> np.ndarray:
    """The source of each synapse."""
    return np.repeat(np.arange(n_pre, dtype=np.uint32), row_lengths(indices, indptr, n_pre))


def pairs_of(indices: np.ndarray, indptr: np.ndarray, source: View, target: View, first: int = 0) -> Pairs:
    """The synapses of compressed rows, which count targets from the `first` on."""

    def listed() -> tuple[np.ndarray, np.ndarray]:
        targets = indices.astype(np.uint32) + np.uint32(first) if first else indices
        return sources_of(indices, indptr, source.size), targets

    return Pairs(source, target, indices.size, listed)


def row_lengths(indices: Any, indptr: Any, n_pre: int) -> np.ndarray:
    """The number of synapses of each source."""
    if indptr.size == 0:
        return np.full(n_pre, indices.size // max(n_pre, 1))
    return np.diff(np.asarray(indptr)).astype(int)


def rows_of(synapses: Synapses, chosen: np.ndarray) -> Synapses:
    """The synapses of the chosen sources; the rows of the others are empty."""
    indices, indptr, weight, delay, dt = synapses
    lengths = row_lengths(indices, indptr, chosen.size)
    places = np.repeat(chosen, lengths)
    starts = np.concatenate([[0], np.cumsum(np.where(chosen, lengths, 0))])
    starts = starts.astype(np.int32 if starts[-1] < 1 << 31 else np.int64)
    return Synapses(np.asarray(indices)[places], starts, taken(weight, places), taken(delay, places), dt)


def reaching(synapses: Synapses, n_pre: int, targets: range) -> Synapses:
    """The synapses that reach a range of targets, counted from its start."""
    indices, indptr, weight, delay, dt = synapses
    kept = (indices >= targets.start) & (indices < targets.stop)
    lengths = np.bincount(sources_of(indices, indptr, n_pre)[kept], minlength=n_pre)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    starts = starts.astype(np.int32 if starts[-1] < 1 << 31 else np.int64)
    local = indices[kept] - np.asarray(targets.start, indices.dtype)
    local = local.astype(np.uint16 if len(targets) <= 1 << 16 else np.uint32)
    return Synapses(local, starts, taken(weight, kept), taken(delay, kept), dt)


def check_range(targets: Any, size: int, where: str) -> range:
    """A range of targets from its ends (lo, hi)."""
    ends = list(targets) if isinstance(targets, (tuple, list)) else []
    if len(ends) != 2 or not all(hasattr(end, "__index__") for end in ends) or not 0 <= ends[0] <= ends[1] <= size:
        raise ValueError(f"{where} must be (lo, hi) with 0 ≤ lo ≤ hi ≤ {size}; given {targets!r}.")
    return range(*map(int, ends))


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
    known = lambda leaf: leaf if is_tracer(leaf) else np.asarray(leaf)  # noqa: E731
    return jax.tree.map(lambda leaf: leaf if leaf.size == 1 else known(leaf)[places], values)


def _check_rows(indices: np.ndarray, indptr: np.ndarray, n_pre: int, n_post: int) -> None:
    for name, array in (("indices", indices), ("indptr", indptr)):
        if array.size and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must be whole numbers; given an array of {array.dtype}.")
    check_population(n_pre, "source size")
    check_population(n_post, "target size")
    if indices.size and (indices.min() < 0 or indices.max() >= n_post):
        raise ValueError(f"Indices must lie in 0 … {n_post - 1}; given {indices.min()} … {indices.max()}.")
    if indptr.size == 0:
        if indices.size % max(n_pre, 1):
            raise ValueError(f"Without indptr all rows are equally long, but {indices.size} synapses / {n_pre} rows.")
        return
    fits = indptr.shape == (n_pre + 1,) and indptr[0] == 0 and indptr[-1] == indices.size
    if not fits or (indptr[1:] < indptr[:-1]).any():  # differences of unsigned numbers never are below 0
        raise ValueError(
            f"indptr must have {n_pre + 1} numbers that rise from 0 to the number of synapses {indices.size}; "
            f"given {indptr.shape} from {indptr[:1]} to {indptr[-1:]}."
        )


def check_population(n: int, where: str) -> None:
    """Refuse more neurons than indices can count."""
    if n > _LARGEST:
        raise ValueError(f"{where}: a population can have at most 2**31 neurons; given {n}.")
