"""One scene at one size: start everyone, check what each computes, then time them in turns."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benches.harness.client import AbsentError, Worker, WorkerError, interpreter
from benches.peers import OURS
from benches.scenes import Scene, Size

# Two correct simulators of one population differ in rounding; a spike moves by a step, no more.
COUNT_TOLERANCE = 0.01
# Rounds of one simulator start from the same weights, states and random numbers. With several threads the order of
# sums may differ, and so may single spikes; a network that goes on learning moves by more.
ROUND_TOLERANCE = 0.01


class WrongResultError(Exception):
    """A simulator ran, and did not do what the scene says."""


@dataclass
class Entry:
    """What one simulator did on one scene and size."""

    peer: str
    note: str = ""  # why there is no time
    failed: bool = False
    us: list[float] = field(default_factory=list)  # wall time per step, one a round
    cpu_us: list[float] = field(default_factory=list)  # CPU time per step: steadier where others compute too
    rates: list[float] = field(default_factory=list)
    build_s: float = math.nan
    rss_mb: float = math.nan
    versions: dict[str, str] = field(default_factory=dict)
    check_rate: float = math.nan
    final_v: float | None = None

    @property
    def share_of_core(self) -> float:
        return sum(self.cpu_us) / sum(self.us) if self.us else math.nan

    @property
    def median_us(self) -> float:
        return median(self.us) if self.us else math.nan

    def ratio_to(self, ours: Entry) -> float:
        """The median over rounds of (this one / ours), neighbours in time."""
        if not self.us or len(self.us) != len(ours.us):
            return math.nan
        return median(theirs / mine for theirs, mine in zip(self.us, ours.us, strict=True))


@dataclass(frozen=True)
class Options:
    threads: int
    cores: str
    rounds: int
    timeout: float
    pythons: dict[str, str]
    log: Any = None


def check_rate(size: Size, rate: float, what: str) -> None:
    low, high = size.rate_hz
    if not low <= rate <= high:  # also refuses NaN
        raise WrongResultError(f"{what}: {rate:.2f} Hz, expected {low:g} to {high:g} Hz")


def check_same(entry: Entry, ours: Entry) -> None:
    """An update scene is deterministic: the reference fires as often as we do."""
    if abs(entry.check_rate / ours.check_rate - 1) > COUNT_TOLERANCE:
        raise WrongResultError(f"fires at {entry.check_rate:.3f} Hz, {ours.peer} at {ours.check_rate:.3f} Hz")


def start(scene: Scene, size: Size, entry: Entry, options: Options) -> Worker:
    """A worker that has built its network and passed the scene's check."""
    python = interpreter(entry.peer, options.pythons)
    worker = Worker(entry.peer, python, options.cores, options.timeout, options.log)
    steps = sorted({size.steps, size.short_steps or size.steps})
    try:
        built = worker.ask("prepare", scene=scene.name, n=size.n, steps=steps, threads=options.threads)
        entry.build_s, entry.versions = built["build_s"], built["versions"]
        done = worker.ask("check")
        entry.check_rate, entry.final_v = done["rate_hz"], done["v_mean"]
        check_rate(size, entry.check_rate, "check run")
    except (WorkerError, WrongResultError):
        worker.close()
        raise
    return worker


def check_anew(entry: Entry, rate: float) -> None:
    """A round that fires otherwise than the check run did not start from the same weights and states."""
    if abs(rate / entry.check_rate - 1) > ROUND_TOLERANCE:
        raise WrongResultError(f"timed run fires at {rate:.3f} Hz, the check run at {entry.check_rate:.3f} Hz: it did "
                               "not start anew")  # fmt: skip


def one_round(worker: Worker, scene: Scene, size: Size, entry: Entry) -> None:
    long = worker.ask("run", steps=size.steps)
    if scene.counts_while_timed:
        check_rate(size, long["rate_hz"], "timed run")
        check_anew(entry, long["rate_hz"])
        entry.rates.append(long["rate_hz"])
    elif entry.final_v is None or not math.isclose(long["v_mean"], entry.final_v, rel_tol=1e-5):
        raise WrongResultError(f"timed run ends at mean V {long['v_mean']}, counted run at {entry.final_v}")
    else:
        entry.rates.append(entry.check_rate)
    steps, wall, cpu = size.steps, long["seconds"], long["cpu_seconds"]
    if size.short_steps:
        short = worker.ask("run", steps=size.short_steps)
        steps -= size.short_steps
        wall, cpu = wall - short["seconds"], cpu - short["cpu_seconds"]
    entry.us.append(wall / steps * 1e6)
    entry.cpu_us.append(cpu / steps * 1e6)
    entry.rss_mb = long["rss_mb"]


def start_all(stack: ExitStack, scene: Scene, size: Size, entries: list[Entry], options: Options) -> dict[str, Worker]:
    """The workers that may be timed; the others' entries say why not."""
    workers: dict[str, Worker] = {}
    for entry in entries:
        try:
            workers[entry.peer] = stack.enter_context(start(scene, size, entry, options))
            if not scene.counts_while_timed and entry.peer != OURS and OURS in workers:
                check_same(entry, entries[0])
        except AbsentError as error:
            entry.note, entry.failed = f"not installed ({error})", entry.peer == OURS
        except (WorkerError, WrongResultError) as error:
            entry.note, entry.failed = str(error), True
            workers.pop(entry.peer, None)
    return workers


def measure(scene: Scene, size: Size, peers: list[str], options: Options) -> list[Entry]:
    """Entries in the order of `peers`, ours first; the rounds go A B C A B C, everyone on the same cores."""
    entries = [Entry(peer) for peer in peers]
    with ExitStack() as stack:
        workers = start_all(stack, scene, size, entries, options)
        for _ in range(options.rounds):
            for entry in entries:
                if entry.peer not in workers:
                    continue
                try:
                    one_round(workers[entry.peer], scene, size, entry)
                except (WorkerError, WrongResultError) as error:
                    entry.note, entry.failed, entry.us = str(error), True, []
                    del workers[entry.peer]
    return entries
