"""Synapses between two populations."""

from __future__ import annotations

from typing import Any

from ..nn import Module


def connectivity(synapses: Any) -> dict[str, Any]:
    """The density of synapses over sources and targets, and histograms of degrees, weights and delays.

    `synapses` is connectivity, or a projection that has one. Returns {name: axes}.
    """
    found = synapses
    if not hasattr(found, "plot") and isinstance(synapses, Module):
        held = [v for v in vars(synapses).values() if hasattr(v, "conn") or hasattr(v, "plot")]
        found = next((getattr(v, "conn", v) for v in held), None)
    if not hasattr(found, "plot"):
        raise TypeError(
            f"plot.connectivity needs stored connectivity, or a projection with it; given {type(synapses).__name__}."
        )
    return found.plot()
