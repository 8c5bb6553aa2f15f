"""What recording costs: the COBA network without and with each recorder, one thread, in alternation.

    python -m benches.record [--neurons N] [--steps N] [--repeats N]

Prints µs a step, the least of the repeats, and the share that recording adds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import spikeloop as sl


def loops(net: Any, steps: int) -> dict[str, Callable[[], Any]]:
    """A loop of the network alone, and one with each recorder."""
    recorders = {
        "without": lambda: None,
        "Spikes": sl.record.Spikes(net.N),
        "Rate": sl.record.Rate(net.N, groups=net.populations),
        "Events": sl.record.Events(net.N, 20 * steps),
        "States of 10": sl.record.States(net.N, "V", neurons=slice(0, 10)),
    }

    def loop(recorder: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            net.update(0.0 * u.ms)
            return recorder()

        return sl.transform.jit(lambda: (sl.transform.for_loop(step, length=steps), net.N.V.value))

    return {name: loop(recorder) for name, recorder in recorders.items()}


def least_times(net: Any, runs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of the fastest repeat of each, all from the same States."""
    start = {path: jax.tree.map(np.asarray, value) for path, value in sl.nn.save_states(net).items()}
    best = dict.fromkeys(runs, float("inf"))
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            sl.nn.load_states(net, {path: jax.tree.map(jnp.array, value) for path, value in start.items()})
            jax.block_until_ready(net.N.V.value)
            began = time.perf_counter()
            jax.block_until_ready(run())
            if repeat:  # the first one compiles
                best[name] = min(best[name], time.perf_counter() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=50)
    args = parser.parse_args()
    sl.set_num_threads(1)
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.networks.COBA(args.neurons))
    sl.transform.for_loop(lambda: net.update(0.0 * u.ms).sum(), length=2000)  # past the first volley
    best = least_times(net, loops(net, args.steps), args.repeats)
    for name, seconds in best.items():
        print(f"{name:<14} {seconds / args.steps * 1e6:8.2f} µs a step  {seconds / best['without'] - 1:+7.1%}")


if __name__ == "__main__":
    main()
