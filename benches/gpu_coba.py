"""gpu_coba N [reference]: microseconds a step of the COBA network with N neurons on the default device, and its rate.

`reference` runs the JAX references in place of the kernels for GPUs; synapses are built by native code all the same.
"""

import sys
import time

import brainunit as u
import jax
import spikeloop as sl
from spikeloop.kernels import _library

LENGTHS, ROUNDS = (1_000, 3_000), 5


def main(n: int, kernels: str = "native") -> None:
    """Print one line: the difference of two lengths, so that the costs of a call cancel."""
    if kernels == "reference":
        _library.targets.update(dict.fromkeys(_library.targets, ("cpu",)))
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(0)
    net = sl.nn.init_all_states(sl.networks.COBANetwork(n))
    runs = {steps: sl.transform.jit(lambda steps=steps: _spikes(net, steps)) for steps in LENGTHS}
    seconds, spikes = {}, 0.0
    for steps, run in runs.items():
        spikes = float(run())  # compiles
        seconds[steps] = min(_timed(run) for _ in range(ROUNDS))
    short, long = LENGTHS
    each = (seconds[long] - seconds[short]) / (long - short) * 1e6
    rate = spikes / n / (LENGTHS[-1] * 1e-4)
    where = f"{jax.devices()[0].device_kind}, {kernels}; CUDA: {sl.info()['cuda']}"
    print(f"COBA {n:>7,}: {each:8.2f} us/step, {rate:5.1f} Hz, {where}")


def _spikes(net: sl.nn.Module, steps: int) -> jax.Array:
    return sl.transform.for_loop(lambda: net.update().sum(), length=steps).sum()


def _timed(run) -> float:
    start = time.perf_counter()
    float(run())
    return time.perf_counter() - start


main(int(sys.argv[1]), *sys.argv[2:])
