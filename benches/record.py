"""What recording costs: time in the COBA network, and memory in a long run. `python -m benches.record`.

The network runs without and with each recorder on one core, in turns, from the same States; the least time of the
repeats counts. The long run goes to disk, with its memory looked at while it runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benches.harness import cost, machine, report
from benches.harness.cost import Cost
from benches.scenes import DT_MS
from benches.worker import pin

NEURONS = 4_000
MB = 1e6


def coba(n: int) -> Any:
    """The network, settled."""
    sl, u = import_module("spikeloop"), import_module("brainunit")
    sl.random.seed(0)
    sl.environ.set(dt=DT_MS * u.ms)
    net = sl.nn.init_all_states(sl.networks.COBANetwork(n))
    sl.transform.for_loop(lambda: net.update(0.0 * u.ms).sum(), length=2_000)  # past the first volley
    return net


def loops(net: Any, steps: int) -> dict[str, Callable[[], Any]]:
    """A loop of the network alone, and one with each recorder."""
    sl, u = import_module("spikeloop"), import_module("brainunit")
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
    sl, jax, jnp = import_module("spikeloop"), import_module("jax"), import_module("jax.numpy")
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


def time_cost(steps: int, repeats: int) -> Iterator[Cost]:
    """Time of a step, and what each recorder adds."""
    sl, jnp = import_module("spikeloop"), import_module("jax.numpy")
    net = coba(NEURONS)
    best = least_times(net, loops(net, steps), repeats)
    alone = best.pop("without")
    yield Cost(f"COBA of {NEURONS:,}, without a recorder", alone / steps * 1e6, "µs")
    for name, seconds in best.items():
        yield Cost(f"{name}, added", (seconds - alone) / steps * 1e6, "µs")
        yield Cost(f"{name}, added", 100 * (seconds / alone - 1), "%", limit=5.0 if name == "Spikes" else None)
    row = sl.record.Spikes(net.N)(jnp.zeros(NEURONS))
    yield Cost(f"Spikes of {NEURONS:,} neurons in 10,000 steps", row.nbytes * 1e4 / MB, "MB", limit=5.0)


class Memory:
    """The resident memory of this process, looked at twice a second inside a `with` block."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen.append(pages * os.sysconf("SC_PAGE_SIZE") / MB)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        self._thread.join()

    def tenth(self, k: int) -> float:
        """The most in this tenth of the time."""
        edges = np.linspace(0, len(self.seen), 11).astype(int)
        return max(self.seen[edges[k] : max(edges[k + 1], edges[k] + 1)])


def memory_cost(steps: int, neurons: int) -> Iterator[Cost]:
    """Memory of a run of so many steps with three recorders, which is the same from its second tenth on."""
    sl, u = import_module("spikeloop"), import_module("brainunit")
    net = coba(neurons)
    record = {
        "spikes": sl.record.Spikes(net.N),
        "rate": sl.record.Rate(net.N, bin=1.0 * u.ms, groups=net.populations),
        "V": sl.record.States(net.N, "V", every=1.0 * u.ms, neurons=slice(0, 10)),
    }
    what = f"{steps:,} steps of {neurons} neurons"
    with tempfile.TemporaryDirectory() as folder, Memory() as memory:
        path, began = Path(folder) / "run.zarr", time.perf_counter()
        run = sl.record.run(net.update, steps * DT_MS * u.ms, record=record, path=path)
        seconds = time.perf_counter() - began
        disk = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if not (run.is_complete and len(run["V"]) == steps // 10):
            raise SystemExit("the long run is not complete")
    yield Cost(what, seconds / steps * 1e6, "µs")
    yield Cost(f"{what}, on disk", disk / MB, "MB")
    yield Cost(f"{what}, memory in the first tenth", memory.tenth(0), "MB")
    yield Cost(f"{what}, memory in the second tenth", memory.tenth(1), "MB")
    yield Cost(f"{what}, memory in the last tenth", memory.tenth(9), "MB", limit=1.05 * memory.tenth(1))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.record", description=__doc__)
    parser.add_argument("--check", action="store_true", help="as a test: few steps; times do not fail it")
    parser.add_argument("--long", action="store_true", help="also 10⁷ steps of 400 neurons, some minutes")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    args = parser.parse_args()
    pin(machine.cores(1))
    stamp = report.stamp()
    found = list(cost.shown(time_cost(2_000, 2 if args.check else args.repeats)))
    if args.long or args.check:
        found += cost.shown(memory_cost(100_000 if args.check else 10_000_000, 400))
    if args.out or not args.check:
        cost.save(found, stamp, args.out, "-recording")
    missed = [c for c in found if not c.holds and not (args.check and c.unit == "%")]
    print(f"{len(found) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
