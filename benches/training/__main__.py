"""A training step, forward and backward, beside the libraries on PyTorch: `python -m benches.training`.

Each library runs in a process of its own, on the same core with one thread, in turns. Loss and number of spikes must
agree before anything is timed. Times are CPU time, the least of all rounds; `ratio` is the time of a library by ours.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benches.harness import machine, report
from benches.harness.client import AbsentError, Worker, interpreter
from benches.training.nets import NETS, Net
from benches.training.worker import OURS

PEERS = ("snntorch", "spikingjelly", "norse")
SAME = 0.01  # of losses and of numbers of spikes: rounding moves a few spikes


def check_same(library: str, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Refuse a library that does not compute what ours computes."""
    for what in ("loss", "spikes"):
        if not math.isclose(theirs[what], ours[what], rel_tol=SAME):
            raise SystemExit(f"{library}: {what} {theirs[what]:.6g}, ours {ours[what]:.6g}: not the same work")


def timed(net: Net, pythons: dict[str, str], rounds: int, core: str) -> dict[str, dict[str, Any]]:
    """What each library needs for a step."""
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        workers = {}
        for library in (OURS, *PEERS):
            python = sys.executable if library == OURS else interpreter(library, pythons)
            try:
                worker = stack.enter_context(Worker(library, python, core, 600, module="benches.training.worker"))
            except AbsentError as error:
                print(f"  {error}")
                continue
            workers[library] = worker
            found[library] = worker.ask("prepare", net=net.name) | {"cpu_ms": math.inf, "wall_ms": math.inf}
            check_same(library, found[library], found[OURS])
        for _ in range(rounds):
            for library, worker in workers.items():
                run, least = worker.ask("run"), found[library]
                least |= {time: min(least[time], run[time]) for time in ("cpu_ms", "wall_ms")}
    return found


def rows(net: Net, found: dict[str, dict[str, Any]], rounds: int) -> Iterator[dict[str, object]]:
    ours = found[OURS]["cpu_ms"]
    for library, x in found.items():
        yield {
            **report.stamp(), "net": net.name, "steps": net.steps, "batch": net.batch, "library": library,
            "rounds": rounds, "cpu_ms": f"{x['cpu_ms']:.4g}", "wall_ms": f"{x['wall_ms']:.4g}",
            "ratio": f"{x['cpu_ms'] / ours:.3g}", "memory_mb": f"{x['memory_mb']:.0f}",
            "first_s": f"{x['first_s']:.3g}", "loss": f"{x['loss']:.6g}", "spikes": f"{x['spikes']:.0f}",
            "versions": " ".join(f"{k}={v}" for k, v in x["versions"].items()),
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("-f", "--filter", default="", help="nets whose name holds this")
    parser.add_argument("--python", default="", help="the interpreter of the peers (or --peer-python for one of them)")
    parser.add_argument("--peer-python", action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--check", action="store_true", help="as a test: one round, no record")
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    args = parser.parse_args()
    pythons: dict[str, str] = {peer: args.python for peer in PEERS if args.python}
    pythons |= dict(pair.split("=", 1) for pair in args.peer_python)
    core, rounds = machine.cores(1), 1 if args.check else args.rounds
    print(f"{machine.cpu_model()}, core {core}, commit {machine.commit()}")
    for net in (net for net in NETS if args.filter in net.name):
        print(f"\n{net.name}; batch {net.batch}, {net.steps} steps")
        found = timed(net, pythons, rounds, core)
        for library, x in found.items():
            ratio = x["cpu_ms"] / found[OURS]["cpu_ms"]
            print(
                f"  {library:<14}{x['cpu_ms']:>9.1f} ms{ratio:>7.2f}{x['memory_mb']:>8.0f} MB, loss {x['loss']:.5f}, "
                f"{x['spikes']:.0f} spikes, first step {x['first_s']:.1f} s",
                flush=True,
            )
        if args.out or not args.check:
            path = report.save(args.out or report.RESULTS, [*rows(net, found, rounds)], "-training")
            print(f"  recorded in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
