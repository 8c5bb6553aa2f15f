"""`mesh`: the devices that a network runs on."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Sequence
from typing import Any, Self

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import Mesh as JaxMesh
from jax.sharding import PartitionSpec as P

from .. import _mesh
from .._by_part import Part, Place
from .._form import Form
from .._state import State
from .._trace import Short, stored
from ..connect import Connection, Procedural, Rule, View
from ..connect._rows import reaching
from ..connect._spec import Synapses
from ._columns import own_columns
from ._cut import CutConnection
from ._parts import Parts
from ._placement import Placed, are_synapses, gather, place
from ._processes import check_agreement, of_all
from ._value import AXIS, Layout


class Mesh:
    """Devices among which networks are cut by neuron; made by `mesh`, and entered by `with`."""

    of_batch = False

    def __init__(self, devices: JaxMesh, list_length: int | None):
        self.devices, self.list_length = devices, list_length
        self._cut: weakref.WeakKeyDictionary[Connection, CutConnection] = weakref.WeakKeyDictionary()

    @property
    def shards(self) -> int:
        """The number of devices."""
        return self.devices.size

    def __enter__(self) -> Self:
        self._outer = _mesh.enter(self if self.shards > 1 else None)
        return self

    def __exit__(self, *exc: object) -> None:
        _mesh.enter(self._outer)

    def __repr__(self) -> str:
        return f"mesh of {self.shards} devices on {jax.process_count()} processes"

    # --- what other parts of the library ask -------------------------------------------------------------------------

    def placement(
        self, arrays: Sequence[Any], states: Sequence[State], values: Sequence[Any], settings: Sequence[Any]
    ) -> Placed:
        """How devices share the inputs of a program: `arrays`, the values of its States, and settings."""
        layouts = [self._layout_of_array(x) for x in arrays]
        named = [(f"An array that the program takes, {Short(x)},", x) for x in arrays]
        for state, value in zip(states, values, strict=True):
            leaves = jax.tree.leaves(value)
            layouts += [self._layout_of_state(state, leaf) for leaf in leaves]
            named += [(state.path, leaf) for leaf in leaves]
        check_agreement(named)
        return Placed(self.devices, (*layouts, *[None] * len(settings)), self.list_length, self.of_batch)

    def cut(self, connection: Any) -> Any:
        """The connection whose synapses are where their targets are; other layers stay as they are."""
        if type(connection) is not Connection:
            return connection
        if connection not in self._cut:
            c = connection
            whole = Synapses(np.asarray(c.indices), np.asarray(c.indptr), c.weight.value, c.delay, c.dt)
            build = lambda lo, hi: reaching(whole, c.n_pre, range(lo, hi))  # noqa: E731
            parts = Parts(self.devices, c.n_pre, c.n_post, build)
            self._cut[c] = CutConnection(parts, c.in_size, c.out_size, c.weight, c._name)
        return self._cut[connection]

    def draw(self, rule: Rule, source: View, target: View) -> CutConnection | None:
        """The connection that a rule makes, of which every process draws the synapses of its own targets alone.

        None if the rule cannot do so.
        """
        if not rule.draws_ranges() or (np.diff(target.indices) < 0).any():
            if jax.process_count() > 1 and rule.is_drawn and not isinstance(rule, Procedural):
                warnings.warn(f"{rule!r}: every process draws all synapses, as these weights, delays or targets cannot "
                              "be drawn in parts.", stacklevel=5)  # fmt: skip
            return None
        seeded = rule.seeded()

        def build(lo: int, hi: int) -> Synapses:
            first, end = np.searchsorted(target.indices, (lo, hi)).tolist()
            found = jax.device_get(seeded.synapses(source, target, targets=(first, end)))
            return found._replace(indices=target.numbers(found.indices + np.uint32(first), np.uint32) - np.uint32(lo))

        parts = Parts(self.devices, source.size, math.prod(target.shape), build)
        if parts.total == 0:
            rule.warn_of_none(source, target)
        return CutConnection(parts, source.varshape, target.shape, rule.param_type)

    def split(self, array: Any, axis: int) -> Any:
        """A batch with its samples on `axis`, which all devices have."""
        del axis
        return array

    def read(self, state: State) -> Any:
        """The value of a State, whole, as arrays of NumPy."""
        value, parts = gather(stored(state)), getattr(state, "of_synapses", None)
        return value if parts is None else jax.tree.map(parts.whole, value)

    def gather(self, value: Any) -> Any:
        """A value whose arrays lie on several devices, whole, as arrays of NumPy."""
        return gather(value)

    def wait(self) -> None:
        """Go on when all processes are here."""
        of_all(np.zeros(1, np.uint32))

    @property
    def writes(self) -> bool:
        """Whether it is this process that writes files."""
        return jax.process_index() == 0

    def maker(self, size: tuple[int, ...]) -> Place | None:
        """What makes arrays of a population of this size, each device its part; of uneven ones each makes all."""
        if not size or size[0] < self.shards or size[0] % self.shards:
            return None
        sharding, row = NamedSharding(self.devices, P(AXIS)), math.prod(size[1:])

        def place(shape: tuple[int, ...], part: Part) -> Any:
            if shape != size:
                return None
            own = lambda index: part(index[0].start * row, index[0].stop * row).reshape(-1, *size[1:])  # noqa: E731
            return jax.make_array_from_callback(shape, sharding, own)

        return place

    @property
    def processes(self) -> int:
        """The number of processes."""
        return jax.process_count()

    def columns(self, array: Any, width: int) -> list[tuple[int, np.ndarray]]:
        """Of an array (..., n) in pieces of this width, those that this process is to write, each with its place."""
        return own_columns(array, width)

    def cut_value(self, state: State, value: Any) -> Any:
        """A whole value as the State holds it."""
        parts = getattr(state, "of_synapses", None)
        return value if parts is None else jax.tree.map(lambda x: parts.cut(np.asarray(x)), value)

    def _layout_of_array(self, array: Any) -> Layout | None:
        sharding = getattr(array, "sharding", None)
        if not isinstance(sharding, NamedSharding) or sharding.mesh != self.devices or AXIS not in (*sharding.spec,):
            return None
        axis = sharding.spec.index(AXIS)
        return Layout(axis, array.shape[axis], are_synapses(array))

    def _layout_of_state(self, state: State, array: Any) -> Layout | None:
        if getattr(state, "of_synapses", False):
            return Layout(0, array.shape[0], of_synapses=True)
        found = self._layout_of_array(array)
        owner = state._owner[0]() if state._owner else None
        if found is not None or not isinstance(owner, Form) or not getattr(owner, "in_size", None):
            return found
        size, shape = owner.varshape, np.shape(array)
        if not shape or shape[len(shape) - len(size) :] != size:
            return None
        if size[0] < self.shards:
            raise ValueError(
                f"{owner.path} has {size[0]} neurons, fewer than the {self.shards} devices of sl.parallel.mesh(). Give "
                "the mesh fewer devices, sl.parallel.mesh(devices=jax.devices()[:1]), or make the population larger."
            )
        return Layout(len(shape) - len(size), size[0])


class BatchMesh(Mesh):
    """Devices among which batches are cut by sample; each has all neurons, synapses and parameters."""

    of_batch = True

    def draw(self, rule: Rule, source: View, target: View) -> None:
        """Nothing: connections are whole."""

    def maker(self, size: tuple[int, ...]) -> None:
        """Nothing: every device has all neurons."""

    def cut(self, connection: Any) -> Any:
        """The connection as it is."""
        return connection

    def split(self, array: Any, axis: int) -> Any:
        """A batch with its samples on `axis`, of which every device has its part."""
        n = np.shape(array)[axis]
        if n % self.shards:
            raise ValueError(
                f"A batch of {n} samples cannot be cut into equal parts for {self.shards} devices. Use a multiple of "
                f"{self.shards} samples."
            )
        return place(array, NamedSharding(self.devices, P(*[None] * axis, AXIS)))

    def _layout_of_state(self, state: State, array: Any) -> Layout | None:
        return self._layout_of_array(array)


def split(batch: Any, axis: int = 0) -> Any:
    """A batch, or a tree of several, whose samples on `axis` the devices of `mesh(("batch",))` share.

    Without such a mesh around, it stays as it is. The batches of `train.Batches` are split already.

    >>> with sl.parallel.mesh(("batch",)):
    ...     x = sl.parallel.split(jnp.ones((32, 64)))
    """
    here = _mesh.current()
    return batch if here is None else jax.tree.map(lambda x: here.split(x, axis), batch)


def mesh(
    axes: Sequence[str] = ("neurons",), *, devices: Sequence[Any] | None = None, list_length: int | None = None
) -> Mesh:
    """The devices that a network runs on together, for a `with` statement around its construction and its run.

    A population is cut into as many parts as there are devices, and the synapses lie with their targets; spikes and
    states are the same for any number of devices. With `("batch",)` it is the samples of a batch that devices share,
    in training: losses and gradients are those of one device to rounding. With one device nothing changes.

    | name | meaning | default |
    |---|---|---|
    | `axes` | what is cut: `("neurons",)`, or `("batch",)` for batches that are `split` | `("neurons",)` |
    | `devices` | the devices, of all processes | `jax.devices()` |
    | `list_length` | for how many spikes the list that a device sends has room; if there are more, all send one bit \
for each neuron | one for 256 neurons and steps |

    >>> with sl.parallel.mesh():
    ...     net = sl.nn.init_all_states(sl.networks.COBANetwork(400))
    ...     spikes = sl.transform.for_loop(net.update, length=100)
    >>> spikes.shape
    (100, 400)
    """
    if list_length is not None and (not hasattr(list_length, "__index__") or list_length < 1):
        raise ValueError(f"mesh: list_length must be a whole number, at least 1; given {list_length!r}.")
    if tuple(axes) not in (("neurons",), ("batch",)):
        raise ValueError(f'mesh: axes must be ("neurons",) or ("batch",); given {axes!r}.')
    kind = Mesh if tuple(axes) == ("neurons",) else BatchMesh
    found = list(jax.devices() if devices is None else devices)
    if not any(device.process_index == jax.process_index() for device in found):
        raise ValueError(f"mesh: none of the {len(found)} devices is one of process {jax.process_index()}.")
    return kind(JaxMesh(np.array(found), (AXIS,), axis_types=(AxisType.Auto,)), list_length)
