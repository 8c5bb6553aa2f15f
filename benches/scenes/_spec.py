"""What a scene states: sizes, how long each runs, what it must do, how fast it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DT_MS = 0.1


@dataclass(frozen=True)
class Size:
    """One population size of a scene."""

    n: int
    steps: int
    rate_hz: tuple[float, float]  # a run whose mean rate lies outside has no time
    short_steps: int = 0  # > 0: µs/step is the difference of the two loops, so that the call itself cancels


@dataclass(frozen=True)
class Target:
    """A promise about one size: a ratio to a peer ("best": the fastest present), or µs per step."""

    n: int
    peer: str = ""
    min_ratio: float = 0.0
    max_us: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A network, its sizes, the peers that have it, and its targets."""

    name: str
    sizes: tuple[Size, ...]
    peers: tuple[str, ...]
    network: Callable[[Any, int, bool], Any]  # (namespace, n, count spikes) -> module with update(t)
    targets: tuple[Target, ...] = ()
    # An update scene is timed without counting. Its final mean V ties it to the counted run.
    counts_while_timed: bool = True

    def size(self, n: int) -> Size:
        for size in self.sizes:
            if size.n == n:
                return size
        raise ValueError(f"scene {self.name} has no size {n}; it has {[s.n for s in self.sizes]}")
