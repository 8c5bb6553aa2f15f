"""PastValues: the values of the last steps, one for each neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from .. import environ
from .._state import DelayState
from ..connect import Connection
from ..connect._connectivity import join, plain_spikes, split
from ..kernels._history import History, deliver, record
from ..nn import Module


class PastValues(Module):
    """The values of `n` neurons in the present step and in the `longest` delay before it.

    `ring` has the axes (slots, neurons); the slot at `cursor` holds the present values, and each slot lists the
    `neurons`, `count` of them, in which they are not 0. `start` says the values of the time before the first step, by
    default 0.
    """

    call_level = 1
    state_names = ("ring", "count", "neurons", "cursor")
    ring: DelayState
    count: DelayState
    neurons: DelayState
    cursor: DelayState

    def __init__(self, n: int, longest: int, dtype: Any = None, start: Callable[[], Any] | None = None):
        super().__init__()
        self.n, self.slots, self.dtype = n, longest + 1, dtype
        self._start = start

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Forget all steps."""
        first = jnp.zeros(self.n) if self._start is None else jnp.broadcast_to(self._start(), self.n)
        first = first.astype(environ.dftype() if self.dtype is None else self.dtype)
        (found,) = jnp.nonzero(first, size=self.n)
        self.ring = DelayState(jnp.tile(first, (self.slots, 1)))
        self.count = DelayState(jnp.full(self.slots, jnp.count_nonzero(first), jnp.int32))
        self.neurons = DelayState(jnp.tile(found.astype(jnp.uint32), (self.slots, 1)))
        self.cursor = DelayState(jnp.zeros((), jnp.int32))

    @property
    def history(self) -> History:
        """The values and their lists."""
        return History(self.ring.value, self.count.value, self.neurons.value)

    def put(self, values: Any) -> None:
        """Begin a step with these values."""
        self.cursor.value = cursor = (self.cursor.value + 1) % self.slots
        self.ring.value, self.count.value, self.neurons.value = record(values, cursor, self.history)

    def deliver(self, connection: Connection, spikes: Any, present: Any, weight: Any) -> Any:
        """`present` plus what past and present spikes deliver now, by `weight` as it is now."""
        self.put(plain_spikes(spikes, self.n, connection.path))
        numbers, unit = split(present)
        history = self.history._replace(ring=self.ring.value.astype(numbers.dtype))
        synapses = connection.plain_weight(weight, numbers, unit), connection.indices, connection.indptr
        flat = deliver(history, self.cursor.value, *synapses, connection.delay, numbers.reshape(-1))
        return join(flat, present)
