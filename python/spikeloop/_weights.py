"""Weights: the State of the weights of a connection."""

from __future__ import annotations

from typing import Any

from ._flushed_state import FlushedState


class Weights(FlushedState):
    """Weights, which a rule of plasticity may change; `learned_in` is the projection in which one does so by spikes.

    `of_synapses` tells on which devices of a mesh the weights lie, if there is one for each synapse.
    """

    learned_in: str | None = None
    of_synapses: Any = None
