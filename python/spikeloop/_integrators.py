"""Integration methods by name: a step of dx/dt = f(x), from the function that gives the rates.

States and rates are dicts by name, numbers per ms. None of the methods knows a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from .._math import MOST_GROWTH
from .._math import exp_euler as exponential
from .._runge_kutta import euler, rk2, rk4

Values = Mapping[str, Any]
Rates = Callable[..., dict[str, Any]]  # (states, part of the step that has passed: by default 0) -> rates


def exp_euler(f: Rates, x: Values, dt: Any) -> dict[str, Any]:
    """Each state by the exact solution of its own linear equation, the others held; of order 1."""
    return {name: exponential(x[name], dt, *own_slope(f, x, name), MOST_GROWTH) for name in x}


def _explicit(method: Callable[..., Any]) -> Callable[[Rates, Values, Any], dict[str, Any]]:
    """A Runge–Kutta method of dicts."""

    def step(f: Rates, x: Values, dt: Any) -> dict[str, Any]:
        def rates(slope: Values | None, part: float) -> Values:
            return f(x if slope is None else _moved(x, dt, [(slope, part)]), part)

        return _moved(x, dt, method(rates))

    return step


METHODS = {"exp_euler": exp_euler} | {method.__name__: _explicit(method) for method in (euler, rk2, rk4)}
ALIASES = {"exponential_euler": "exp_euler", "linear": "exact", "midpoint": "rk2"}


def own_slope(f: Rates, x: Values, name: str) -> tuple[Any, Any]:
    """The rate of a state and its derivative with respect to this state."""
    rate = lambda value: f({**x, name: value})[name] + 0 * value  # noqa: E731
    return jax.jvp(rate, (x[name],), (jnp.ones_like(x[name]),))


def integral(entries: Mapping[tuple[str, str], Any], states: Sequence[str], dt: Any) -> dict[tuple[str, str], Any]:
    """The elements ∫exp(A s) ds over a step that are not 0, for the matrix A with these elements.

    x + (∫exp(A s) ds) f(x) is then the exact solution of a linear system after the step. It follows from the
    exponential of a block matrix, which holds for any A, singular ones and equal time constants included (Van Loan
    1978, IEEE Trans. Autom. Control 23:395).
    """
    n = len(states)
    place = {name: k for k, name in enumerate(states)}
    traced = any(isinstance(x, jax.Array) for x in (*entries.values(), dt))
    xp: Any = jnp if traced else np
    shape = np.broadcast_shapes(*(np.shape(x) for x in (*entries.values(), dt)))
    rows = [[xp.zeros(shape)] * 2 * n for _ in range(2 * n)]
    for (row, column), factor in entries.items():
        rows[place[row]][place[column]] = xp.broadcast_to(factor * dt, shape)
    for k in range(n):
        rows[k][n + k] = xp.broadcast_to(xp.asarray(dt), shape)
    block = xp.stack([xp.stack(row, -1) for row in rows], -2)
    exponential = jax.scipy.linalg.expm(block) if traced else scipy.linalg.expm(block)
    return {(a, b): exponential[..., place[a], n + place[b]] for a, b in reached(entries, states)}


def reached(entries: Mapping[tuple[str, str], Any], states: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs (a, b) where b acts on a, over others too."""
    found = {(name, name) for name in states} | set(entries)
    for middle in states:
        found |= {(a, b) for a in states for b in states if (a, middle) in found and (middle, b) in found}
    return sorted(found, key=lambda pair: (states.index(pair[0]), states.index(pair[1])))


def _moved(x: Values, dt: Any, along: Sequence[tuple[Values, float]]) -> dict[str, Any]:
    return {name: value + dt * sum(part * rates[name] for rates, part in along) for name, value in x.items()}
