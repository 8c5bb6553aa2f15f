"""What an adapter offers: `VERSIONS_OF`, and `prepare(scene, n, steps, threads)` that returns a Session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Run:
    """One simulation of the loop, without build and compile time."""

    steps: int
    seconds: float
    cpu_seconds: float
    rate_hz: float | None = None  # None: this run did not count
    v_mean: float | None = None  # mean of the final membrane potentials in mV, where counting is separate


class Session(Protocol):
    """A network of one size, built and compiled for the step counts it was prepared with."""

    def check(self) -> Run:
        """Run the longest loop, counting spikes."""
        ...

    def run(self, steps: int) -> Run:
        """Run as timed."""
        ...
