"""Connection: synapses stored as compressed rows, one row for each source neuron."""

from __future__ import annotations

from typing import Any

from ..kernels._event import Rows, scatter, scatter_ring
from ..kernels._ring import relay
from ._stored import Stored


class Connection(Stored):
    """Synapses from `n_pre` sources to `n_post` targets with event-driven propagation.

    `connection(spikes)`, or `spikes @ connection`, is the input of each target. Work grows with the number of spikes.
    Spikes may be bool, 0/1 or graded numbers, with any batch axes in front. Synapses with delays need a memory, and
    work in projections only.

    | attribute | meaning |
    |---|---|
    | `weight` | State with one weight for all synapses, or one for each in the order of `indices` |
    | `indices` | target of each synapse, row after row |
    | `indptr` | start of each row, `n_pre + 1` numbers; empty if all rows are equally long |
    | `delay` | None, or in steps of `dt`: one number for all synapses, or one for each in the order of `indices` |
    | `dt` | time step in ms that delays were counted in; None if they were given in steps |

    A row is stored ascending in delay, then in target; given otherwise, synapses are brought into this order together
    with their weights.
    """

    def add(self, spikes: Any, weight: Any, target: Any) -> Any:
        return scatter(spikes, weight, self.indices, self.indptr, target, self._rows)

    def add_oldest(self, spikes: Any, weight: Any, cursor: Any, past: Any, target: Any) -> tuple[Any, Any]:
        return relay(spikes, weight, self.indices, self.indptr, cursor, past, target, self._rows)

    def add_later(self, spikes: Any, weight: Any, cursor: Any, ring: Any) -> Any:
        return scatter_ring(spikes, weight, self.indices, self.indptr, self.delay, cursor, ring, self._rows)

    @property
    def _rows(self) -> Rows:
        return Rows(0, self.n_pre, sorted=True)
