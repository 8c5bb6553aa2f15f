"""Runge–Kutta methods: the stages of a step of dx/dt = f(x), and their weights.

`rates(slope, part)` gives the rates at x + part·dt·slope, where the time is t + part·dt; without a slope, at x.
A step is x + dt·Σ weight·stage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Stage = TypeVar("Stage")
Rates = Callable[[Stage | None, float], Stage]
Weighted = list[tuple[Stage, float]]

RK4 = ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6))  # each stage: its part along the slope of the one before


def euler(rates: Rates[Stage]) -> Weighted[Stage]:
    """Euler's method, of order 1."""
    return [(rates(None, 0.0), 1.0)]


def rk2(rates: Rates[Stage]) -> Weighted[Stage]:
    """The midpoint method, of order 2."""
    return [(rates(rates(None, 0.0), 0.5), 1.0)]


def rk4(rates: Rates[Stage]) -> Weighted[Stage]:
    """The classical method, of order 4."""
    stages: Weighted[Stage] = []
    for part, weight in RK4:
        stages.append((rates(stages[-1][0] if stages else None, part), weight))
    return stages
