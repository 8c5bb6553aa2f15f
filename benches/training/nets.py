"""The networks: sizes, input and first weights, the same numbers for every library.

All neurons do V ← (1 − 1/10) V + x, spike where V ≥ 1 and are set to 0; the readout does the same without spikes. The
loss is the cross-entropy of the mean of the readouts over time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

TAU = 10.0
DENSE = 1.0  # the density of input that is no spikes


@dataclass(frozen=True)
class Net:
    """A network and its input; `kind` is "linear", "recurrent" or "conv"."""

    name: str
    kind: str
    density: float
    steps: int = 250
    batch: int = 64
    n_in: int = 700
    hidden: int = 256
    classes: int = 20


NETS = (
    Net("linear, 2 % input spikes", "linear", 0.02),
    Net("linear, 10 % input spikes", "linear", 0.1),
    Net("linear, dense input", "linear", DENSE),
    Net("recurrent, 2 % input spikes", "recurrent", 0.02),
    Net("two convolutions, 28 × 28", "conv", 0.1, steps=50, batch=16, hidden=32, classes=10),
)


def arrays(net: Net) -> dict[str, Any]:
    """Input (time, batch, ...), labels and weights."""
    rng = np.random.default_rng(0)
    lead = net.steps, net.batch
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    if net.kind == "conv":
        x = (rng.random((*lead, 28, 28, 1)) < net.density).astype(np.float32)
        weights = {
            "conv1": draw(5, 5, 1, 16) * 0.25,
            "conv2": draw(5, 5, 16, net.hidden) * 0.05,
            "out": draw(7 * 7 * net.hidden, net.classes) * 0.02,
        }
    else:
        shape = *lead, net.n_in
        x = draw(*shape) if net.density == DENSE else (rng.random(shape) < net.density).astype(np.float32)
        scale = 0.35 / math.sqrt(net.n_in * net.density)
        weights = {"into": draw(net.n_in, net.hidden) * scale, "out": draw(net.hidden, net.classes) * 0.06}
        if net.kind == "recurrent":
            weights["recurrent"] = draw(net.hidden, net.hidden) * 0.05
    return {"x": x, "labels": rng.integers(0, net.classes, net.batch), **weights}
