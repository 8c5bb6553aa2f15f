"""WaitingSpikes: what a projection remembers if its rows are long and each synapse has a delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from .. import environ
from .._state import DelayState
from ..kernels._waiting import Listed
from ..nn import Module

if TYPE_CHECKING:
    from .projection import CommProjection


class WaitingSpikes(Module):
    """The spikes of the last steps, whose synapses deliver as their delays pass; for States without a batch.

    `count` tells how many spikes each of the slots holds, `sources` and `values`, (slots, sources), what they are. The
    slots are those of the ring of arrivals, which these spikes never enter.
    """

    call_level = 1
    state_names = ("count", "sources", "values")
    count: DelayState
    sources: DelayState
    values: DelayState

    def __init__(self, projection: CommProjection):
        super().__init__()
        self.slots, self.is_on = 1, True
        self._of = _Held(projection)

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the lists, empty; with a batch there are none."""
        self.is_on = batch_size is None
        if self.is_on:
            shape = (self.slots, self._of.projection.comm.n_pre)
            self.count = DelayState(jnp.zeros(self.slots, jnp.int32))
            self.sources = DelayState(jnp.zeros(shape, jnp.uint32))
            self.values = DelayState(jnp.zeros(shape, environ.dftype()))

    @property
    def listed(self) -> Listed:
        """The lists."""
        return Listed(self.count.value, self.sources.value, self.values.value)

    @listed.setter
    def listed(self, new: Listed) -> None:
        self.count.value, self.sources.value, self.values.value = new

    def deliver(self, cursor: Any, target: Any) -> Any:
        """`target` plus what arrives in this step."""
        if not self.is_on:
            return target
        self.listed, target = self._of.projection.comm.deliver(cursor, self.listed, target)
        return target


class _Held:
    """A projection that the population does not own: its States keep the paths that they have as the projection's."""

    def __init__(self, projection: CommProjection):
        self.projection = projection
