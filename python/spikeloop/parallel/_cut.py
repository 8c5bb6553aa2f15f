"""CutConnection: a connection whose synapses lie on the devices of their targets."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from .. import _mesh, environ
from .._flushed_state import flushed
from .._module import Module
from .._state import State
from .._weights import Weights
from ..connect import Connection
from ..kernels._event import Rows
from ..kernels._spike_queue import starts
from ._parts import Parts


class CutConnection(Connection):
    """A connection of which every device of a mesh has the synapses that lead to its own targets.

    It works inside of `sl.parallel.mesh()` with the devices that it was built for. What a whole connection could be
    asked about single synapses, it cannot say. `weight` is the State of the weights, or the kind of one to make.
    """

    def __init__(self, parts: Parts, in_size: Any, out_size: Any, weight: Any, name: str | None = None):
        Module.__init__(self, name)
        self.in_size, self.out_size, self.parts = in_size, out_size, parts
        self.dt, self.longest_delay, self.rows_ascend = parts.dt, parts.longest_delay, True
        self.is_one_to_one = False  # which kernels for whole populations would make use of
        if parts.has_own_weights or not isinstance(weight, State):
            kind = weight.kind if isinstance(weight, Weights) else weight
            weight = flushed(kind, Weights)(jax.tree.map(lambda x: jnp.asarray(x, environ.dftype()), parts.weight))
            weight.of_synapses = parts if parts.has_own_weights else None
        self.weight = weight

    @property
    def indices(self) -> Any:
        """The targets of the synapses of each device, counted from its first one."""
        return self._here().indices

    @property
    def indptr(self) -> Any:
        """Where the rows of each device begin."""
        return self._here().indptr

    @property
    def delay(self) -> Any:
        """None, one number of steps, or one for each synapse of each device."""
        return self._here().delay

    def _here(self) -> Parts:
        """The synapses, in the mesh that they were built in."""
        here = _mesh.current()
        if here is not None and here.devices == self.parts.devices:
            return self.parts
        raise RuntimeError(
            f"{self.path} was built in sl.parallel.mesh(), and its synapses lie on the {self.parts.shards} devices of "
            "their targets. Use it inside of `with sl.parallel.mesh():` with the same devices."
        )

    @property
    def _rows(self) -> Rows:
        return super()._rows._replace(shortest=self.parts.shortest_delay)

    @property
    def has_own_delays(self) -> bool:
        """Whether each synapse has a delay of its own."""
        return self.parts.has_own_delays

    @functools.cached_property
    def delay_starts(self) -> Any:
        """Where in each row of a device the synapses of each delay and block of targets begin."""
        parts = self.parts

        def of_shard(shard: int) -> np.ndarray:
            targets, delay = (parts.own(x, shard) for x in (parts.indices, parts.delay))
            given = jnp.asarray(targets.astype(np.uint32)), jnp.asarray(parts.starts(shard)), jnp.asarray(delay)
            rows = Rows(0, self.n_pre, sorted=True)
            return np.asarray(starts(*given, self.longest_delay, parts.size, rows)).astype(np.uint32)

        with jax.ensure_compile_time_eval():
            return parts.by_row(of_shard)

    def for_each(self, numbers: Any) -> Any:
        """One number, or one for each synapse, as an array that lies with the synapses."""
        assert isinstance(self.weight, Weights)
        self.weight.of_synapses = self.parts
        if numbers.size > 1:
            return numbers
        number = np.asarray(numbers).reshape(())
        return self.parts.of_each(lambda shard: number, number.dtype)

    @property
    def num_synapses(self) -> int:
        """Number of synapses on all devices."""
        return self.parts.total

    def _refuse(self, what: str) -> NoReturn:
        raise NotImplementedError(
            f"{self.path}.{what}: in sl.parallel.mesh() every device has the synapses of its own targets only. Build "
            "the connection outside of the mesh to look at its synapses."
        )

    @property
    def out_degree(self) -> np.ndarray:
        self._refuse("out_degree")

    @property
    def in_degree(self) -> np.ndarray:
        self._refuse("in_degree")

    def to_coo(self) -> Any:
        self._refuse("to_coo")

    def prune(self, below: Any) -> Any:
        self._refuse("prune")

    def transpose(self) -> Any:
        self._refuse("transpose")

    def to_scipy(self) -> Any:
        self._refuse("to_scipy")
