"""PendingUpdates: updates of weights by spikes of targets, pending until the rows of their sources are walked."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .._flushed_state import FlushedState
from .._trace import store, stored
from ..kernels._plastic import Side
from ..kernels._plastic_learn import Delivery, Walked, learn
from ._pending_events import RENEWED_AT, PendingEvents


class PendingUpdates(PendingEvents):
    """Updates of `weight` by spikes of targets."""

    time = "clock"
    numbers = 2

    def __init__(self, shape: tuple[int, int], dtype: Any, graded: bool, weight: FlushedState):
        super().__init__(shape, dtype, weight)
        self.graded = graded

    def _first_marks(self) -> Any:
        return jnp.ones(self.shape[0], self.dtype)

    def _beginning(self) -> Any:
        return jnp.ones((), self.dtype)

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
        clock = stored(self.clock)
        store(self.clock, self._beginning())
        sides, walked, nothing = self._nothing_new(law, dependence)
        return self._run(synapses, clock, walked, sides, weight, nothing)[0]

    def _run(
        self, synapses: Any, clock: Any, walked: Walked, sides: tuple[Side, Side], weight: Any, delivery: Delivery
    ) -> tuple[Any, Any]:
        pending, target, weight = learn(
            *sides, clock, walked, synapses, self._pending(), delivery, weight, graded=self.graded
        )
        self._store(pending)
        return weight, target
