"""Connection: synapses stored as compressed rows, one row for each source neuron."""

from __future__ import annotations

import functools
from typing import Any

import jax

from ..kernels._event import Rows, scatter, scatter_ring
from ..kernels._exact_sums import are_exact
from ..kernels._history import History
from ..kernels._history import deliver as deliver_past
from ..kernels._ring import relay
from ..kernels._spike_queue import Queue, deliver, enqueue, starts
from ._connectivity import join, split
from ._stored import Stored


class Connection(Stored):
    """Synapses from `n_pre` sources to `n_post` targets with event-driven propagation.

    `connection(spikes)`, or `spikes @ connection`, is the input of each target. Work grows with the number of spikes.
    Spikes may be bool, 0/1 or graded numbers, with any batch axes in front. Synapses with delays work in projections
    only, which store past spikes.

    | attribute | meaning |
    |---|---|
    | `weight` | State with one weight for all synapses, or one for each in the order of `indices` |
    | `indices` | target of each synapse, row after row |
    | `indptr` | start of each row, `n_pre + 1` numbers; empty if all rows are equally long |
    | `delay` | None, or in steps of `dt`: one number for all synapses, or one for each in the order of `indices` |
    | `dt` | time step in ms that delays were counted in; None if they were given in steps |

    A row is stored ascending in delay, then in target; given otherwise, synapses are brought into this order together
    with their weights.

    >>> synapses = sl.connect.Connection([1, 2, 0], [0, 2, 3], 1.0, 2, 3)  # 0 → 1, 0 → 2, 1 → 0
    >>> synapses(jnp.array([1.0, 0.0])).tolist()
    [0.0, 1.0, 1.0]
    """

    def _add(self, spikes: Any, weight: Any, target: Any) -> Any:
        if self.is_one_to_one:  # a product for each target takes less than a walk along rows of one synapse
            return target + weight * spikes.astype(target.dtype)
        return scatter(spikes, weight, self.indices, self.indptr, target, self._rows)

    def _add_oldest(self, spikes: Any, weight: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        return relay(spikes, weight, self.indices, self.indptr, cursor, past, target, self._rows)

    def _add_later(self, spikes: Any, weight: Any, cursor: Any, ring: Any) -> Any:
        return scatter_ring(spikes, weight, self.indices, self.indptr, self.delay, cursor, ring, self._rows)

    def enqueue(self, spikes: Any, cursor: Any, ring: Any, full: Any, queue: Queue) -> tuple[Any, Any, Queue]:
        """(ring, full, queue): `add_later`, or the spikes queued until `deliver`; `full` tells of the former.

        For spikes (n_pre,) without a batch, and synapses with a delay each.
        """
        numbers, unit = split(ring)
        spikes, weight = self._operands(spikes, self.weight.value, numbers, unit)
        synapses = weight, self.indices, self.indptr, self.delay
        flat = numbers.reshape(numbers.shape[0], self.n_post)
        flat, full, queue = enqueue(spikes, synapses, cursor, flat, full, queue, self._rows)
        return join(flat, ring), full, queue

    def deliver(self, cursor: Any, queue: Queue, target: Any) -> tuple[Queue, Any]:
        """(queue, target): `target` plus what queued spikes deliver in this step."""
        numbers, unit = split(target)
        synapses = self.plain_weight(self.weight.value, numbers, unit), self.indices, self.indptr, self.delay_starts
        queue, flat = deliver(synapses, cursor, queue, numbers.reshape(self.n_post), self._rows)
        return queue, join(flat, target)

    def add_past(self, history: History, cursor: Any, target: Any, weight: Any) -> Any:
        """`target` plus what spikes of the last steps deliver now, by `weight`; for synapses with a delay each."""
        numbers, unit = split(target)
        history = history._replace(ring=history.ring.astype(numbers.dtype))
        weight = self.plain_weight(weight, numbers, unit)
        flat = deliver_past(history, cursor, weight, self.indices, self.indptr, self.delay, numbers.reshape(-1))
        return join(flat, target)

    @functools.cached_property
    def delay_starts(self) -> Any:
        """Where in each row the synapses of each delay and block of targets begin."""
        if not self.rows_ascend:
            raise ValueError(
                f"{self.path}: its rows, which were assigned, do not ascend in delay and then in target. Build the "
                "connection again: Connection(...) brings rows into this order."
            )
        with jax.ensure_compile_time_eval():  # also within a trace the synapses are known
            return starts(self.indices, self.indptr, self.delay, self.longest_delay, self.n_post, self._rows)

    @property
    def _rows(self) -> Rows:
        return Rows(0, self.n_pre, sorted=self.rows_ascend, exact=are_exact())
