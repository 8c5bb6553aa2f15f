"""InputRing: the input ring buffer of a population, for synapses that have a delay each."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import environ
from .._errors import ShapeError
from .._flushed_state import BackendState, FlushedState, flushed
from .._module import Module
from .._state import DelayState
from .._trace import store, stored
from .._units import check_input, with_unit
from ..kernels._ring import collect
from ..transform import for_loop
from ._spike_queue import SpikeQueue

_RingState = flushed(DelayState)


class InputRing(Module):
    """What arrives in the coming steps at one state of a population, from all projections into it.

    `ring` has the axes (slots, ..., targets). The slot at `cursor` arrives next: the population collects it at the
    start of its step, which leaves the slot empty and moves the cursor on. Spikes through long rows stay in queues
    until they arrive; they are flushed into the ring when it is read, saved or assigned.
    """

    call_level = 1
    state_names = ("ring", "cursor")
    ring: FlushedState
    cursor: DelayState
    full: BackendState  # the number of steps in which the ring may hold something

    def __init__(self, size: Any, unit: Any):  # a unit of None is found when the ring is made
        super().__init__()
        self.in_size = self.out_size = size
        self.unit, self.slots = unit, 1
        self.queues: list[SpikeQueue] = []

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the ring, empty."""
        if "ring" in vars(self):
            self.ring.form = None  # what was under way is forgotten
        shape = (self.slots, *(() if batch_size is None else (batch_size,)), *(self.in_size or ()))
        self.ring = _RingState(with_unit(jnp.zeros(shape, environ.dftype()), self.present_unit))
        self.cursor = DelayState(jnp.zeros((), jnp.int32))
        self.full = BackendState(jnp.zeros((), jnp.int32), of=self.ring)
        for queue in self.queues:
            queue.is_on = False
            if batch_size is None:
                queue.begin(self.slots, self.ring)
        self.ring.form = self

    @property
    def present_unit(self) -> Any:
        """The unit of what arrives; a population with an `init_state` of its own may know it only then."""
        owner = self._owner[0]() if self._owner else None
        return owner.delta_unit if self.unit is None and owner is not None else self.unit

    def make_room(self, slots: int) -> None:
        """Have at least so many slots, from the next initialisation on."""
        self.slots = max(self.slots, slots)

    def put(
        self, connection: Any, spikes: Any, where: str, queue: SpikeQueue | None = None, weight: Any = None
    ) -> None:
        """Take in what spikes deliver, each synapse after its delay, by `weight` or else the weights of the connection.

        With a queue that is on, the spikes themselves are kept.
        """
        ring, cursor = stored(self.ring), self.cursor.value
        if ring.shape[0] != self.slots:
            raise ShapeError(
                f"{where}: {self.path} has {ring.shape[0]} slots, but delays need {self.slots}, since a projection was "
                "added. Call sl.nn.init_all_states(model) again."
            )
        batch = ring.shape[1 : ring.ndim - len(self.in_size or ())]
        check_input(jnp.empty(jnp.shape(spikes)[:-1]), batch, where)
        if queue is not None and queue.is_on:
            ring, full = queue.put(spikes, cursor, ring, stored(self.full))
        else:
            ring, full = connection.add_later(spikes, cursor, ring, weight), self._all_slots()
        store(self.ring, ring)
        store(self.full, full)

    def add_into(self, target: Any) -> Any:
        """`target` plus what arrives in this step."""
        cursor = self.cursor.value
        target = self._queued(cursor, target)
        unit = target.unit if isinstance(target, u.Quantity) else u.UNITLESS
        numbers, ring = u.get_mantissa(target), u.get_mantissa(stored(self.ring))
        numbers, ring = collect(cursor, stored(self.full), numbers, ring)
        store(self.ring, with_unit(ring, unit))
        store(self.full, jnp.maximum(stored(self.full) - 1, 0))
        self.cursor.value = (cursor + 1) % self.slots
        return with_unit(numbers, unit)

    def flush(self) -> None:
        """Deliver all queued spikes into the ring."""
        if not all(queue.is_empty for queue in self.queues):
            for_loop(self._flush_slot, jnp.arange(self.slots, dtype=jnp.int32))
            store(self.full, self._all_slots())

    def refresh(self) -> None:
        """The ring was assigned."""
        store(self.full, self._all_slots())

    def _all_slots(self) -> Any:
        return jnp.asarray(self.slots, jnp.int32)

    def _flush_slot(self, ahead: Any) -> None:
        ring = stored(self.ring)
        slot = (self.cursor.value + ahead) % self.slots
        unit = ring.unit if isinstance(ring, u.Quantity) else u.UNITLESS
        numbers = u.get_mantissa(ring)
        arrives = self._queued(slot, with_unit(jnp.zeros_like(numbers[0]), unit))
        store(self.ring, with_unit(numbers.at[slot].add(u.get_mantissa(arrives)), unit))

    def _queued(self, cursor: Any, target: Any) -> Any:
        for queue in self.queues:
            if queue.is_on:
                target = queue.add_into(cursor, target)
        return target
