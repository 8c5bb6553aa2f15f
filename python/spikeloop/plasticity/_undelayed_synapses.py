"""UndelayedSynapses: changes of weights by spikes that reach all synapses of a neuron at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..connect import Connection
from ..kernels._plastic import Columns, Side, along_rows, down_columns, update_columns, update_rows


class UndelayedSynapses(NamedTuple):
    """The synapses of a connection, row after row, and where those of each target are found."""

    connection: Connection
    columns: Columns

    def put(self, post: Side, pre: Side) -> None:
        """Begin a step with these events; nothing is remembered."""

    def update_columns(self, post: Side, weight: Any) -> Any:
        """The weights after the events of targets."""
        return update_columns(post, self.columns, self.connection.indptr, weight)

    def update_rows(self, pre: Side, weight: Any) -> Any:
        """The weights after the events of sources."""
        return update_rows(pre, self.connection.indices, self.connection.indptr, weight)

    def down_columns(self, post: Side) -> tuple[Any, Any]:
        """For each synapse, the event of its target and its coefficient."""
        return down_columns(post.events, post.coefficient, self.columns, self.connection.indptr)

    def along_rows(self, pre: Side) -> tuple[Any, Any]:
        """For each synapse, the event of its source and its coefficient."""
        return along_rows(pre.events, pre.coefficient, self.connection.indices, self.connection.indptr)
