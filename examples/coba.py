"""A balanced network with conductance-based synapses, built by hand, run for a second, and drawn.

python examples/coba.py [--neurons 4000] [--seconds 1] [--out coba.png]
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax
import matplotlib.pyplot as plt
import numpy as np
import spikeloop as sl

DT = 0.1  # ms


class Network(sl.nn.Module):
    """80% excitatory and 20% inhibitory neurons with 80 random targets each (Brette et al. 2007, benchmark 1)."""

    def __init__(self, size: int):
        super().__init__()
        self.excitatory = 4 * size // 5
        self.N = sl.LIFRef(
            size,
            V_rest=-60.0 * u.mV,
            V_th=-50.0 * u.mV,
            V_reset=-60.0 * u.mV,
            R=100.0 * u.Mohm,
            tau=20.0 * u.ms,
            tau_ref=5.0 * u.ms,
            V_initializer=sl.init.Uniform(-60.0 * u.mV, -50.0 * u.mV),
        )
        self.E = self._projection(self.excitatory, 6.0 * u.nS, tau=5.0 * u.ms, E=0.0 * u.mV)
        self.I = self._projection(size - self.excitatory, 67.0 * u.nS, tau=10.0 * u.ms, E=-80.0 * u.mV)

    def _projection(self, sources: int, weight: Any, tau: Any, E: Any) -> sl.AlignPostProj:
        size = self.N.varshape[0]
        return sl.AlignPostProj(
            comm=sl.nn.EventFixedNumConn(sources, size, conn_num=80, conn_weight=weight, seed=sources),
            syn=sl.Expon.desc(size, tau=tau),
            out=sl.COBA.desc(E=E),
            post=self.N,
        )

    def update(self) -> Any:
        """One step; returns who fired."""
        spikes = self.N.get_spike()  # of the step before: every synapse has a delay of one step
        self.E(spikes[: self.excitatory])
        self.I(spikes[self.excitatory :])
        return self.N(0.2 * u.nA) > 0  # bool: a quarter of the memory


def simulate(neurons: int, seconds: float) -> np.ndarray:
    """Spikes of every neuron in every step."""
    sl.random.seed(0)
    net = sl.nn.init_all_states(Network(neurons))
    run = sl.transform.jit(lambda: sl.transform.for_loop(net, length=round(seconds * 1e3 / DT)))
    with sl.environ.context(dt=DT * u.ms):
        run.compile()
        began = time.perf_counter()
        spikes = jax.block_until_ready(run())
    print(f"{neurons} neurons, {seconds:g} s: {time.perf_counter() - began:.3f} s")
    return np.asarray(spikes)


def draw(spikes: np.ndarray, out: str) -> None:
    """A raster above the rate of the population in bins of 1 ms."""
    figure, (raster, rate) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, height_ratios=(3, 1), layout="constrained")
    step, neuron = spikes.nonzero()
    raster.plot(step * DT, neuron, "k.", markersize=1)
    raster.set_ylabel("neuron")
    per_bin = round(1 / DT)
    bins = spikes[: len(spikes) // per_bin * per_bin].reshape(-1, per_bin, spikes.shape[1])
    rate.plot(np.arange(len(bins)) + 0.5, bins.any(axis=1).mean(axis=1) * 1e3)
    rate.set_xlabel("time (ms)")
    rate.set_ylabel("rate (Hz)")
    figure.savefig(out, dpi=150)
    print(f"drawn into {out}")


def main(argv: Sequence[str] | None = None) -> float:
    """Run the example; returns the mean rate in Hz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", default="coba.png")
    args = parser.parse_args(argv)
    spikes = simulate(args.neurons, args.seconds)
    rate = spikes.sum() / args.neurons / args.seconds
    print(f"mean rate {rate:.1f} Hz")
    draw(spikes, args.out)
    return float(rate)


if __name__ == "__main__":
    main()
