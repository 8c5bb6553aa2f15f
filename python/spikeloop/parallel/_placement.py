"""Where the arrays of a program lie, and the program as several devices run it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh as JaxMesh
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from .._jax import ClosedJaxpr, named_axis, run_jaxpr
from ._partition import Partition
from ._value import AXIS, Layout, Value, cut, part_size

# Arrays of synapses, of which every device has those of its own targets.
_of_synapses: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def note_synapses(array: Any) -> Any:
    """Remember that the parts of this array are no whole; returns it."""
    _of_synapses[id(array)] = array
    return array


def are_synapses(array: Any) -> bool:
    """Whether the parts of this array are no whole."""
    return _of_synapses.get(id(array)) is array


@dataclass(frozen=True)
class Placed:
    """How devices share the inputs of a program: the layout of each, or None if all have all of it."""

    devices: JaxMesh
    layouts: tuple[Layout | None, ...]
    list_length: int | None = None
    of_batch: bool = False

    @property
    def shards(self) -> int:
        """The number of devices."""
        return self.devices.shape[AXIS]

    def place(self, arrays: Sequence[Any]) -> list[Any]:
        """The arrays, each on its devices."""
        shardings = [NamedSharding(self.devices, self._spec(layout)) for layout in self.layouts]
        return [*map(place, arrays, shardings)]

    def run(self, jaxpr: ClosedJaxpr, arrays: Sequence[Any]) -> list[Any]:
        """The results of the program."""
        local, layouts, _ = self.local(jaxpr, arrays)
        specs, outs = [*map(self._spec, self.layouts)], [*map(self._spec, layouts)]
        run = lambda *parts: run_jaxpr(local, parts)  # noqa: E731
        # What is whole is the same on all devices by construction.
        return jax.shard_map(run, mesh=self.devices, in_specs=(*specs,), out_specs=outs, check_vma=False)(*arrays)

    def local(self, jaxpr: ClosedJaxpr, arrays: Sequence[Any]) -> tuple[ClosedJaxpr, list[Layout | None], Partition]:
        """(the program of one device, the layouts of its results, what was found on the way)."""
        partition, layouts = Partition(self.shards, self.list_length, self.of_batch), []

        def run(*parts: Any) -> list[Any]:
            outs = partition.run(jaxpr.jaxpr, [*map(self._value, parts, self.layouts)])
            layouts[:] = [out.layout if self._is_even(out.layout) else None for out in outs]
            return [partition.in_layout(out, layout) for out, layout in zip(outs, layouts, strict=True)]

        with named_axis(AXIS, self.shards):
            return jax.make_jaxpr(run)(*map(self._part, arrays, self.layouts)), layouts, partition

    def _value(self, array: Any, layout: Layout | None) -> Value:
        """An input inside the program; devices cut what cannot be placed in equal parts."""
        uneven = layout is not None and not self._is_even(layout)
        return Value(cut(array, layout, self.shards) if layout is not None and uneven else array, layout)

    def _part(self, array: Any, layout: Layout | None) -> jax.ShapeDtypeStruct:
        shape = list(array.shape)
        if layout is not None and self._is_even(layout):
            shape[layout.axis] = part_size(layout.n, self.shards)
        return jax.ShapeDtypeStruct(tuple(shape), array.dtype)

    def _is_even(self, layout: Layout | None) -> bool:
        return layout is not None and layout.before == 1 and layout.n % self.shards == 0

    def _spec(self, layout: Layout | None) -> P:
        return P(*[None] * layout.axis, AXIS) if layout is not None and self._is_even(layout) else P()


def place(array: Any, sharding: NamedSharding) -> Any:
    """The array, which all processes have, on the devices of the sharding."""
    if isinstance(array, jax.Array):
        if array.sharding.is_equivalent_to(sharding, array.ndim):
            return array
        if not array.is_fully_addressable:
            return jax.jit(lambda x: x, out_shardings=sharding)(array)
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    known = np.asarray(array)
    return jax.make_array_from_callback(known.shape, sharding, lambda part: known[part])


def gather(value: Any) -> Any:
    """A value whose arrays lie on several devices as NumPy arrays, on every process; all processes must call this.

    >>> with sl.parallel.mesh():
    ...     net = sl.nn.init_all_states(sl.networks.COBANetwork(400))
    >>> sl.parallel.gather(net.N.V.value).shape
    (400,)
    """
    return jax.tree.map(_on_host, value)


def _on_host(array: Any) -> np.ndarray:
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        devices = array.sharding.mesh if isinstance(array.sharding, NamedSharding) else None
        if devices is None:
            raise ValueError(f"gather: the array lies on devices of other processes, as {array.sharding}.")
        array = place(array, NamedSharding(devices, P())).addressable_data(0)
    return np.asarray(array)
