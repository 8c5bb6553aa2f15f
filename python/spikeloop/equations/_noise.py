"""Random numbers in text: white noise `xi`, and `rand()` and `randn()`, which are constant within a step."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._integrators import Integrator
from .._math import normal
from ..kernels._draws import MOST
from ._expression import Expression
from ._text import Equation

XI = "xi"
UNIT = u.ms**-0.5
_NUMBERS = {XI: 2, "rand": 1, "randn": 2}  # uniform numbers that each takes


class Noise:
    """What a model draws in a step."""

    def __init__(self, expressions: Iterable[Expression], equations: Iterable[Equation]):
        found: dict[str, str] = {}  # name -> what it is
        for expression in expressions:
            found |= expression.draws
            if XI in expression.names:
                found[XI] = XI
        self.names, self.has_xi = tuple(found), XI in found
        self._first: dict[str, int] = {}
        self._kinds, count = found, 0
        for name, kind in found.items():
            self._first[name] = count
            count += _NUMBERS[kind]
        self.count = count
        if count > MOST:
            raise ValueError(f"The text draws {count} numbers in a step, two for each xi and randn() and one for each "
                             f"rand(); there are {MOST}.")  # fmt: skip
        differential = {id(e.expression) for e in equations if e.kind == "differential"}
        for expression in (e for e in expressions if XI in e.names):
            if id(expression) not in differential or _degree(expression, expression.tree) > 1:
                raise expression.place.error("xi is added to the right side of dx/dt = …, times a factor.")

    def check_method(self, by: Integrator) -> None:
        """Refuse integrators that do not go with xi."""
        if self.has_xi and by.method not in ("exp_euler", "euler"):
            raise ValueError(f"With xi the method is 'exp_euler' or 'euler', not {by.method!r}.")

    def values(self, p: SimpleNamespace) -> dict[str, Any]:
        """The values in this step; xi is 0 for the part of the rates that is not random."""
        return {name: 0.0 if name == XI else self._value(name, p) for name in self.names}

    def _value(self, name: str, p: SimpleNamespace) -> Any:
        first = self._first[name]
        return p.uniform(first) if self._kinds[name] == "rand" else normal(p.uniform(first), p.uniform(first + 1))

    def added(self, new: Mapping[str, Any], start: Mapping[str, Any], rates: Any, p: SimpleNamespace) -> dict[str, Any]:
        """The states after a step, with √dt times a normal number times the factor of xi (Euler–Maruyama)."""
        strength = jnp.sqrt(jnp.asarray(p.dt)) * self._value(XI, p)
        quiet, noisy = rates(start), rates(start, xi=1.0)
        return {name: x + strength * (noisy[name] - quiet[name]) for name, x in new.items()}


def _degree(expression: Expression, node: ast.expr) -> int:
    """The power of xi in a part of an expression; 2 also where it is in a function or a divisor."""
    inner = lambda part: _degree(expression, part)  # noqa: E731
    match node:
        case ast.Name(id=name):
            return int(name == XI)
        case ast.UnaryOp(operand=operand):
            return inner(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return max(inner(left), inner(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return inner(left) + inner(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return inner(left) + 2 * inner(right)
    parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
    return 2 * max(map(inner, parts), default=0)
