"""DelayedSynapses: changes of weights by spikes that take a time of its own to each synapse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._module import Module
from .._state import DelayState
from ..connect import Connection
from ..connect._rows import sources_of
from ..connect._spec import order
from ..delays._history import History
from ..kernels._eligibility import Elapsed
from ..kernels._plastic import Side
from ..kernels._plastic_lines import (
    Law,
    Lines,
    arriving,
    credit_arriving,
    credit_delayed,
    delayed,
    update_arriving,
    update_delayed,
)
from ._columns import checked_number


class DelayedSynapses(Module):
    """The synapses of a connection with a delay for each, which lies in the axon or in the dendrite.

    In the axon, spikes of sources take the delay to the synapse; in the dendrite, those of targets do. Of this side the
    events and coefficients of the last steps are kept; to the other one a synapse shows what they were a delay ago.
    """

    call_level = 3
    under_way: DelayState  # steps for which a spike of each source is on its way

    def __init__(self, connection: Connection, delay_in: str, dtype: Any, quiet: Callable[[], tuple[Any, Any]]):
        super().__init__()
        self.by_source, self.by_target = _lines(connection)
        self.in_axon = delay_in == "axon"
        n, longest = connection.n_pre if self.in_axon else connection.n_post, connection.longest_delay
        self.events = History(n, longest, dtype, lambda: quiet()[0])
        self.coefficients = History(n, longest, dtype, lambda: quiet()[1])

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Forget the spikes under way."""
        self.under_way = DelayState(jnp.zeros(self.events.n, jnp.int32))

    def put(self, post: Side, pre: Side) -> None:
        """Begin a step with these events, and with the coefficients of the other side."""
        events, coefficients = (pre.events, post.coefficient) if self.in_axon else (post.events, pre.coefficient)
        self.events.put(events)
        self.coefficients.put(coefficients)

    def update_columns(self, post: Side, weight: Any) -> Any:
        """The weights after the events of targets that reach them now."""
        return self._update(post, self.by_target, self.in_axon, weight)

    def update_rows(self, pre: Side, weight: Any) -> Any:
        """The weights after the events of sources that reach them now."""
        return self._update(pre, self.by_source, not self.in_axon, weight)

    def down_columns(self, post: Side) -> tuple[Any, Any]:
        """For each synapse, the event of its target that reaches it now, and its coefficient."""
        return self._at_synapses(post, self.by_target, self.in_axon)

    def along_rows(self, pre: Side) -> tuple[Any, Any]:
        """For each synapse, the event of its source that reaches it now, and its coefficient."""
        return self._at_synapses(pre, self.by_source, not self.in_axon)

    def credit(self, post: Side, pre: Side, since: Elapsed, synapses: tuple[Any, Any]) -> tuple[Any, Any]:
        """(weight, eligibility) after all events that reach the synapses now add to the eligibility."""
        for side, lines, reaches_at_once in ((post, self.by_target, self.in_axon),
                                             (pre, self.by_source, not self.in_axon)):  # fmt: skip
            of_sources = lines is self.by_source
            if reaches_at_once:
                past, cursor = self._past(self.coefficients)
                synapses = credit_delayed(side.events, past.ring, cursor, since, lines, synapses, of_sources)
            else:
                past, cursor = self._past(self.events)
                synapses = credit_arriving(past, cursor, side.coefficient, since, lines, synapses, of_sources)
        return synapses

    def reached(self, spikes: Any) -> Any:
        """The sources of which a spike may reach a synapse now, given those that spike."""
        if not self.in_axon:
            return spikes != 0
        self.under_way.value = jnp.where(spikes != 0, self.events.slots, jnp.maximum(self.under_way.value - 1, 0))
        return self.under_way.value > 0

    def _update(self, side: Side, lines: Lines, reaches_at_once: bool, weight: Any) -> Any:
        law = Law(side.law, side.dependence)
        if reaches_at_once:
            past, cursor = self._past(self.coefficients)
            return update_delayed(side.events, past.ring, cursor, law, lines, weight)
        past, cursor = self._past(self.events)
        return update_arriving(past, cursor, side.coefficient, law, lines, weight)

    def _at_synapses(self, side: Side, lines: Lines, reaches_at_once: bool) -> tuple[Any, Any]:
        if reaches_at_once:
            past, cursor = self._past(self.coefficients)
            return delayed(side.events, past.ring, cursor, lines)
        past, cursor = self._past(self.events)
        return arriving(past.ring, cursor, side.coefficient, lines)

    @staticmethod
    def _past(values: History) -> tuple[Any, Any]:
        return values.values, values.cursor.value


def _lines(connection: Connection) -> tuple[Lines, Lines]:
    """The synapses of each source and of each target; both ascend by delay."""
    checked_number(connection)
    indices, indptr, delay = (np.asarray(x) for x in (connection.indices, connection.indptr, connection.delay))
    sources = sources_of(indices, indptr, connection.n_pre)
    ends, places = order(indices.astype(np.uint32), sources, delay, connection.n_post)
    short = np.uint16 if connection.n_pre <= 1 << 16 else np.uint32
    by_target = places.astype(np.uint32), sources[places].astype(short), ends, delay[places]
    by_source = Lines(jnp.zeros(0, jnp.uint32), connection.indices, connection.indptr, connection.delay)
    return by_source, Lines(*map(jnp.asarray, by_target))
