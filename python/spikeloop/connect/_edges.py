"""Given synapses as a rule, and connections from compressed rows, lists and SciPy matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import numpy as np

from .._errors import ShapeError
from .._jax import is_tracer
from .._state import ParamState, State
from ._connection import Connection
from ._delays import steps_of
from ._pairs import Pairs
from ._positions import Positions
from ._rows import reaching, taken, weights_of
from ._rule import Rule
from ._spec import Synapses, order
from ._view import View


class Edges(Rule):
    """The given synapses: number k leads from `sources[k]` to `targets[k]`.

    `weight` and `delay` may hold one value for each, in this order; a pair may be given several times. The numbers
    count the neurons of a part from 0. The rest is as in `Rule`.

    >>> sl.connect.Edges([0, 0, 2], [1, 2, 0], [1.0, 2.0, 3.0] * u.nS)(3, 3).out_degree.tolist()
    [2, 0, 1]
    """

    is_drawn = False

    def __init__(
        self,
        sources: Any,
        targets: Any,
        weight: Any,
        *,
        delay: Any = None,
        positions: Positions | None = None,
        param_type: Callable[..., State] = ParamState,
    ):
        super().__init__(weight, delay=delay, positions=positions, param_type=param_type)
        self.sources, self.targets = _neurons(sources, "sources"), _neurons(targets, "targets")
        if self.sources.shape != self.targets.shape:
            raise ShapeError(f"Edges: {self.sources.size} sources but {self.targets.size} targets.")

    def build(self, source: View, target: View, targets: range | None = None) -> Synapses:
        n_pre, n_post, n = source.size, target.size, self.sources.size
        for name, given, size in (("sources", self.sources, n_pre), ("targets", self.targets, n_post)):
            if n and given.max() >= size:
                raise ValueError(f"Edges: {name} must lie in 0 … {size - 1}; given {given.max()}.")
        pairs = Pairs(source, target, n, lambda: (self.sources, self.targets))
        steps, dt = steps_of(self.delay, None, pairs, "Edges: delay", self.positions)
        weight = weights_of(self.weight, pairs, "Edges: weight", self.positions)
        indptr, places = order(self.sources, self.targets, steps if isinstance(steps, np.ndarray) else None, n_pre)
        indices = self.targets[places].astype(np.uint16 if n_post <= 1 << 16 else np.uint32)
        synapses = Synapses(indices, indptr, taken(weight, places), taken(steps, places), dt)
        return synapses if targets is None else reaching(synapses, n_pre, targets)

    def draws_ranges(self) -> bool:
        return False  # all are given

    def __repr__(self) -> str:
        return f"Edges({self.sources.size} synapses)"


def from_coo(weight: Any, sources: Any, targets: Any, shape: tuple[Any, Any], **options: Any) -> Connection:
    """The connection of the synapses from `sources[k]` to `targets[k]` between populations of `shape` (pre, post).

    `delay`, `positions` and `param_type` are as in `Edges`.
    """
    return Edges(sources, targets, weight, **options)(*shape)


def from_csr(weight: Any, indices: Any, indptr: Any, shape: tuple[Any, Any], **options: Any) -> Connection:
    """The connection of compressed rows, `indices[indptr[i]:indptr[i + 1]]` for source i.

    Options are as in `Connection`.
    """
    return Connection(indices, indptr, weight, *shape, **options)


def from_scipy(matrix: Any, *, unit: Any = u.UNITLESS, **options: Any) -> Connection:
    """The connection whose weights are the stored entries of a SciPy sparse matrix (sources, targets) in `unit`.

    Options are as in `Connection`.
    """
    if not hasattr(matrix, "tocsr") or len(getattr(matrix, "shape", ())) != 2:
        raise TypeError(f"from_scipy takes a sparse matrix of SciPy (sources, targets); given {type(matrix).__name__}.")
    rows = matrix.tocsr()
    weight = rows.data if unit == u.UNITLESS else u.Quantity(rows.data, unit=unit)
    return from_csr(weight, rows.indices, rows.indptr, rows.shape, **options)


def _neurons(given: Any, name: str) -> np.ndarray:
    if is_tracer(given):
        raise TypeError(f"Edges: {name} must be known before tracing, as arrays of NumPy are; given {given}.")
    array = np.asarray(given).reshape(-1)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"Edges: {name} must be whole numbers; given an array of {array.dtype}.")
    if array.size and (array.min() < 0 or array.max() > 1 << 31):
        raise ValueError(f"Edges: {name} must be numbers of neurons, 0 or more; given {array.min()} … {array.max()}.")
    return array.astype(np.uint32)
