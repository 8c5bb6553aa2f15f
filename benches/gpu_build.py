"""gpu_build SCALE: seconds until PD14 of this scale is built on the default device, and the memory of the device."""

import sys
import time

import brainunit as u
import jax
import spikeloop as sl

ROUNDS = 3


def main(scale: float) -> None:
    """Print one line: the first time, which compiles, the best of the others, and bytes."""
    sl.environ.set(dt=0.1 * u.ms)
    seconds = [_seconds(scale) for _ in range(1 + ROUNDS)]
    device = jax.devices()[0]
    memory = device.memory_stats() or {}
    peak = f", at most {memory['peak_bytes_in_use'] / 1e9:.2f} GB" if "peak_bytes_in_use" in memory else ""
    print(f"PD14 {scale:g}: built in {seconds[0]:.3f} s, then {min(seconds[1:]):.3f} s{peak}, {device.device_kind}")


def _seconds(scale: float) -> float:
    start = time.perf_counter()
    comm = sl.networks.PD14(scale).recurrent.comm
    jax.block_until_ready((comm.indices, comm.indptr, u.get_mantissa(comm.weight.value), comm.delay))
    return time.perf_counter() - start


main(float(sys.argv[1]))
