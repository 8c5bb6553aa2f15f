"""Weights: the State of the weights of a connection."""

from __future__ import annotations

from ._flushed_state import FlushedState


class Weights(FlushedState):
    """Weights, which a rule of plasticity may change; `learned_in` is the projection in which one does so by spikes."""

    learned_in: str | None = None
