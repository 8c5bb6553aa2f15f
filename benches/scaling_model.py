"""Weak scaling of a network cut by neuron, by a small model of one biological second.

    python -m benches.scaling_model [--neurons N] [--synapses K] [--rate HZ] ...

Every host keeps the same number of neurons and synapses, so the time of neurons and synapses stays; what grows is the
exchange of spikes: every host receives those of all. The time of a neuron and the latency between two processes were
measured on a shared machine; all other numbers are assumed. Give those of `sl.parallel.describe` and of the benchmarks
for a machine of yours. Nothing above two processes has run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

HOSTS = (1, 2, 4, 16, 64, 256, 1024, 4096)


@dataclass(frozen=True)
class Model:
    """What is assumed; times in seconds."""

    neurons: float = 1e5  # of a host
    synapses: float = 1e3  # of a neuron
    rate: float = 5.0  # Hz
    step: float = 1e-4  # biological time of a step
    interval: float = 1.5e-3  # biological time between two exchanges
    neuron_time: float = 0.3e-9  # of one neuron in one step: LIF, in native code
    event_time: float = 1.5e-9  # of one spike at one synapse
    row_time: float = 20e-9  # to find the row of a spike, which every host does for the spikes of all
    latency: float = 45e-6  # of an exchange between two hosts: Gloo on one machine
    bandwidth: float = 1e9  # bytes a second into a host
    bytes_per_spike: float = 4.0
    room: float = 4.0  # how many times as long as the mean a list is

    def times(self, hosts: int) -> dict[str, float]:
        """The parts of the time that a host takes for one biological second."""
        spikes = self.neurons * self.rate * hosts
        exchanges = 1 / self.interval if hosts > 1 else 0.0
        hops = max(hosts - 1, 1).bit_length()  # messages one after the other, if hosts form a tree
        received = spikes * self.bytes_per_spike * self.room if hosts > 1 else 0.0
        return {
            "neurons": self.neurons / self.step * self.neuron_time,
            "synapses": self.neurons * self.rate * self.synapses * self.event_time,
            "rows": spikes * self.row_time,
            "latency": exchanges * hops * self.latency,
            "bandwidth": received / self.bandwidth,
        }


def main() -> None:
    """Print the assumptions and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Model):
        parser.add_argument(f"--{field.name}", type=float, default=field.default)
    model = Model(**vars(parser.parse_args()))
    print("assumed:", ", ".join(f"{field.name} {getattr(model, field.name):g}" for field in fields(Model)))
    names = [*model.times(1)]
    print("hosts   neurons " + "".join(f"{name:>11}" for name in names) + "   real-time factor   efficiency")
    alone = sum(model.times(1).values())
    for hosts in HOSTS:
        times = model.times(hosts)
        whole = sum(times.values())
        cells = "".join(f"{times[name]:11.3f}" for name in names)
        print(f"{hosts:5} {model.neurons * hosts:9.1e} {cells} {whole:18.2f} {alone / whole:12.0%}")


if __name__ == "__main__":
    main()
