"""History: the values of the last steps, one for each neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .. import environ
from .._flushed_state import BackendState, FlushedState, flushed
from .._module import Module
from .._state import DelayState
from .._trace import store, stored
from ..kernels import _history as kernel

_RingState = flushed(DelayState)


class History(Module):
    """The values of `n` neurons in the present step and in the `longest` delay before it.

    `ring` has the axes (slots, neurons); the slot at `cursor` holds the present values. Kernels know of each slot the
    `neurons`, `count` of them, in which they are not 0. `start` says the values of the time before the first step, by
    default 0.
    """

    call_level = 1
    state_names = ("ring", "cursor")
    ring: FlushedState
    cursor: DelayState
    count: BackendState
    neurons: BackendState

    def __init__(self, n: int, longest: int, dtype: Any = None, start: Callable[[], Any] | None = None):
        super().__init__()
        self.n, self.slots, self.dtype = n, longest + 1, dtype
        self._start = start

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Forget all steps."""
        if "ring" in vars(self):
            self.ring.form = None
        first = jnp.zeros(self.n) if self._start is None else jnp.broadcast_to(self._start(), self.n)
        first = first.astype(environ.dftype() if self.dtype is None else self.dtype)
        self.ring = _RingState(jnp.tile(first, (self.slots, 1)))
        self.cursor = DelayState(jnp.zeros((), jnp.int32))
        count, neurons = _listed(stored(self.ring))
        self.count, self.neurons = BackendState(count, of=self.ring), BackendState(neurons, of=self.ring)
        self.ring.form = self

    def flush(self) -> None:
        """The ring is up to date at all times."""

    def refresh(self) -> None:
        """List the values that were assigned."""
        for state, value in zip((self.count, self.neurons), _listed(stored(self.ring)), strict=True):
            store(state, value)

    @property
    def values(self) -> kernel.History:
        """The values and their lists, as kernels take them."""
        return kernel.History(stored(self.ring), stored(self.count), stored(self.neurons))

    def put(self, values: Any) -> None:
        """Begin a step with these values."""
        self.cursor.value = cursor = (self.cursor.value + 1) % self.slots
        new = kernel.record(values, cursor, self.values)
        for state, value in zip((self.ring, self.count, self.neurons), new, strict=True):
            store(state, value)


def _listed(ring: Any) -> tuple[Any, Any]:
    """(how many values of each slot are not 0, and in which neurons)."""
    n = ring.shape[1]
    neurons = jax.vmap(lambda values: jnp.nonzero(values, size=n)[0])(ring)
    return jnp.count_nonzero(ring, axis=1).astype(jnp.int32), neurons.astype(jnp.uint32)
