"""PendingUpdates: updates of weights by spikes of targets, pending until the rows of their sources are walked."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .._flushed_state import BackendState, FlushedState
from .._jax import is_tracer
from .._module import Module
from .._trace import store, stored
from ..kernels._plastic import Side
from ..kernels._plastic_learn import SLOTS, Delivery, Pending, Walked, learn

RENEWED_AT = 1e-17  # single precision holds the square of it


class PendingUpdates(Module):
    """The pending updates of `weight`, of synapses from `shape` sources and targets: the form of a CPU.

    A weight is up to date when its source spikes, and after a flush. In exchange it comes from memory with its row, and
    not alone in a cache line for each spike of its target.
    """

    call_level = 3

    def __init__(self, shape: tuple[int, int], dtype: Any, graded: bool, weight: FlushedState):
        super().__init__()
        self.shape, self.dtype, self.graded = shape, dtype, graded
        self._weight = weight

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Begin without pending updates."""
        (n_pre, n_post), kind = self.shape, self.dtype
        empty = jnp.zeros((2, n_post, SLOTS), kind).at[0].set(jnp.inf)
        self.listed, self.marks = self._held(empty), self._held(jnp.ones(n_pre, kind))
        self.slopes, self.clock = self._held(jnp.zeros(n_pre, kind)), self._held(jnp.ones((), kind))

    def _held(self, value: Any) -> BackendState:
        return BackendState(value, of=self._weight)

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is pending."""
        if "clock" not in vars(self):
            return True
        clock = stored(self.clock)
        return not is_tracer(clock) and float(clock) == 1

    def learn(
        self, synapses: Any, decay: Any, arrived: Any, sides: tuple[Side, Side], weight: Any, delivery: Delivery | None
    ) -> tuple[Any, Any]:
        """(weights, targets) after a step in which coefficients of sources fell by the factor `decay`.

        `arrived` is not 0 for sources that spike, `sides` are those of targets and of sources.
        """
        (post, pre), clock = sides, stored(self.clock) * jnp.asarray(decay, self.dtype)
        walked = Walked((arrived != 0) | (pre.events != 0), clock < RENEWED_AT)
        slopes = post.coefficient / clock
        store(self.slopes, slopes)
        store(self.clock, jnp.where(walked.all, 1, clock))
        sides = post._replace(coefficient=slopes), pre
        return self._run(synapses, clock, walked, sides, weight, delivery or self._no_delivery())

    def flushed(self, synapses: Any, law: Any, dependence: int, weight: Any) -> Any:
        """The weights after all pending updates."""
        clock, slopes = stored(self.clock), stored(self.slopes)
        store(self.clock, jnp.ones_like(clock))
        nothing = of_sources, of_targets = self._no_delivery()
        sides = Side(of_targets, slopes, law, dependence), Side(of_sources, of_targets, law, dependence)
        return self._run(synapses, clock, Walked(of_sources != 0, True), sides, weight, nothing)[0]

    def _no_delivery(self) -> Delivery:
        return Delivery(*(jnp.zeros(n, self.dtype) for n in self.shape))

    def _run(
        self, synapses: Any, clock: Any, walked: Walked, sides: tuple[Side, Side], weight: Any, delivery: Delivery
    ) -> tuple[Any, Any]:
        pending = Pending(stored(self.listed), stored(self.marks))
        pending, target, weight = learn(*sides, clock, walked, synapses, pending, delivery, weight, graded=self.graded)
        store(self.listed, pending.listed)
        store(self.marks, pending.marks)
        return weight, target
