"""PendingEvents: events of targets that are pending until the rows of their sources are walked."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from .._flushed_state import BackendState, FlushedState
from .._jax import is_tracer
from .._module import Module
from .._trace import store, stored
from ..kernels._plastic import Side
from ..kernels._plastic_learn import SLOTS, Delivery, Pending, Walked

RENEWED_AT = 1e-17  # of the clock; single precision holds the square of it


class PendingEvents(Module):
    """What events of targets do to `weight`, of synapses from `shape` sources and targets: the form of a CPU.

    A weight is up to date when its source spikes, and after a flush. In exchange it comes from memory with its row, and
    not alone in a cache line for each spike of its target.
    """

    call_level = 3
    time: ClassVar[str]  # the State that tells how long something has been pending; its first number is the clock
    numbers: ClassVar[int]  # that are listed of an event

    def __init__(self, shape: tuple[int, int], dtype: Any, weight: FlushedState):
        super().__init__()
        self.shape, self.dtype, self._weight = shape, dtype, weight

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Begin with nothing pending."""
        (n_pre, n_post), kind = self.shape, self.dtype
        self.listed = self._held(jnp.zeros((self.numbers, n_post, SLOTS), kind).at[0].set(jnp.inf))
        self.marks = self._held(self._first_marks())
        self.slopes = self._held(jnp.zeros(n_pre, kind))
        setattr(self, self.time, self._held(self._beginning()))

    def _held(self, value: Any) -> BackendState:
        return BackendState(value, of=self._weight)

    def _first_marks(self) -> Any:
        """What sources have noted at the beginning."""
        raise NotImplementedError

    def _beginning(self) -> Any:
        """The time at which nothing is pending."""
        raise NotImplementedError

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is pending."""
        if self.time not in vars(self):
            return True
        time = stored(getattr(self, self.time))
        return not is_tracer(time) and float(time.reshape(-1)[0]) == 1

    def _nothing_new(self, law: Any, dependence: int) -> tuple[tuple[Side, Side], Walked, Delivery]:
        """A step without events, in which all rows are walked."""
        nothing = of_sources, of_targets = self._no_delivery()
        sides = Side(of_targets, stored(self.slopes), law, dependence), Side(of_sources, of_targets, law, dependence)
        return sides, Walked(of_sources != 0, True), nothing

    def _no_delivery(self) -> Delivery:
        return Delivery(*(jnp.zeros(n, self.dtype) for n in self.shape))

    def _pending(self) -> Pending:
        return Pending(stored(self.listed), stored(self.marks))

    def _store(self, pending: Pending) -> None:
        store(self.listed, pending.listed)
        store(self.marks, pending.marks)
