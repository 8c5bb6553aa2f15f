"""Synapses between two populations."""

from __future__ import annotations

from typing import Any

from ..connect import Connection


def connectivity(synapses: Any) -> dict[str, Any]:
    """The density of synapses over sources and targets, and histograms of degrees, weights and delays.

    `synapses` is a connection that stores its synapses, or a projection with one. Returns {name: axes}.
    """
    found = getattr(synapses, "comm", synapses)
    found = getattr(found, "rows", found)  # of an event-driven layer
    if not isinstance(found, Connection):
        raise TypeError(
            "plot.connectivity needs a connection that stores its synapses, or a projection with one; "
            f"given {type(synapses).__name__}."
        )
    return found.plot()
