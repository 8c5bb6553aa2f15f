"""A system of differential equations in text: its rates, and the matrix of a linear one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import brainunit as u

from .._keywords import guess
from . import _functions as functions
from ._expression import CONDITION, Expression
from ._place import Place
from ._text import Equation


class NotLinear(Exception):
    """A rate is not linear in the states, with factors that are constant; `place` is where."""

    def __init__(self, place: Place):
        super().__init__()
        self.place = place

    def as_error(self) -> Exception:
        """The error for a user who has asked for the exact method."""
        return self.place.error("the equations are not linear here, so there is no exact method; "
                                "write method='exp_euler'.")  # fmt: skip


class System:
    """Differential equations and subexpressions by name.

    `states` are the names of the differential equations, `other` the subexpressions, each after those it needs, and
    `inputs` the names whose values are not always known.
    """

    def __init__(self, equations: Sequence[Equation], inputs: Collection[str]):
        self.rate_of = _expressions(equations, "differential")
        self.other = _sorted(_expressions(equations, "subexpression"))
        self.states = tuple(self.rate_of)
        self._names = {*self.states, *self.other, *inputs}

    def with_others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name, with those of all subexpressions that follow from them."""
        values = dict(values)
        for name, expression in self.other.items():
            known = all(needed in values or needed not in self._names for needed in expression.names)
            if known and expression.draws.keys() <= values.keys():
                values[name] = expression(values)
        return values

    def rates(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The derivative of each state, per ms."""
        values = self.with_others(values)
        return {name: expression(values) for name, expression in self.rate_of.items()}

    def matrix(self, constants: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
        """The factor of each state in each rate, per ms, where there is one; NotLinear if they are not constant."""
        constants = self.with_others(constants)
        return {
            (row, column): factor
            for row, expression in self.rate_of.items()
            for column, factor in self._factors(expression, expression.tree, constants).items()
        }

    def _factors(self, where: Expression, node: ast.expr, constants: Mapping[str, Any]) -> dict[str, Any]:
        """The factors of the states in a part of an expression."""

        def inner(part: ast.expr) -> dict[str, Any]:
            return self._factors(where, part, constants)

        def number(part: ast.expr) -> Any:
            try:
                return where.value_of(part, constants)
            except (KeyError, AttributeError):  # an input, or a state in a subexpression
                raise NotLinear(where.at(part)) from None

        match node:
            case ast.Name(id=name) if name in self.rate_of:
                return {name: 1.0}
            case ast.Name(id=name) if name in self.other and name not in constants:
                return self._factors(self.other[name], self.other[name].tree, constants)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                return {k: -f if isinstance(sign, ast.USub) else f for k, f in inner(operand).items()}
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
                found = inner(left)
                for name, factor in inner(right).items():
                    factor = -factor if isinstance(sign, ast.Sub) else factor
                    found[name] = found[name] + factor if name in found else factor
                return found
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                above, below = inner(left), inner(right)
                if above and below:
                    raise NotLinear(where.at(node))
                of, by = (above, right) if above else (below, left)
                return {name: factor * number(by) for name, factor in of.items()}
            case ast.BinOp(left=left, op=ast.Div(), right=right) if not inner(right):
                return {name: factor / number(right) for name, factor in inner(left).items()}
        if any(inner(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)):
            raise NotLinear(where.at(node))
        return {}


def check_declared_once(equations: Sequence[Equation], is_taken: Callable[[str], bool]) -> None:
    """Refuse names that are declared twice, or that mean something else."""
    seen: set[str] = set()
    for equation in equations:
        name = equation.name
        if name in seen:
            raise equation.place.error(f"{name} is there twice.")
        seen.add(name)
        if name in functions.NAMES or is_taken(name):
            raise equation.place.error(f"{name} has a meaning of its own; choose another name.")


def check_used(given: Iterable[str], used: Collection[str], known: Iterable[str]) -> None:
    """Refuse constants that no expression reads."""
    for name in given:
        if name not in used:
            raise ValueError(f"The constant {name!r} is in no equation{guess(name, {*known} - {name})}")


def check_units(equations: Sequence[Equation], units: Mapping[str, Any]) -> None:
    """Refuse equations whose units do not fit."""
    for equation in equations:
        if equation.expression is None:
            continue
        unit = units[equation.name]
        if equation.kind == "differential":
            equation.expression.check_unit(units, unit / u.ms, f"d{equation.name}/dt")
        else:
            equation.expression.check_unit(units, unit, equation.name)


def unit_of(equation: Equation) -> Any:
    """The unit that stands after the colon of an equation."""
    text = equation.unit.place.content
    if text in ("1", "integer", "float"):
        return u.UNITLESS
    if text in ("boolean", "bool"):
        return CONDITION
    equation.unit.check_names(())
    return equation.unit.unit({})


def _expressions(equations: Sequence[Equation], kind: str) -> dict[str, Expression]:
    return {e.name: e.expression for e in equations if e.kind == kind and e.expression is not None}


def _sorted(expressions: Mapping[str, Expression]) -> dict[str, Expression]:
    """The same, each after those it needs."""
    found: dict[str, Expression] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            chain = " → ".join((*path[path.index(name) :], name))
            raise expressions[name].place.error(f"{name} depends on itself: {chain}.")
        if name in expressions and name not in found:
            for needed in sorted(expressions[name].names):
                visit(needed, (*path, name))
            found[name] = expressions[name]

    for name in expressions:
        visit(name, ())
    return found
