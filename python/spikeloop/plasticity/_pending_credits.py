"""PendingCredits: what spikes of targets add to eligibilities, pending until the rows of their sources are walked."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .._flushed_state import BackendState, FlushedState
from .._jax import is_tracer
from .._module import Module
from .._trace import store, stored
from ..kernels._plastic import ADDITIVE, Side
from ..kernels._plastic_learn import SLOTS, Delivery, Pending, Walked
from ..kernels._reinforce import Moment, reinforce
from ._pending_updates import RENEWED_AT

LEAST = 0.01  # part of an eligibility that is left; rows are then walked, so that no digits are lost


class PendingCredits(Module):
    """Credits of synapses from `shape` sources and targets, whose eligibility becomes `weight`: the form of a CPU.

    Weight and eligibility are up to date when the source spikes, and after a flush.
    """

    call_level = 3

    def __init__(self, shape: tuple[int, int], dtype: Any, weight: FlushedState):
        super().__init__()
        self.shape, self.dtype = shape, dtype
        self._weight = weight

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Begin without pending credits."""
        (n_pre, n_post), kind = self.shape, self.dtype
        self.listed = self._held(jnp.zeros((3, n_post, SLOTS), kind).at[0].set(jnp.inf))
        self.marks = self._held(jnp.zeros((2, n_pre), kind).at[0].set(1))
        self.slopes = self._held(jnp.zeros(n_pre, kind))
        self.moment = self._held(self._beginning())

    def _held(self, value: Any) -> BackendState:
        return BackendState(value, of=self._weight)

    def _beginning(self) -> Any:
        return jnp.asarray([1, 1, 0], self.dtype)

    @property
    def is_empty(self) -> bool:
        """Whether it is known that nothing is pending."""
        if "moment" not in vars(self):
            return True
        moment = stored(self.moment)
        return not is_tracer(moment) and float(moment[0]) == 1

    def credit(
        self, synapses: Any, moment: tuple[Any, Any, Any], arrived: Any, sides: tuple[Side, Side], both: Any,
        delivery: Delivery | None,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """(weights, eligibilities, targets) after a step that ends at the `moment`; `both` are the two before.

        `arrived` is not 0 for sources that spike, `sides` are those of targets and of sources.
        """
        (post, pre), now = sides, Moment(*(jnp.asarray(x, self.dtype) for x in moment))
        walked = Walked((arrived != 0) | (pre.events != 0), (now.clock < RENEWED_AT) | (now.left < LEAST))
        slopes = post.coefficient / now.clock
        store(self.slopes, slopes)
        store(self.moment, jnp.where(walked.all, self._beginning(), jnp.stack(now)))
        sides = post._replace(coefficient=slopes), pre
        return self._run(synapses, jnp.stack(now), walked, sides, both, delivery or self._no_delivery())

    def credited(self, synapses: Any, law: Any, both: Any) -> tuple[Any, Any]:
        """(weights, eligibilities) after all pending credits."""
        moment, slopes = stored(self.moment), stored(self.slopes)
        store(self.moment, self._beginning())
        nothing = of_sources, of_targets = self._no_delivery()
        sides = Side(of_targets, slopes, law, ADDITIVE), Side(of_sources, of_targets, law, ADDITIVE)
        return self._run(synapses, moment, Walked(of_sources != 0, True), sides, both, nothing)[:2]

    def _no_delivery(self) -> Delivery:
        return Delivery(*(jnp.zeros(n, self.dtype) for n in self.shape))

    def _run(
        self, synapses: Any, moment: Any, walked: Walked, sides: tuple[Side, Side], both: Any, delivery: Delivery
    ) -> tuple[Any, Any, Any]:
        pending = Pending(stored(self.listed), stored(self.marks))
        pending, target, *both = reinforce(*sides, moment, walked, synapses, pending, delivery, *both)
        store(self.listed, pending.listed)
        store(self.marks, pending.marks)
        return both[0], both[1], target
