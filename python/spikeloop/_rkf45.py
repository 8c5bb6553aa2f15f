"""The Runge–Kutta–Fehlberg method of orders 4 and 5 with the step control of GSL, where each neuron has its own steps.

A step is tried; if its error exceeds the tolerance it is tried again with a smaller one, else the next one may be
larger. The loop goes on until all neurons have reached the end of dt, as those that are there wait.

Fehlberg E (1969) NASA TR R-315; Galassi M et al. (2009) GNU Scientific Library Reference Manual, ch. 27.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Values = Mapping[str, Any]

MOST_TRIALS = 10_000  # in a step of dt; a neuron that needs more becomes NaN
# Each stage: its part of the step, and those of the slopes before it; then what a step and its error are made of.
PARTS = (0.0, 1 / 4, 3 / 8, 12 / 13, 1.0, 1 / 2)
STAGES = (
    (0.0,),
    (1 / 4,),
    (3 / 32, 9 / 32),
    (1932 / 2197, -7200 / 2197, 7296 / 2197),
    (8341 / 4104, -32832 / 4104, 29440 / 4104, -845 / 4104),
    (-6080 / 20520, 41040 / 20520, -28352 / 20520, 9295 / 20520, -5643 / 20520),
)
WEIGHTS = (902880 / 7618050, 0.0, 3953664 / 7618050, 3855735 / 7618050, -1371249 / 7618050, 277020 / 7618050)
ERRORS = (1 / 360, 0.0, -128 / 4275, -2197 / 75240, 1 / 50, 2 / 55)


class Progress(NamedTuple):
    """Where each neuron is: time since the start of dt, the step to try next, states, and what `then` adds."""

    t: Any
    h: Any
    x: Values
    more: Any = ()


def advanced(
    f: Callable[[Values, Any, Any], Values],
    start: Progress,
    dt: Any,
    tolerance: float,
    then: Callable[[Values, Any], tuple[Values, Any]] = lambda x, more: (x, more),
) -> Progress:
    """The states after dt, for the rates f(states, part of dt that has passed, more), and the step to try next.

    `tolerance` is the largest error of a state in a step, in its own unit. After each step that is accepted
    `then(x, more)` may change the states, and what it keeps beside them.
    """

    def trial(count_and_past: tuple[Any, Progress]) -> tuple[Any, Progress]:
        count, past = count_and_past
        left = dt - past.t
        last = past.h > left
        h = jnp.where(last, left, past.h)
        x, error = _step(lambda x, part: f(x, past.t / dt + part * (h / dt), past.more), past.x, h)
        ratio = jnp.maximum(error / tolerance, jnp.finfo(h.dtype).tiny)
        x, more = then(x, past.more)
        new = Progress(jnp.where(last, dt, past.t + h), h * _growth(ratio), x, more)
        retried = past._replace(h=new.h)
        running, accepted = past.t < dt, ~(ratio > 1.1)
        return count + 1, _chosen(running & accepted, new, _chosen(running, retried, past))

    goes_on = lambda known: jnp.any(known[1].t < dt) & (known[0] < MOST_TRIALS)  # noqa: E731
    _, end = jax.lax.while_loop(goes_on, trial, (0, start))
    lost = end.t < dt
    return end._replace(x={name: jnp.where(lost, jnp.nan, value) for name, value in end.x.items()})


def _step(f: Callable[[Values, Any], Values], x: Values, h: Any) -> tuple[dict[str, Any], Any]:
    """The states after a step of h, and the largest error of any state of each neuron."""
    parts = np.asarray(PARTS, h.dtype)
    rows = np.asarray([(*row, *[0.0] * (len(PARTS) - len(row))) for row in STAGES], h.dtype)

    def stage(slopes: dict[str, tuple[Any, ...]], row: Any) -> tuple[dict[str, tuple[Any, ...]], None]:
        which, part, weights = row
        found = f(_moved(x, h, weights, slopes), part)
        return {
            name: tuple(jnp.where(which == k, found[name], old) for k, old in enumerate(known))
            for name, known in slopes.items()
        }, None

    none = {name: (jnp.zeros_like(value),) * len(PARTS) for name, value in x.items()}
    slopes, _ = jax.lax.scan(stage, none, (np.arange(len(PARTS)), parts, rows))  # traced and compiled once
    errors = [jnp.abs(h * _weighted(ERRORS, slopes[name])) for name in x]
    return _moved(x, h, WEIGHTS, slopes), reduce(jnp.maximum, errors)


def _moved(x: Values, h: Any, weights: Any, slopes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value + h * _weighted(weights, slopes[name]) for name, value in x.items()}


def _weighted(weights: Any, slopes: Sequence[Any]) -> Any:
    return sum(weight * slope for weight, slope in zip(weights, slopes, strict=True))


def _growth(ratio: Any) -> Any:
    """The factor of the step, by its error as a multiple of the tolerance."""
    smaller = jnp.maximum(0.9 / ratio ** (1 / 5), 0.2)
    larger = jnp.clip(0.9 / ratio ** (1 / 6), 1.0, 5.0)
    return jnp.where(ratio > 1.1, smaller, jnp.where(ratio < 0.5, larger, 1.0))


def _chosen(condition: Any, yes: Progress, no: Progress) -> Progress:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b).astype(b.dtype), yes, no)
