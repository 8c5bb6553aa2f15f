"""Parts: the synapses of a connection, each on the device of its target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from .. import environ
from .._units import unit_of
from ..connect._rows import row_lengths, sources_of
from ..connect._spec import Synapses, order
from ._placement import gather, note_synapses
from ._processes import of_all
from ._value import AXIS, part_size

_SHORT = 1 << 16


class Parts:
    """The synapses of `n_pre` sources to `n_post` targets by the device of their targets.

    `build(lo, hi)` makes those that reach targets lo to hi − 1, counted from lo. A process calls it for its own devices
    alone, and keeps nothing but the arrays on them:

    | attribute | of each device | |
    |---|---|---|
    | `indices` | target of each synapse, counted from the first one of the device | filled up with zeros |
    | `indptr` | where the rows begin | |
    | `delay` | None, one number of steps, or one for each synapse | filled up with zeros |
    | `weight` | one for all, or one for each synapse | filled up with zeros |
    """

    def __init__(self, devices: Any, n_pre: int, n_post: int, build: Callable[[int, int], Synapses]):
        self.devices, self.shards = devices, devices.shape[AXIS]
        self.n_pre, self.size = n_pre, part_size(n_post, self.shards)
        here = [k for k, device in enumerate(devices.devices.flat) if device.process_index == jax.process_index()]
        own = {k: build(min(k * self.size, n_post), min((k + 1) * self.size, n_post)) for k in here}
        self._agree(own)
        dtype = np.uint16 if self.size <= _SHORT else np.uint32
        kind = np.int32 if self.longest < 1 << 31 else np.int64
        self.indptr = self.by_row(lambda shard: _starts(own[shard], n_pre).astype(kind))
        self.delay, self.weight = self._delays(own), self._weights(own)
        self.indices = self.of_each(lambda shard: own[shard].indices, dtype)

    def _agree(self, own: dict[int, Synapses]) -> None:
        """Learn from all processes how many synapses the devices have, and of which kind."""
        told = np.zeros((self.shards, 5), np.int64)
        for shard, synapses in own.items():
            told[shard] = _told(synapses)
        told = of_all(told.view(np.uint32)).view(np.int64).sum(0)  # JAX takes 32 bits
        self.numbers = told[:, 0]
        self.longest, self.total = int(self.numbers.max()), int(self.numbers.sum())
        self.longest_delay = int(told[:, 1].max())
        self.shortest_delay = int(told[told[:, 0] > 0, 4].min(initial=self.longest_delay))
        self.has_own_delays = bool((told[:, 2] > 1).any())
        self.has_own_weights = bool((told[:, 3] > 1).any() or (told[:, 3] == 1).all())
        self.dt = next((synapses.dt for synapses in own.values() if synapses.dt is not None), None)

    def _delays(self, own: dict[int, Synapses]) -> Any:
        if not self.has_own_delays:
            return next(iter(own.values())).delay
        dtype = np.uint8 if self.longest_delay < 1 << 8 else np.uint16
        return self.of_each(lambda shard: _each(own[shard].delay, own[shard]), dtype)

    def _weights(self, own: dict[int, Synapses]) -> Any:
        value = next(iter(own.values())).weight
        if not self.has_own_weights:
            return value
        numbers = self.of_each(lambda shard: _each(u.get_mantissa(own[shard].weight), own[shard]), environ.dftype())
        return u.Quantity(numbers, unit=unit_of(value)) if isinstance(value, u.Quantity) else numbers

    # --- the synapses of one device of this process ------------------------------------------------------------------

    def own(self, array: Any, shard: int) -> np.ndarray:
        """What an array holds for the synapses of a device."""
        found = {_shard_of(part.index, self.longest): part.data for part in array.addressable_shards}
        return np.asarray(found[shard])[: self.numbers[shard]] if self.numbers[shard] else np.zeros(0, array.dtype)

    def starts(self, shard: int) -> np.ndarray:
        """Where the rows of a device begin."""
        return {_shard_of(x.index, self.n_pre + 1): np.asarray(x.data) for x in self.indptr.addressable_shards}[shard]

    def columns(self, short: int) -> tuple[Any, Any, Any]:
        """(places, ends, sources) of the synapses of each target, as in `Columns`."""
        if self.n_pre > short:
            raise NotImplementedError(
                f"plasticity in sl.parallel.mesh() takes up to {short} sources for a projection; given {self.n_pre}."
            )

        def of_shard(shard: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            targets = self.own(self.indices, shard)
            sources = sources_of(targets, self.starts(shard), self.n_pre)
            ends, places = order(targets.astype(np.uint32), sources, None, self.size)
            return places.astype(np.uint32), ends, sources[places].astype(np.uint16)

        return (
            self.of_each(lambda shard: of_shard(shard)[0], np.uint32),
            self.by_row(lambda shard: of_shard(shard)[1]),
            self.of_each(lambda shard: of_shard(shard)[2], np.uint16),
        )

    # --- values of all synapses --------------------------------------------------------------------------------------

    def whole(self, array: np.ndarray) -> np.ndarray:
        """The values of all synapses in the order of the whole connection, from those of all devices."""
        return self._joined(array)[self._order()]

    def cut(self, array: np.ndarray) -> Any:
        """The values of all synapses, each on its device; all processes must call this."""
        joined = np.empty_like(array)
        joined[self._order()] = array
        ends = self.numbers.cumsum()
        return self.of_each(lambda shard: joined[ends[shard] - self.numbers[shard] : ends[shard]], array.dtype)

    def _joined(self, array: np.ndarray) -> np.ndarray:
        rows = zip(array.reshape(self.shards, self.longest), self.numbers, strict=True)
        return np.concatenate([row[:number] for row, number in rows])

    def _order(self) -> np.ndarray:
        """Which synapse, counted from device to device, stands at each place of the whole connection."""
        starts = gather(self.indptr).reshape(self.shards, self.n_pre + 1)
        sources = np.concatenate([np.repeat(np.arange(self.n_pre, dtype=np.uint32), np.diff(row)) for row in starts])
        if not self.has_own_delays:
            return np.argsort(sources, kind="stable")
        return np.lexsort((self._joined(gather(self.delay)), sources))

    # --- arrays ------------------------------------------------------------------------------------------------------

    def of_each(self, values: Callable[[int], np.ndarray], dtype: Any) -> Any:
        """An array with the values of the synapses of each device, filled up with zeros."""

        def block(shard: int) -> np.ndarray:
            filled = np.zeros(self.longest, dtype)
            filled[: self.numbers[shard]] = values(shard)
            return filled

        return self._array(block, self.longest)

    def by_row(self, block: Callable[[int], np.ndarray]) -> Any:
        """An array with as many numbers, or rows of them, for each device."""
        here = next(k for k, device in enumerate(self.devices.devices.flat) if device in self.devices.local_devices)
        return self._array(block, *block(here).shape)

    def _array(self, block: Callable[[int], np.ndarray], length: int, *rest: int) -> Any:
        shape, sharding = (self.shards * length, *rest), NamedSharding(self.devices, P(AXIS))
        made = jax.make_array_from_callback(shape, sharding, lambda part: block(_shard_of(part, length)))
        return note_synapses(made)


def _told(synapses: Synapses) -> tuple[int, int, int, int, int]:
    """(number, longest delay, delays, weights, shortest delay); 0 is one for all, 2 one for each, 1 may be either."""
    n, weight = synapses.indices.size, u.get_mantissa(synapses.weight)
    delay = np.asarray(0 if synapses.delay is None else synapses.delay)
    longest, shortest = int(np.max(delay, initial=0)), int(np.min(delay)) if delay.size else 0
    weights = 0 if np.ndim(weight) == 0 else 1 if np.size(weight) == n == 1 else 2 * (np.size(weight) == n)
    return n, longest, 2 * (synapses.delay is not None and np.ndim(synapses.delay) > 0), weights, shortest


def _shard_of(index: Any, length: int) -> int:
    return (index[0].start or 0) // max(length, 1)


def _starts(synapses: Synapses, n_pre: int) -> np.ndarray:
    return np.append(0, row_lengths(synapses.indices, synapses.indptr, n_pre).cumsum())


def _each(values: Any, synapses: Synapses) -> np.ndarray:
    """One value for each synapse; None stands for 0."""
    return np.broadcast_to(np.asarray(0 if values is None else values).reshape(-1), synapses.indices.shape)
