"""Stored: the synapses that a connection holds, and what can be asked of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import UnitError
from .._flushed_state import flushed
from .._jax import is_tracer
from .._module import Module
from .._state import ParamState, State
from .._weights import Weights
from ._connectivity import Connectivity
from ._delays import steps_of
from ._describe import Description, described
from ._plot import figure
from ._rows import ascend, given_rows, ordered, pairs_of, row_lengths, sources_of, taken, weights_of
from ._spec import Synapses, order
from ._view import View, as_view

_CHUNK = 1 << 22
PIECE = 16  # synapses of a row with the same delay, from which on walking them one delay after the other is faster


class Coo(NamedTuple):
    """Synapses one by one: their sources, targets, weights and delays in steps, the latter two one for all or each."""

    sources: np.ndarray
    targets: np.ndarray
    weight: Any
    delay: Any


class Stored(Connectivity):
    """Synapses as compressed rows, one row for each source neuron; base of `Connection`."""

    def __init__(
        self,
        indices: Any,
        indptr: Any,
        weight: Any,
        in_size: Any,
        out_size: Any,
        *,
        delay: Any = None,
        dt: Any = None,
        param_type: Callable[..., State] = ParamState,
        name: str | None = None,
    ):
        super().__init__(name)
        self.in_size, self.out_size = in_size, out_size
        indices, indptr = given_rows(indices, indptr, self.n_pre, self.n_post)
        where = type(self).__name__
        pairs = pairs_of(indices, indptr, as_view(in_size, where), as_view(out_size, where))
        steps, dt = steps_of(delay, dt, pairs, f"{where}: delay")
        synapses = Synapses(indices, indptr, weights_of(weight, pairs, f"{where}: weight"), steps, dt)
        self._keep(ordered(synapses, self.n_pre), param_type)

    @classmethod
    def of(
        cls,
        synapses: Synapses,
        in_size: Any,
        out_size: Any,
        *,
        param_type: Callable[..., State] = ParamState,
        name: str | None = None,
    ) -> Self:
        """The connection of synapses that are in order already, as a rule makes them."""
        self = object.__new__(cls)
        Module.__init__(self, name)
        self.in_size, self.out_size = in_size, out_size
        self._keep(synapses, param_type)
        return self

    def _keep(self, synapses: Synapses, param_type: Callable[..., State]) -> None:
        """Take over the arrays, which nobody may write to from now on."""
        indices, indptr, weight, delay, self.dt = synapses
        self.indices, self.indptr = _taken_over(indices), _taken_over(indptr)
        numbers = jax.tree.map(lambda leaf: _taken_over(leaf, environ.dftype()), weight)
        self.weight = flushed(param_type, Weights)(numbers)
        self.delay = delay if delay is None or isinstance(delay, int) else _taken_over(delay)
        with jax.ensure_compile_time_eval():
            self.longest_delay = 0 if delay is None else int(np.max(delay, initial=0))
        self.rows_ascend = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("indices", "indptr", "delay") and name in vars(self):
            self._forget(name, value)
        super().__setattr__(name, value)

    def _forget(self, name: str, value: Any) -> None:
        """Arrays are given anew: what was known of the old ones is not true of them."""
        if isinstance(self.weight, Weights) and self.weight.learned_in is not None:
            raise ValueError(
                f"{self.path}.{name} cannot change, as the weights learn in {self.weight.learned_in}, which knows "
                "where the synapses are. Build another connection and projection."
            )
        for known in ("rows_ascend", "is_one_to_one", "delay_starts"):
            vars(self).pop(known, None)
        if name == "delay" and not is_tracer(value):
            self.longest_delay = 0 if value is None else int(np.max(value, initial=0))

    @functools.cached_property
    def rows_ascend(self) -> bool:
        """Whether every row is known to ascend in delay, then in target, so that threads may share it."""
        arrays = self.indices, self.indptr, self.delay
        if any(map(is_tracer, arrays)):
            return False
        indices, indptr = map(np.asarray, arrays[:2])
        fits = indptr.size == 0 or (indptr.size == self.n_pre + 1 and indptr[-1] == indices.size)
        fits = fits and (indptr[:1] == 0).all() and (np.diff(indptr) >= 0).all()
        fits = fits and np.size(self.delay) in (1, indices.size)
        return bool(fits and ascend(indices, indptr, self.delay, self.n_pre))

    @functools.cached_property
    def is_one_to_one(self) -> bool:
        """Whether source i is known to reach target i and no other, for all i."""
        if not self.n_pre == self.n_post == self.indices.size or any(map(is_tracer, (self.indices, self.indptr))):
            return False
        starts = np.asarray(self.indptr)
        one_each = starts.size == 0 or np.array_equal(starts, np.arange(self.n_pre + 1))
        return bool(one_each and np.array_equal(self.indices, np.arange(self.n_pre)))

    def for_each(self, numbers: Any) -> Any:
        """One number, or one for each synapse, as an array with one for each."""
        return jnp.broadcast_to(numbers.reshape(-1), (self.num_synapses,)) + jnp.zeros((), numbers.dtype)

    @property
    def num_synapses(self) -> int:
        """Number of synapses."""
        return self.indices.size

    @property
    def out_degree(self) -> np.ndarray:
        """Number of synapses of each source."""
        return row_lengths(self.indices, self.indptr, self.n_pre)

    @property
    def in_degree(self) -> np.ndarray:
        """Number of synapses of each target."""
        indices, counts = np.asarray(self.indices), np.zeros(self.n_post, int)
        for start in range(0, indices.size, _CHUNK):  # bincount makes them eight bytes long
            counts += np.bincount(indices[start : start + _CHUNK], minlength=self.n_post)
        return counts

    @property
    def has_long_pieces(self) -> bool:
        """Whether many synapses of a row have the same delay: spikes are then queued, in place of what they deliver."""
        return self.has_own_delays and self.num_synapses >= PIECE * self.n_pre * (self.longest_delay + 1)

    def transpose(self) -> Self:
        """The connection with sources and targets exchanged; its weights are a State of their own."""
        edges = self.to_coo()
        sources, targets = edges.targets, edges.sources
        delay = edges.delay if np.ndim(edges.delay) else None
        indptr, places = order(sources, targets, delay, self.n_post)
        dtype = np.uint16 if self.n_pre <= 1 << 16 else np.uint32
        synapses = Synapses(
            targets[places].astype(dtype), indptr, taken(edges.weight, places), taken(edges.delay, places), self.dt
        )
        return type(self).of(synapses, self.out_size, self.in_size, param_type=type(self.weight))

    def into(self, targets: View, where: str, *, may_reorder: bool = False) -> Self:
        """The same synapses to these targets of a larger population; the weights are the same State.

        Targets that do not ascend change the order of the synapses, and so that of weights for each of them. Unless
        the weights `may_reorder`, into a State of their own, this is refused.
        """
        dtype = np.uint16 if math.prod(targets.shape) <= 1 << 16 else np.uint32
        indices = targets.numbers(self.indices, dtype)
        synapses = Synapses(indices, np.asarray(self.indptr), self.weight.value, self.delay, self.dt)
        falls = (np.diff(targets.indices) < 0).any()
        moved = falls and np.size(u.get_mantissa(synapses.weight)) > 1
        if moved and not may_reorder:
            raise ValueError(
                f"{where}: the neurons of the part must ascend for a connection with a weight for each synapse, which "
                "keeps the order of its rows. Sort them, or give a rule of sl.connect."
            )
        synapses = ordered(synapses, self.n_pre) if falls else synapses
        wide = type(self).of(synapses, self.in_size, targets.shape, param_type=type(self.weight))
        if not falls:
            wide.rows_ascend = self.rows_ascend
        if not moved:
            wide.weight = self.weight
        return wide

    def prune(self, below: Any) -> Self:
        """A new connection without the synapses whose |weight| is less than `below`, in the unit of the weights.

        The other synapses keep their weights and delays. The difference of `num_synapses` is the number removed.
        """
        weight = self.weight.value
        unit, given = (x.unit if isinstance(x, u.Quantity) else u.UNITLESS for x in (weight, below))
        if not given.has_same_dim(unit):
            raise UnitError(f"{self.path}.prune: below must be in the unit of the weights, {unit}; given {below}.")
        bound = below.to_decimal(unit) if isinstance(below, u.Quantity) else below
        if not np.ndim(bound) == 0 or not bound >= 0:
            raise ValueError(f"{self.path}.prune: below must be one number that is not negative; given {below}.")
        kept = np.broadcast_to(np.abs(np.asarray(u.get_mantissa(weight)).reshape(-1)) >= bound, self.num_synapses)
        edges = self.to_coo()
        lengths = np.bincount(edges.sources[kept], minlength=self.n_pre)
        places = np.nonzero(kept)[0]
        indptr = np.append(0, lengths.cumsum()).astype(np.int32 if len(places) < 1 << 31 else np.int64)
        delay = taken(edges.delay, places)
        synapses = Synapses(edges.targets[kept], indptr, taken(edges.weight, places), delay, self.dt)
        return type(self).of(synapses, self.in_size, self.out_size, param_type=type(self.weight))

    def to_coo(self) -> Coo:
        """The synapses one by one, row after row."""
        indices, indptr = np.asarray(self.indices), np.asarray(self.indptr)
        weight = jax.tree.map(np.asarray, self.weight.value)
        delay = self.delay if self.delay is None or isinstance(self.delay, int) else np.asarray(self.delay)
        return Coo(sources_of(indices, indptr, self.n_pre), indices, weight, delay)

    def to_scipy(self) -> Any:
        """The weights without their unit as a `scipy.sparse.csr_array` (sources, targets); needs SciPy."""
        try:
            from scipy.sparse import csr_array
        except ImportError as error:
            raise ImportError("to_scipy needs SciPy: pip install scipy.") from error
        weight = np.asarray(u.get_mantissa(self.weight.value))
        indptr = np.concatenate([[0], np.cumsum(self.out_degree)])
        data = np.broadcast_to(weight, (self.num_synapses,)).copy()
        return csr_array((data, np.asarray(self.indices), indptr), shape=(self.n_pre, self.n_post))

    def describe(self) -> Description:
        """A table of counts, degrees, weights, delays and memory."""
        return described(self)

    def plot(self) -> Any:
        """A figure of the matrix, the degrees, and of weights and delays that differ; returns {name: axes}."""
        return figure(self)


def _taken_over(values: Any, dtype: Any = None) -> jax.Array:
    """An array of JAX in the memory of a NumPy array where the device allows it: `jnp.asarray` would copy gigabytes."""
    with jax.ensure_compile_time_eval():  # also within a trace the synapses are known
        if isinstance(values, np.ndarray) and values.ndim:
            return jax.device_put(values if dtype is None else values.astype(dtype, copy=False))
        return jnp.asarray(values, dtype)
