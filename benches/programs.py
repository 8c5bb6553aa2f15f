"""Time of the step programs of all models beside XLA's own code: `python -m benches.programs`.

Each way to run them has a process of its own, on the same core: machine code for each instruction set of this machine,
the interpreter, and the reference compiled by XLA. Rounds go A B C A B C; times are CPU time, in ns per neuron and
step, and the ratio is the median over rounds of XLA's time by that of this way.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benches.harness import machine, report
from benches.program_worker import BENCHED, N

XLA = "xla"
WAYS = {
    "avx512": {"SPIKELOOP_JIT": "avx512"},
    "avx2": {"SPIKELOOP_JIT": "avx2"},
    "interpreter": {"SPIKELOOP_JIT": "0"},
    XLA: {"SPIKELOOP_NATIVE": "0"},
}
DIRECTIONS = ("forward", "vjp")
DTYPES = ("float32", "float64")
MOST_NS = {("LIF", "float32", "vjp", "avx512"): 1.2, ("AdExIF", "float32", "vjp", "avx512"): 3.5}


class Worker:
    """A process that runs programs in one way."""

    def __init__(self, way: str, core: str):
        self.way = way
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benches.program_worker", core],
            cwd=machine.ROOT, env={"JAX_PLATFORMS": "cpu", **os.environ, **WAYS[way]}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, do: str, **arguments: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.way}: the process ended while it did {do!r} {arguments}")
        return json.loads(line)

    def close(self) -> None:
        self.process.communicate()


@dataclass
class Timed:
    """The times of a program in each way, one a round."""

    model: str
    dtype: str
    direction: str
    ns: dict[str, list[float]] = field(default_factory=dict)

    def median(self, way: str) -> float:
        return median(self.ns[way]) if way in self.ns else math.nan

    def ratio(self, way: str) -> float:
        """XLA's time by that of this way."""
        if way not in self.ns:
            return math.nan
        return median(xla / ours for xla, ours in zip(self.ns[XLA], self.ns[way], strict=True))


def timed(workers: list[Worker], model: str, dtype: str, direction: str, rounds: int) -> Timed:
    found = Timed(model, dtype, direction)
    for worker in workers:
        worker.ask("prepare", model=model, dtype=dtype, direction=direction)
        found.ns[worker.way] = []
    for _ in range(rounds):
        for worker in workers:
            found.ns[worker.way].append(worker.ask("run")["cpu_ns"])
    return found


def line(found: Timed) -> str:
    times = "".join(f"{found.median(way):>12.3f}" for way in WAYS)
    ratios = "".join(f"{found.ratio(way):>12.2f}" for way in WAYS if way != XLA)
    return f"{found.model:<15}{found.dtype:<9}{found.direction:<8}{times} |{ratios}".replace("nan", "  -")


def missed(found: Timed) -> Iterator[str]:
    """The targets that do not hold; those of another machine's instructions are not judged."""
    name = f"{found.model} {found.dtype} {found.direction}"
    for way in found.ns:
        limit = MOST_NS.get((found.model, found.dtype, found.direction, way), math.inf)
        if found.median(way) > limit:
            yield f"{name}, {way}: {found.median(way):.2f} ns, promised at most {limit:g}"


def rows(found: Timed, rounds: int) -> Iterator[dict[str, object]]:
    for way, ns in found.ns.items():
        yield {
            **report.stamp(), "n": N, "model": found.model, "dtype": found.dtype, "direction": found.direction,
            "way": way, "rounds": rounds, "cpu_ns": f"{median(ns):.4g}", "least": f"{min(ns):.4g}",
            "xla_to_this": f"{found.ratio(way):.3g}",
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.programs", description=__doc__)
    parser.add_argument("-f", "--filter", metavar="REGEX", default="", help="of MODEL/DTYPE/DIRECTION")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--check", action="store_true", help="as a test: one round of LIF, no record")
    parser.add_argument("--strict", action="store_true", help="fail if a target is missed")
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    args = parser.parse_args()
    pattern, rounds = ("^LIF/float32", 1) if args.check else (args.filter, args.rounds)
    core = machine.cores(1)
    workers = [Worker(way, core) for way in WAYS]
    workers = [worker for worker in workers if worker.ask("level")["level"] == worker.way or worker.close()]
    print(f"{machine.cpu_model()}, core {core}, commit {machine.commit()}; {N} neurons, ns | times as fast as XLA")
    print(f"{'':32}{''.join(f'{way:>12}' for way in WAYS)} |{''.join(f'{w:>12}' for w in WAYS if w != XLA)}")
    every = [(m, t, d) for m in BENCHED for t in DTYPES for d in DIRECTIONS if re.search(pattern, f"{m}/{t}/{d}")]
    records, failed = [], []
    for model, dtype, direction in every:
        found = timed(workers, model, dtype, direction, rounds)
        print(line(found), flush=True)
        records += rows(found, rounds)
        failed += missed(found)
    for worker in workers:
        worker.close()
    if records and (args.out or not args.check):
        print(f"recorded in {report.save(args.out or report.RESULTS, records, '-programs')}")
    print(*(f"MISSED {text}" for text in failed), sep="\n")
    return 1 if (args.strict and failed) or not records else 0


if __name__ == "__main__":
    raise SystemExit(main())
