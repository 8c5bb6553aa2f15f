"""Brunel: delta synapses with a delay, Poisson input, 1,000 synapses a neuron (Brunel 2000, model A).

Every neuron has the same number of sources: where they vary, the rate depends on how they fall, from 38 to 47 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benches.scenes._spec import Scene, Size, Target


@dataclass(frozen=True)
class Brunel:
    """Times in ms, voltages in mV, rates in Hz."""

    tau: float = 20.0
    V_th: float = 20.0
    V_reset: float = 10.0
    t_ref: float = 2.0
    J: float = 0.1
    g: float = 5.0
    delay: float = 1.5
    excitatory_inputs: int = 800
    inhibitory_inputs: int = 200
    external_rate: float = 20_000.0

    def n_exc(self, n: int) -> int:
        return n * 4 // 5


PARAMS = Brunel()


def counting(network: Any) -> Any:
    """The class of one of the library's networks, its count of spikes under the harness's name."""

    class Net(network):
        @property
        def n_spk(self) -> Any:
            return self.count

    return Net


def network(api: Any, n: int, count: bool) -> Any:
    del count
    return counting(api.networks.Brunel)(n)


SCENE = Scene(
    name="brunel",
    sizes=(Size(10_000, 2_000, (40.0, 46.0)),),
    peers=("brian2_cpp", "nest", "genn_cpu"),
    network=network,
    targets=(Target(10_000, "best", min_ratio=3.0),),
)
