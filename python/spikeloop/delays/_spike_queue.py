"""SpikeQueue: spikes under way through a connection whose synapses have a delay each, instead of what they deliver."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .. import environ
from .._flushed_state import BackendState, FlushedState
from .._jax import is_tracer
from .._module import Module
from .._trace import store, stored
from ..kernels._spike_queue import Queue


class SpikeQueue(Module):
    """The spikes of the last steps, whose synapses deliver as their delays pass; for States without a batch.

    Of the slots of an input ring buffer, `count` tells how many spikes were sent in the step of each; `sources` and
    `values`, (slots, sources), tell which. A flush delivers them into the ring.
    """

    call_level = 1
    count: BackendState
    sources: BackendState
    values: BackendState

    def __init__(self, projection: Any):
        super().__init__()
        self._of = _NotOwned(projection)
        self.is_on = False

    @property
    def connection(self) -> Any:
        """The connection that the spikes pass."""
        return self._of.projection.comm

    def begin(self, slots: int, ring: FlushedState) -> None:
        """Be empty, in front of this ring; with a batch there is no queue."""
        self.is_on = True
        shape = (slots, self.connection.n_pre)
        self.count = BackendState(jnp.zeros(slots, jnp.int32), of=ring)
        self.sources = BackendState(jnp.zeros(shape, jnp.uint32), of=ring)
        self.values = BackendState(jnp.zeros(shape, environ.dftype()), of=ring)

    @property
    def is_empty(self) -> bool:
        """Whether it is known that no spike is under way."""
        if not self.is_on:
            return True
        count = stored(self.count)
        return not is_tracer(count) and not count.any()

    def put(self, spikes: Any, cursor: Any, ring: Any, full: Any) -> tuple[Any, Any]:
        """(ring, full): queues the spikes; where they have derivatives, what they deliver goes into the ring."""
        ring, full, queue = self.connection.enqueue(spikes, cursor, ring, full, self._queue())
        self._store(queue)
        return ring, full

    def add_into(self, cursor: Any, target: Any) -> Any:
        """`target` plus what arrives in the step of the slot at the cursor."""
        queue, target = self.connection.deliver(cursor, self._queue(), target)
        self._store(queue)
        return target

    def _queue(self) -> Queue:
        return Queue(stored(self.count), stored(self.sources), stored(self.values))

    def _store(self, queue: Queue) -> None:
        for name, value in queue._asdict().items():
            store(getattr(self, name), value)


class _NotOwned:
    """A projection that the population does not own: its States keep the paths that they have as the projection's."""

    def __init__(self, projection: Any):
        self.projection = projection
