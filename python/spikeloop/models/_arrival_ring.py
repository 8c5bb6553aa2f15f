"""ArrivalRing: input on its way to a population, for synapses that have a delay each."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import environ
from .._errors import ShapeError
from .._state import DelayState
from ..connect import Connection, Connectivity
from ..kernels._ring import collect
from ..nn import Module
from ._form import check_input, with_unit
from ._waiting_spikes import WaitingSpikes


class ArrivalRing(Module):
    """What arrives in the coming steps at one state of a population, from all projections into it.

    `ring` has the axes (slots, ..., targets). The slot at `cursor` arrives next: the population collects it at the
    start of its step, which leaves the slot empty and moves the cursor on.
    """

    call_level = 1
    state_names = ("ring", "full", "cursor")
    ring: DelayState
    full: DelayState  # 0 as long as nothing has been put into the ring
    cursor: DelayState

    def __init__(self, size: Any, unit: Any):  # a unit of None is found when the ring is made
        super().__init__()
        self.in_size = self.out_size = size
        self.unit, self.slots = unit, 1
        self.waiting: list[WaitingSpikes] = []

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the ring, empty."""
        shape = (self.slots, *(() if batch_size is None else (batch_size,)), *(self.in_size or ()))
        self.ring = DelayState(with_unit(jnp.zeros(shape, environ.dftype()), self.present_unit))
        self.full = DelayState(jnp.zeros((), jnp.int32))
        self.cursor = DelayState(jnp.zeros((), jnp.int32))

    @property
    def present_unit(self) -> Any:
        """The unit of what arrives; a population with an `init_state` of its own may know it only then."""
        owner = self._owner[0]() if self._owner else None
        return owner.delta_unit if self.unit is None and owner is not None else self.unit

    def make_room(self, slots: int) -> None:
        """Have at least so many slots, from the next initialisation on."""
        self.slots = max(self.slots, slots)
        for spikes in self.waiting:
            spikes.slots = self.slots

    def receive(
        self, comm: Connectivity, spikes: Any, where: str, waiting: WaitingSpikes | None, weight: Any = None
    ) -> None:
        """Put what the spikes deliver where it arrives after the delay of each synapse, or the spikes into lists.

        They deliver by `weight`, or else by that of `comm`.
        """
        ring, cursor = self.ring.value, self.cursor.value
        if ring.shape[0] != self.slots:
            raise ShapeError(
                f"{where}: {self.path} has {ring.shape[0]} slots, but delays need {self.slots}, since a projection was "
                "added. Call sl.nn.init_all_states(model) again."
            )
        batch = ring.shape[1 : ring.ndim - len(self.in_size or ())]
        check_input(jnp.empty(jnp.shape(spikes)[:-1]), batch, where)
        if waiting is not None and waiting.is_on and isinstance(comm, Connection):
            new = comm.remember(spikes, cursor, ring, self.full.value, waiting.listed)
            self.ring.value, self.full.value, waiting.listed = new
        else:
            self.ring.value = comm.accumulate_later(spikes, cursor, ring, weight)
            self.full.value = jnp.ones((), jnp.int32)

    def collect(self, receiver: Any) -> None:
        """Let what arrives in this step be received."""
        cursor = self.cursor.value

        def take(present: Any) -> Any:
            for spikes in self.waiting:
                present = spikes.deliver(cursor, present)
            unit = present.unit if isinstance(present, u.Quantity) else u.UNITLESS
            numbers, ring = u.get_mantissa(present), u.get_mantissa(self.ring.value)
            numbers, ring = collect(cursor, self.full.value, numbers, ring)
            self.ring.value = with_unit(ring, unit)
            return with_unit(numbers, unit)

        receiver.receive(take)
        self.cursor.value = (cursor + 1) % self.slots


def arrival_ring(owner: Any, comm: Any, size: Any, unit: Any) -> ArrivalRing | None:
    """The ring of `owner`, a receptor or population, with room for the delays of `comm`; None if it has no own ones."""
    if not (isinstance(comm, Connectivity) and comm.has_own_delays):
        return None
    if owner.arrivals is None:
        owner.arrivals = ArrivalRing(size, unit)
    owner.arrivals.make_room(comm.longest_delay + 1)
    return owner.arrivals
