"""Benchmark network with delta synapses, delays and Poisson input."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .. import connect, init
from ..inputs import poisson_input
from ..models import DeltaProj
from .balanced import Balanced


class Brunel(Balanced):
    """The sparsely connected network of Brunel (2000), model A, asynchronous irregular with g = 5 and η = 2.

    10,000 neurons with 1,000 sources each, 800 of them excitatory, unless `Balanced` is told otherwise. Spikes let V
    jump by J = 0.1 mV or −g J after 1.5 ms. Each neuron also has as many outer sources as excitatory ones within; their
    rate is η times that which brings a neuron to threshold.

    Brunel N (2000) J. Comput. Neurosci. 8:183.
    """

    neuron: ClassVar = {
        "V_rest": 0.0 * u.mV,
        "V_th": 20.0 * u.mV,
        "V_reset": 10.0 * u.mV,
        "tau": 20.0 * u.ms,
        "tau_ref": 2.0 * u.ms,
        "spk_reset": "hard",
    }
    J: ClassVar = 0.1 * u.mV
    g = 5.0
    eta = 2.0
    delay: ClassVar = 1.4 * u.ms  # and one step of 0.1 ms from the projection to the neuron
    start = init.Uniform(0.0 * u.mV, 20.0 * u.mV)
    expected_rate = (39.0, 47.0)
    default_size = 10_000
    default_out_degree = 1_000
    least_out_degree = 2  # one excitatory source

    def __init__(self, size: int | None = None, *, out_degree: int | None = None, seed: int = 0):
        super().__init__(size, out_degree=out_degree, seed=seed)
        self.sources = 4 * self.out_degree // 5
        self.rate = self.eta * self.neuron["V_th"] / (self.J * self.sources * self.neuron["tau"])

    def _projection(self, name: str, sources: int, seed: int) -> Any:
        weight = self.J if name == "E" else -self.g * self.J
        # The rate of a network whose in-degrees vary depends on how they fall, by 20%.
        rule = connect.FixedInDegree(sources * self.out_degree // self.size, weight, seed=seed)
        return DeltaProj(comm=rule, pre=sources, post=self.N, delay=self.delay, label=name)

    def step(self) -> Any:
        """External spikes and those of 1.5 ms ago arrive, then the neurons advance; returns their spikes."""
        poisson_input(self.rate, self.sources, self.J, self.N.V)
        return super().step()
