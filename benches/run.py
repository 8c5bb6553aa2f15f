"""Time the scenes beside their peers: `python -m benches.run`; what it means is in README.md."""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benches.harness import machine, report
from benches.harness.measure import Entry, Options, measure
from benches.peers import ADAPTERS, OURS, SAME_INTERPRETER, SINGLE_THREADED
from benches.scenes import SCENES, Scene, Size


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.run", description=__doc__)
    parser.add_argument("-f", "--filter", metavar="REGEX", default="", help="of SCENE/N, e.g. 'coba/4000$'")
    parser.add_argument("--scenes", default=",".join(SCENES), help="comma-separated (default: all)")
    parser.add_argument("--peers", help="comma-separated; 'none' for ours alone (default: the scene's)")
    parser.add_argument("--peer-python", action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--quick", action="store_true", help="smallest size, 3 rounds; saved only with --out")
    parser.add_argument("--check", action="store_true", help="as a test: smallest size, one round")
    parser.add_argument("--strict", action="store_true", help="fail if a target is missed or not measured")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds for one request to a simulator")
    parser.add_argument("--out", type=Path, help="folder of the records (default: benches/results)")
    parser.add_argument("--verbose", action="store_true", help="show what the simulators print")
    return parser.parse_args()


def chosen(args: argparse.Namespace) -> Iterator[tuple[Scene, Size]]:
    for name in args.scenes.split(","):
        if name not in SCENES:
            raise SystemExit(f"no scene {name!r}; there are {', '.join(SCENES)}")
        scene = SCENES[name]
        sizes = scene.sizes[:1] if args.quick or args.check else scene.sizes
        yield from ((scene, s) for s in sizes if re.search(args.filter, f"{name}/{s.n}"))


def peers_of(scene: Scene, args: argparse.Namespace) -> list[str]:
    """Ours first. A check runs only what lives in our environment, unless peers are named."""
    if args.peers is None:
        wanted = [p for p in scene.peers if not args.check or p in SAME_INTERPRETER]
    else:
        named = [] if args.peers == "none" else args.peers.split(",")
        unknown = set(named) - set(ADAPTERS)
        if unknown:
            raise SystemExit(f"no peer {sorted(unknown)}; there are {', '.join(ADAPTERS)}")
        wanted = [p for p in named if p in scene.peers]
    return [OURS, *(p for p in wanted if args.threads == 1 or p not in SINGLE_THREADED)]


def options_of(args: argparse.Namespace) -> Options:
    pythons = dict(item.split("=", 1) for item in args.peer_python)
    unknown = set(pythons) - set(ADAPTERS)
    if unknown:
        raise SystemExit(f"--peer-python: no peer {sorted(unknown)}; there are {', '.join(ADAPTERS)}")
    rounds = 1 if args.check else 3 if args.quick else args.rounds
    log = None if args.verbose else subprocess.DEVNULL
    return Options(args.threads, machine.cores(args.threads), rounds, args.timeout, pythons, log)


def failures(scene: Scene, size: Size, entries: list[Entry], strict: bool) -> Iterator[str]:
    where = f"{scene.name}/{size.n}"
    yield from (f"{where} {e.peer}: {e.note}" for e in entries if e.failed)
    if strict:
        for target in scene.targets:
            holds, text = report.verdict(target, entries)
            if target.n == size.n and not holds:
                yield f"{where}: {text}"


def main() -> int:
    args = parse()
    options = options_of(args)
    failed, passed, records = [], 0, []
    print(f"{machine.cpu_model()}, core {options.cores}, commit {machine.commit()}", flush=True)
    for scene, size in chosen(args):
        entries = measure(scene, size, peers_of(scene, args), options)
        print(*report.lines(scene, size, entries), sep="\n", flush=True)
        found = list(failures(scene, size, entries, args.strict))
        failed += found
        passed += not found
        records += report.rows(scene, size, entries, options)
    if records and (args.out or not (args.check or args.quick)):
        print(f"\nrecorded in {report.save(args.out or report.RESULTS, records)}")
    print(*(f"\nFAILED {text}" for text in failed), sep="")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    raise SystemExit(main())
