"""CutConnection: a connection whose synapses lie on the devices of their targets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from .. import _mesh
from .._flushed_state import flushed
from .._module import Module
from .._units import unit_of, with_unit
from .._weights import Weights
from ..connect import Connection
from ..connect._rows import sources_of
from ..connect._spec import order
from ..kernels._event import Rows
from ..kernels._spike_queue import starts
from ._placement import note_synapses
from ._value import AXIS, part_size

_SHORT = 1 << 16


class CutConnection(Connection):
    """The synapses of `connection`, of which every device of a mesh has those that lead to its own targets.

    It works inside of `sl.parallel.mesh()` with the devices that it was built for. What the whole connection could be
    asked about single synapses, it cannot say.
    """

    def __init__(self, connection: Connection, devices: Any):
        Module.__init__(self, connection._name)
        self.in_size, self.out_size = connection.in_size or (), connection.out_size or ()
        self.devices, self.dt, self.longest_delay = devices, connection.dt, connection.longest_delay
        self._total = connection.num_synapses
        parts = Parts(connection, devices)
        dtype = np.uint16 if parts.size <= _SHORT else np.uint32
        self._arrays = {
            "indices": parts.of_each(lambda shard: parts.targets(shard).astype(dtype), dtype),
            "indptr": parts.by_row(parts.indptr),
            "delay": connection.delay,
        }
        if parts.delay is not None:
            delay = parts.delay
            self._arrays["delay"] = parts.of_each(lambda shard: delay[parts.places(shard)], delay.dtype)
        self.weight = weight = self._weights(connection, parts)
        weight.of_synapses = parts if weight is not connection.weight else None
        self.rows_ascend, self.parts = True, parts

    @staticmethod
    def _weights(connection: Connection, parts: Parts) -> Weights:
        """One weight for all stays the same State; those of synapses lie with them."""
        value = connection.weight.value
        numbers = np.asarray(u.get_mantissa(value))
        if numbers.ndim == 0 or numbers.size == 1:
            assert isinstance(connection.weight, Weights)
            return connection.weight
        own = parts.of_each(lambda shard: numbers[parts.places(shard)], numbers.dtype)
        weight = flushed(connection.weight.kind, Weights)(with_unit(own, unit_of(value)))
        return weight

    @property
    def indices(self) -> Any:
        """The targets of the synapses of each device, counted from its first one."""
        return self._array("indices")

    @property
    def indptr(self) -> Any:
        """Where the rows of each device begin."""
        return self._array("indptr")

    @property
    def delay(self) -> Any:
        """None, one number of steps, or one for each synapse of each device."""
        return self._array("delay")

    def _array(self, name: str) -> Any:
        here = _mesh.current()
        if here is not None and here.devices == self.devices:
            return self._arrays[name]
        raise RuntimeError(
            f"{self.path} was built in sl.parallel.mesh(), and its synapses lie on the {self.devices.size} devices of "
            "their targets. Use it inside of `with sl.parallel.mesh():` with the same devices."
        )

    @property
    def has_own_delays(self) -> bool:
        """Whether each synapse has a delay of its own."""
        return self.parts.delay is not None

    @functools.cached_property
    def delay_starts(self) -> Any:
        """Where in each row of a device the synapses of each delay and block of targets begin."""
        parts, delay = self.parts, self.parts.delay
        assert delay is not None

        def of_shard(shard: int) -> np.ndarray:
            targets = parts.targets(shard).astype(np.uint32)
            given = jnp.asarray(targets), jnp.asarray(parts.indptr(shard)), jnp.asarray(delay[parts.places(shard)])
            return np.asarray(starts(*given, self.longest_delay, parts.size, Rows(0, self.n_pre, sorted=True))).ravel()

        with jax.ensure_compile_time_eval():
            return parts.by_row(lambda shard: of_shard(shard).astype(np.uint32))

    def for_each(self, numbers: Any) -> Any:
        """One number, or one for each synapse, as an array that lies with the synapses."""
        assert isinstance(self.weight, Weights)
        self.weight.of_synapses = self.parts
        if numbers.size > 1:
            return numbers
        number = np.asarray(numbers).reshape(-1)
        return self.parts.of_each(lambda shard: np.repeat(number, self.parts.places(shard).size), number.dtype)

    @property
    def num_synapses(self) -> int:
        """Number of synapses on all devices."""
        return self._total

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


class Parts:
    """The synapses of a connection by the device of their targets."""

    def __init__(self, connection: Connection, devices: Any):
        self.devices, self.shards = devices, devices.shape[AXIS]
        self.n_pre, self.size = connection.n_pre, part_size(connection.n_post, devices.shape[AXIS])
        self.indices = np.asarray(connection.indices).astype(np.int64)
        self.delay = None if np.ndim(connection.delay) == 0 else np.asarray(connection.delay)
        self.sources = sources_of(self.indices, np.asarray(connection.indptr), self.n_pre)
        self.shard_of = self.indices // self.size
        self.longest = int(np.bincount(self.shard_of, minlength=self.shards).max(initial=0))

    @functools.lru_cache(maxsize=64)  # noqa: B019  lives as long as the connection
    def places(self, shard: int) -> np.ndarray:
        """The synapses of a device, in the order of the rows."""
        return np.flatnonzero(self.shard_of == shard)

    def indptr(self, shard: int) -> np.ndarray:
        """Where the rows of a device begin."""
        counts = np.bincount(self.sources[self.places(shard)], minlength=self.n_pre)
        return np.append(0, counts.cumsum()).astype(np.int32 if self.longest < 1 << 31 else np.int64)

    def targets(self, shard: int) -> np.ndarray:
        """The targets of the synapses of a device, counted from its first one."""
        return self.indices[self.places(shard)] - shard * self.size

    def whole(self, array: np.ndarray) -> np.ndarray:
        """The values of all synapses in the order of the whole connection, from those of all devices."""
        found = np.empty(self.indices.size, array.dtype)
        for shard, own in enumerate(array.reshape(self.shards, -1)):
            places = self.places(shard)
            found[places] = own[: places.size]
        return found

    def cut(self, array: np.ndarray) -> Any:
        """The values of all synapses, each on its device."""
        return self.of_each(lambda shard: array[self.places(shard)], array.dtype)

    def columns(self, short: int) -> tuple[Any, Any, Any]:
        """(places, ends, sources) of the synapses of each target, as in `Columns`."""
        if self.n_pre > short:
            raise NotImplementedError(
                f"plasticity in sl.parallel.mesh() takes up to {short} sources for a projection; given {self.n_pre}."
            )

        def of_shard(shard: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            sources = self.sources[self.places(shard)]
            ends, places = order(self.targets(shard).astype(np.uint32), sources, None, self.size)
            return places.astype(np.uint32), ends, sources[places].astype(np.uint16)

        return (
            self.of_each(lambda shard: of_shard(shard)[0], np.uint32),
            self.by_row(lambda shard: of_shard(shard)[1]),
            self.of_each(lambda shard: of_shard(shard)[2], np.uint16),
        )

    def of_each(self, values: Callable[[int], np.ndarray], dtype: Any) -> Any:
        """An array with the values of the synapses of each device, filled up with zeros."""

        def block(shard: int) -> np.ndarray:
            own = values(shard)
            return np.concatenate([own, np.zeros(self.longest - own.size, dtype)])

        return self._array(block, self.longest)

    def by_row(self, block: Callable[[int], np.ndarray]) -> Any:
        """An array with as many numbers for each device."""
        return self._array(block, block(0).size)

    def _array(self, block: Callable[[int], np.ndarray], length: int) -> Any:
        sharding = NamedSharding(self.devices, P(AXIS))
        first = lambda part: (part[0].start or 0) // max(length, 1)  # noqa: E731
        made = jax.make_array_from_callback((self.shards * length,), sharding, lambda part: block(first(part)))
        return note_synapses(made)
