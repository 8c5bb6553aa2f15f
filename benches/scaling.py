"""How the cost of a step grows with the network, from 10⁴ to 4·10⁶ neurons. `python -m benches.scaling`.

Beside it stands the floor: the bytes that a step has to move, by the bandwidth of the memory that holds the States.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benches.harness import machine, report
from benches.scenes import DT_MS, SCENES
from benches.worker import pin

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 4_000_000)
OUT_DEGREE = 80
WORK = 4_000_000_000  # neuron steps of a timed run
SETTLED = 500  # steps before it
NEURON = 3 * 4 + 1  # bytes: the potential, two conductances, and steps left of the refractory period
EVENT = 4 + 2 * 4  # bytes: the index of the target is read, its conductance read and written
FIGURE = machine.ROOT / "docs" / "figures" / "scaling.png"


def bandwidth(size: int) -> float:
    """Bytes a second that one core reads and writes of an array of `size` bytes, from whichever memory holds it."""
    x = np.zeros(max(size // 4, 1), np.float32)
    turns, best = max(3, 50_000_000 // x.nbytes), float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(turns):
            np.add(x, 1.0, out=x)
        best = min(best, (time.perf_counter() - start) / turns)
    return 2 * x.nbytes / best


def floor(n: int, events: float) -> dict[str, float]:
    """The time of a step if it did nothing but move the bytes that it cannot do without, once from and to memory."""
    rate = bandwidth(NEURON * n)
    return {"floor_us": (2 * NEURON * n + EVENT * events) / rate * 1e6, "gb_per_s": rate / 1e9}


def measure(n: int, rounds: int, share: float) -> dict[str, object]:
    """The time of a step of COBA, and its synaptic events."""
    sl, jax, u = import_module("spikeloop"), import_module("jax"), import_module("brainunit")
    sl.random.seed(0)
    sl.environ.set(dt=DT_MS * u.ms)
    net = sl.nn.init_all_states(SCENES["coba"].network(sl, n, True))
    steps = max(100, min(5_000, int(share * WORK / n / 100)))

    @sl.transform.jit
    def run(length: Any) -> Any:
        sl.transform.for_loop(lambda t: (net.update(t), None)[1], u.math.arange(length.size) * (DT_MS * u.ms))
        return net.n_spk.value.sum()

    def spikes(length: int) -> float:
        before = float(net.n_spk.value.sum())
        return float(jax.block_until_ready(run(np.empty(length)))) - before

    spikes(SETTLED)
    spikes(steps)  # compiles
    taken, count = [], 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        count += spikes(steps)
        taken.append((time.perf_counter() - start) / steps * 1e6)
    per_step = count / rounds / steps
    rate = per_step / n / DT_MS * 1e3
    if not 15 < rate < 30:
        raise SystemExit(f"{n} neurons fire at {rate:.1f} Hz; a wrong network has no time")
    events = per_step * OUT_DEGREE
    found = {"n": n, "steps": steps, "us_per_step": min(taken), "events": events, "rate_hz": rate}
    return {**found, **floor(n, events)}


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Time of a step over neurons and events, and per one of these; beside it that of moving the bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    work = np.array([row["n"] + row["events"] for row in rows])
    us = np.array([row["us_per_step"] for row in rows])
    _, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
    left.loglog(work, us, "o-", color="#1f4e79", ms=4, label="COBA, one core")
    least = np.array([row["floor_us"] for row in rows])
    left.loglog(work, least, "--", color="0.6", lw=1, label="bytes / bandwidth")
    left.set(xlabel="neurons + synaptic events in a step", ylabel="µs per step")
    left.legend(frameon=False, fontsize=9)
    right.semilogx([row["n"] for row in rows], 1e3 * us / work, "o-", color="#1f4e79", ms=4)
    right.semilogx([row["n"] for row in rows], 1e3 * least / work, "--", color="0.6", lw=1)
    right.set(xlabel="neurons", ylabel="ns per neuron or event", ylim=(0, None))
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.93", lw=0.8)
    left.figure.savefig(path, dpi=150)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.scaling", description=__doc__)
    parser.add_argument("--check", action="store_true", help="as a test: the smallest sizes, no record")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="neurons of the largest network")
    parser.add_argument("--out", type=Path, default=report.RESULTS, help="folder of the records")
    args = parser.parse_args()
    pin(machine.cores(1))
    import_module("spikeloop").set_num_threads(1)
    common, rows = report.stamp(), []
    for n in [n for n in SIZES if n <= args.largest][: 2 if args.check else None]:
        rows.append(measure(n, *((1, 0.1) if args.check else (3, 1.0))))
        line = ("{n:>9,} neurons {us_per_step:>10.1f} µs/step, floor {floor_us:>8.1f} at {gb_per_s:>5.1f} GB/s "
                "{events:>10.0f} events {rate_hz:>6.1f} Hz")  # fmt: skip
        print(line.format(**rows[-1]), flush=True)
    if not args.check:
        shown = [{k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
        print(f"recorded in {report.save(args.out, [{**common, **row} for row in shown], '-scaling')}")
        draw(rows, FIGURE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
