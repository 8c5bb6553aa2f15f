"""PendingCredits: what spikes of targets add to eligibilities, pending until the rows of their sources are walked."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .._trace import store, stored
from ..kernels._plastic import ADDITIVE, Side
from ..kernels._plastic_learn import Delivery, Walked
from ..kernels._reinforce import Moment, reinforce
from ._pending_events import RENEWED_AT, PendingEvents

LEAST = 0.01  # part of an eligibility that is left; rows are then walked, so that no digits are lost


class PendingCredits(PendingEvents):
    """Credits of synapses for spikes of targets; the eligibility that they add to becomes `weight`."""

    time = "moment"
    numbers = 3

    def _first_marks(self) -> Any:
        return jnp.zeros((2, self.shape[0]), self.dtype).at[0].set(1)

    def _beginning(self) -> Any:
        return jnp.asarray([1, 1, 0], self.dtype)

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
        moment = stored(self.moment)
        store(self.moment, self._beginning())
        sides, walked, nothing = self._nothing_new(law, ADDITIVE)
        return self._run(synapses, moment, walked, sides, both, nothing)[:2]

    def _run(
        self, synapses: Any, moment: Any, walked: Walked, sides: tuple[Side, Side], both: Any, delivery: Delivery
    ) -> tuple[Any, Any, Any]:
        pending, target, *both = reinforce(*sides, moment, walked, synapses, self._pending(), delivery, *both)
        self._store(pending)
        return both[0], both[1], target
