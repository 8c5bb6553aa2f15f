"""Events of targets that wait until the rows of their sources are walked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from .._jax import is_tracer
from .._state import HiddenState
from ..kernels._plastic import Side
from ..kernels._plastic_learn import SLOTS, Delivery, Pending, Walked, learn
from ..nn import Module

_RENEWED_AT = 1e-17  # single precision holds the square of it


class PendingEvents(Module):
    """What the synapses from sources to targets, `shape` of them, have yet to meet.

    A weight is up to date when its source spikes, and when somebody reads `connection.weight.value`. In exchange it
    comes from memory with its row, and not alone in a cache line for each event of its target.
    """

    call_level = 3

    def __init__(self, shape: tuple[int, int], dtype: Any, graded: bool, settle: Callable[[], None]):
        super().__init__()
        self.shape, self.dtype, self.graded, self._settle = shape, dtype, graded, settle

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Begin with nothing that waits."""
        (n_pre, n_post), kind = self.shape, self.dtype
        empty = jnp.zeros((2, n_post, SLOTS), kind).at[0].set(jnp.inf)
        self.listed, self.marks = HiddenState(empty), HiddenState(jnp.ones(n_pre, kind))
        self.slopes, self.clock = HiddenState(jnp.zeros(n_pre, kind)), HiddenState(jnp.ones((), kind))
        for state in (self.listed, self.marks, self.slopes, self.clock):
            state.before_access = self._settle

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing waits."""
        if "clock" not in vars(self):
            return True
        clock = self.clock.kept
        return not is_tracer(clock) and float(clock) == 1

    def learn(
        self, synapses: Any, decay: Any, arrived: Any, sides: tuple[Side, Side], weight: Any, delivery: Delivery | None
    ) -> tuple[Any, Any]:
        """(weights, targets) after a step in which coefficients of sources fell by the factor `decay`.

        `arrived` is not 0 for sources that spike, `sides` are those of targets and of sources.
        """
        (post, pre), clock = sides, self.clock.kept * jnp.asarray(decay, self.dtype)
        walked = Walked((arrived != 0) | (pre.events != 0), clock < _RENEWED_AT)
        self.slopes.kept = slopes = post.coefficient / clock
        self.clock.kept = jnp.where(walked.all, 1, clock)
        sides = post._replace(coefficient=slopes), pre
        return self._run(synapses, clock, walked, sides, weight, delivery or self._no_delivery())

    def settled(self, synapses: Any, law: Any, dependence: int, weight: Any) -> Any:
        """The weights after all that waited."""
        clock, slopes = self.clock.kept, self.slopes.kept
        self.clock.kept = jnp.ones_like(clock)
        nothing = of_sources, of_targets = self._no_delivery()
        sides = Side(of_targets, slopes, law, dependence), Side(of_sources, of_targets, law, dependence)
        return self._run(synapses, clock, Walked(of_sources != 0, True), sides, weight, nothing)[0]

    def _no_delivery(self) -> Delivery:
        return Delivery(*(jnp.zeros(n, self.dtype) for n in self.shape))

    def _run(
        self, synapses: Any, clock: Any, walked: Walked, sides: tuple[Side, Side], weight: Any, delivery: Delivery
    ) -> tuple[Any, Any]:
        pending = Pending(self.listed.kept, self.marks.kept)
        pending, target, weight = learn(*sides, clock, walked, synapses, pending, delivery, weight, graded=self.graded)
        self.listed.kept, self.marks.kept = pending
        return weight, target
