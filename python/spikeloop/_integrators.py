"""Integrators by name: a step of dx/dt = f(x), from the function that gives the rates.

States and rates are dicts by name, numbers per ms. None of the integrators knows a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from . import _rkf45 as rkf45
from ._jax import Literal
from ._keywords import guess
from ._math import MOST_GROWTH, exprel
from ._math import exp_euler as exponential
from ._runge_kutta import RK4, euler, rk2

Values = Mapping[str, Any]
Rates = Callable[..., dict[str, Any]]  # (states, part of the step that has passed: by default 0) -> rates
Pair = tuple[str, str]  # two states, of which the second acts on the first

EXACT, ADAPTIVE = "exact", "rkf45"
MOST_SUBSTEPS = 64


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


def rk4(f: Rates, x: Values, dt: Any) -> dict[str, Any]:
    """The classical method, of order 4, whose stages are traced as one."""
    start = {name: jnp.asarray(value) for name, value in x.items()}
    zero = {name: jnp.zeros_like(value) for name, value in start.items()}

    def stage(known: tuple[Values, Values], row: tuple[Any, Any]) -> tuple[tuple[Values, Values], None]:
        (slope, total), (part, weight) = known, row
        rates = f(_moved(start, dt, [(slope, part)]), part)
        return (_like(start, rates), _like(start, {name: total[name] + weight * rates[name] for name in start})), None

    rows = np.asarray(RK4, jnp.result_type(*start.values()))
    (_, total), _ = jax.lax.scan(stage, (zero, zero), (rows[:, 0], rows[:, 1]))
    return _moved(start, dt, [(total, 1.0)])


METHODS = {"exp_euler": exp_euler, "euler": _explicit(euler), "rk2": _explicit(rk2), "rk4": rk4}
ALIASES = {"exponential_euler": "exp_euler", "linear": EXACT, "midpoint": "rk2"}


class Integrator(NamedTuple):
    """A method with the number of equal substeps, or with the largest error of a step of its own choice."""

    method: str
    substeps: int = 1
    tolerance: float = 1e-3


def named(text: Any) -> Integrator:
    """The integrator of a name such as 'rk4', 'rk4(5)' for 5 substeps, or 'rkf45(1e-6)' for a tolerance."""
    found = re.fullmatch(r"(\w+)(?:\(([\w.+-]+)\))?", text) if isinstance(text, str) else None
    word, number = (found[1], found[2]) if found else (text, None)
    method = ALIASES.get(word, word)
    if method not in (EXACT, *METHODS, ADAPTIVE):
        known = [EXACT, *METHODS, ADAPTIVE]
        listed = f"{', '.join(known)}, with substeps 'rk4(5)', and with a tolerance 'rkf45(1e-6)'"
        raise ValueError(f"There is no method {text!r}; there are {listed}{guess(word, known[:-1])}")
    if method == ADAPTIVE:
        return Integrator(method, tolerance=_tolerance(number, text))
    substeps = int(number or 1) if (number or "1").isdecimal() else 0
    if not 1 <= substeps <= (1 if method == EXACT else MOST_SUBSTEPS):
        raise ValueError(f"{text!r}: {method} takes {'no' if method == EXACT else f'1 to {MOST_SUBSTEPS}'} substeps.")
    return Integrator(method, substeps)


def _tolerance(number: str | None, text: str) -> float:
    try:
        tolerance = 1e-3 if number is None else float(number)
    except ValueError:
        tolerance = 0.0
    if not 0 < tolerance < np.inf:
        raise ValueError(f"{text!r}: the tolerance is a number greater than 0, as in 'rkf45(1e-6)'.")
    return tolerance


def advanced(by: Integrator, f: Rates, x: Values, dt: Any) -> Values:
    """The states after a step by a method other than the exact one; `rkf45` first tries the whole step."""
    if by.method == ADAPTIVE:
        return adaptive(by, f, x, None, dt)[0]
    if by.substeps == 1:
        return METHODS[by.method](f, x, dt)
    n = by.substeps

    def substep(x: Values, k: Any) -> tuple[Values, None]:
        new = METHODS[by.method](lambda x, part=0.0: f(x, (k + part) / n), x, dt / n)
        return _like(x, new), None

    start = {name: jnp.asarray(value) for name, value in x.items()}
    return jax.lax.scan(substep, start, np.arange(n, dtype=jnp.result_type(*start.values())))[0]  # traced once


def adaptive(by: Integrator, f: Rates, x: Values, h: Any, dt: Any) -> tuple[Values, Any]:
    """The states after a step by `rkf45`, and the step to try next; `h` is the first one, by default the whole step."""
    like = next(iter(x.values()))
    h = jnp.full_like(like, dt) if h is None else h
    end = rkf45.advanced(lambda x, part, _: f(x, part), rkf45.Progress(jnp.zeros_like(like), h, x), dt, by.tolerance)
    return end.x, end.h


def exact(f: Rates, x: Values, integral: Mapping[Pair, Any], first: str, own: Any, dt: Any) -> dict[str, Any]:
    """The states of a linear system after a step, x + (∫exp(A s) ds) f(x).

    The derivative of the rate of the `first` state with respect to itself may be more than its `own` factor in A:
    conductances add to it.
    """
    rate, new = f(x), dict(x)
    for (a, b), value in integral.items():
        new[a] = new[a] + value * rate[b]
    ratio = exprel(dt * own_slope(f, x, first)[1]) / exprel(dt * own)
    new[first] = new[first] + (ratio - 1) * integral[first, first] * rate[first]
    return new


def own_slope(f: Rates, x: Values, name: str) -> tuple[Any, Any]:
    """The rate of a state and its derivative with respect to this state."""
    rate = lambda value: f({**x, name: value})[name] + 0 * value  # noqa: E731
    return jax.jvp(rate, (x[name],), (jnp.ones_like(x[name]),))


def integral(entries: Mapping[Pair, Any], states: Sequence[str], dt: Any) -> dict[Pair, Any]:
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


def reached(entries: Iterable[Pair], states: Sequence[str]) -> list[Pair]:
    """The pairs (a, b) where b acts on a, over others too."""
    found = {(name, name) for name in states} | set(entries)
    for middle in states:
        found |= {(a, b) for a in states for b in states if (a, middle) in found and (middle, b) in found}
    return sorted(found, key=lambda pair: (states.index(pair[0]), states.index(pair[1])))


def factors(f: Callable[[Values, Values], Values], states: Sequence[str], inputs: Sequence[str]) -> list[Pair]:
    """The pairs (a, b) where the rate f(states, inputs)[a] depends on b; NotLinear if it is no constant multiple."""
    names = [*states, *inputs]

    def slopes(values: Sequence[Any], along: Sequence[Any]) -> Values:
        given = dict(zip(names, values, strict=True))
        rates = lambda x: f(dict(zip(states, x, strict=True)), {name: given[name] for name in inputs})  # noqa: E731
        return jax.jvp(rates, ([given[name] for name in states],), (list(along),))[1]

    closed, shape = jax.make_jaxpr(slopes, return_shape=True)([0.0] * len(names), [0.0] * len(states))
    needs: dict[Any, set[str]] = {
        var: {f"value of {name}"} for var, name in zip(closed.jaxpr.invars, names, strict=False)
    }
    needs |= {var: {name} for var, name in zip(closed.jaxpr.invars[len(names) :], states, strict=True)}
    of = lambda atom: set() if isinstance(atom, Literal) else needs.get(atom, set())  # noqa: E731
    for equation in closed.jaxpr.eqns:
        found = set().union(*map(of, equation.invars))
        needs |= dict.fromkeys(equation.outvars, found)
    pairs = []
    for row, atom in zip(sorted(shape), closed.jaxpr.outvars, strict=True):
        if not of(atom) <= {*states}:
            raise NotLinear(row)
        pairs += [(row, column) for column in states if column in of(atom)]
    return pairs


class NotLinear(ValueError):
    """The rate of a state is not linear in the states; its argument is the name of the state."""


def _like(x: Values, new: Values) -> dict[str, Any]:
    """The values of `new` in the shapes and dtypes of `x`."""
    return {name: jnp.broadcast_to(jnp.asarray(new[name], old.dtype), old.shape) for name, old in x.items()}


def _moved(x: Values, dt: Any, along: Sequence[tuple[Values, float]]) -> dict[str, Any]:
    return {name: value + dt * sum(part * rates[name] for rates, part in along) for name, value in x.items()}
