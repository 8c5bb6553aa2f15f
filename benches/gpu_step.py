"""gpu_step NET SIZE [reference]: microseconds a step of a network on the default device, and the rate of its neurons.

| NET | SIZE |
|---|---|
| `COBA`, `Brunel`, `BrunelSTDP` | neurons |
| `PD14` | scale, 1 for 77,169 neurons |

`reference` runs the JAX references in place of the kernels for GPUs; synapses are built by native code all the same.
"""

import sys
import time
from typing import Any

import brainunit as u
import jax
import numpy as np
import spikeloop as sl
from spikeloop.kernels import _library

LENGTHS, ROUNDS = (1_000, 3_000), 5
DT = 0.1  # ms
NETS = {
    "COBA": lambda size: sl.networks.COBANetwork(int(size)),
    "Brunel": lambda size: sl.networks.Brunel(int(size)),
    "BrunelSTDP": lambda size: sl.networks.BrunelSTDP(int(size)),
    "PD14": lambda size: sl.networks.PD14(float(size)),
}


def main(name: str, size: str, kernels: str = "native") -> None:
    """Print one line: the difference of two lengths, so that the costs of a call cancel."""
    if kernels == "reference":
        _library.targets.update(dict.fromkeys(_library.targets, ("cpu",)))
    sl.environ.set(dt=DT * u.ms)
    sl.random.seed(0)
    net = sl.nn.init_all_states(NETS[name](size))
    runs = {steps: sl.transform.jit(lambda steps=steps: _spikes(net, steps)) for steps in LENGTHS}
    seconds, found = {}, np.zeros(2)
    for steps, run in runs.items():
        found = np.asarray(run())  # compiles
        seconds[steps] = min(_timed(run) for _ in range(ROUNDS))
    short, long = LENGTHS
    each = (seconds[long] - seconds[short]) / (long - short)
    spikes, neurons = found
    dt, device = DT * 1e-3, jax.devices()[0]
    print(
        f"{name} {size}: {each * 1e6:.2f} us/step, real-time factor {each / dt:.4f}, {neurons:,.0f} neurons at "
        f"{spikes / neurons / (long * dt):.1f} Hz, {_peak(device)}{device.device_kind}, {kernels}"
    )


def _spikes(net: sl.nn.Module, steps: int) -> jax.Array:
    """(spikes of all steps, neurons)."""

    def step() -> jax.Array:
        spikes = net.update()
        return jax.numpy.stack([spikes.sum(), jax.numpy.float32(spikes.size)])

    found = sl.transform.for_loop(step, length=steps)
    return jax.numpy.stack([found[:, 0].sum(), found[0, 1]])


def _peak(device: Any) -> str:
    memory = device.memory_stats() or {}
    return f"at most {memory['peak_bytes_in_use'] / 1e9:.2f} GB, " if "peak_bytes_in_use" in memory else ""


def _timed(run) -> float:
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


main(*sys.argv[1:])
