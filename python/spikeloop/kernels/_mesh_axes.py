"""How a kernel runs on several devices, each of which has some of the targets and the synapses that lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STORED = ("weight", "indices", "indptr", "delay")  # what is stored of synapses


@dataclass(frozen=True)
class ByTarget:
    """Operands and results that are cut with the targets; all others are whole on every device.

    | field | says |
    |---|---|
    | `targets` | those with an axis of targets: {name: axis, counted from the end} |
    | `synapses` | those that every device has of its own synapses |
    | `spikes` | those that are spikes of all sources |
    | `sums` | results that are sums over targets |
    """

    targets: Mapping[str, int] = field(default_factory=dict)
    synapses: tuple[str, ...] = ()
    spikes: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()


@dataclass(frozen=True)
class ByNeuron:
    """Every device runs the kernel for its own neurons, and hands it the number of the first of them as `first`.

    `own` are the operands that are cut by neuron, on their last axis; the first of them is what the result replaces.
    """

    own: tuple[str, ...]
    first: str
