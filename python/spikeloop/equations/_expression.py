"""One expression in text: its names, its unit and its value."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._keywords import nearest
from . import _functions as functions
from ._place import Place
from ._units import factor, is_plain, shown, unit_named

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
    ast.Mod: lambda a, b: a % b,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_FUNCTIONS = f"there are {', '.join(functions.NAMES)}, and in neurons f(t) of an f=sl.TimedArray(…)."
CONDITION = object()  # stands for the unit of a condition


class Expression:
    """An expression as Python writes it, with the names of units as numbers."""

    def __init__(self, place: Place):
        text = place.content
        self.place = place.part(len(text) - len(text.lstrip()), len(text.rstrip()))
        try:
            # Line breaks within an equation mean nothing.
            self.tree = ast.parse(self.place.content.replace("\n", " "), mode="eval").body
        except SyntaxError as error:
            at = max(0, (error.offset or 1) - 1)
            raise self.place.part(at, at + 1).error(f"this is no expression: {error.msg}.") from None
        self.draws: dict[str, str] = {}  # the name of each rand() or randn(), and which of the two it is
        self.timed: dict[str, str] = {}  # "stimulus(t)" -> "stimulus"
        self.tree = _Named(self).visit(self.tree)
        self.names: frozenset[str] = frozenset(self._names(self.tree) - self.draws.keys())

    def at(self, node: ast.expr) -> Place:
        """Where a part of the expression stands."""
        return self.place.part(node.col_offset, node.end_col_offset or node.col_offset + 1)

    def check_names(self, known: Collection[str], hints: Mapping[str, str] | None = None) -> None:
        """Refuse names that are neither known nor units; `hints` say of some what to write instead."""
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Name)
                and node.id in self.names
                and node.id not in known
                and not unit_named(node.id)
            ):
                if node.id in self.timed:
                    raise self.at(node).error(f"there is no function {self.timed[node.id]!r}; {_FUNCTIONS}")
                near = nearest(node.id, known)
                hint = f"give its value: {node.id}=…" if near is None else f"did you mean {near!r}?"
                raise self.at(node).error(f"{node.id!r} is not known; {(hints or {}).get(node.id, hint)}")

    def _names(self, node: ast.expr) -> set[str]:
        """The names in a part; refuses what is no arithmetic."""
        match node:
            case ast.Name():
                return {node.id}
            case ast.Constant(value=bool() | int() | float()):
                return set()
            case ast.BinOp() if type(node.op) in _OPERATORS:
                return self._names(node.left) | self._names(node.right)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
                return self._names(node.operand)
            case ast.BoolOp():
                return set().union(*map(self._names, node.values))
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return self._names(node.left) | self._names(right)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._function_names(node, name)
        raise self.at(node).error("this is not understood; write arithmetic, comparisons and functions of numbers.")

    def _function_names(self, node: ast.Call, name: str) -> set[str]:
        if name == "poisson":
            raise self.at(node).error("poisson() is not there in text; write rand() < rate*dt for a spike.")
        if name not in functions.NAMES:
            raise self.at(node).error(f"there is no function {name!r}; {_FUNCTIONS}")
        if len(node.args) != (count := functions.ARGUMENTS.get(name, 1)):
            raise self.at(node).error(f"{name} takes {count} argument{'s' * (count > 1)}; given {len(node.args)}.")
        return set().union(*map(self._names, node.args))

    # --- units -------------------------------------------------------------------------------------------------------

    def unit(self, units: Mapping[str, Any]) -> Any:
        """The unit of the value, or CONDITION; refuses parts whose units do not fit."""
        return self._unit(self.tree, units)

    def check_unit(self, units: Mapping[str, Any], expected: Any, what: str) -> None:
        """Refuse a value of another dimension."""
        given = self.unit(units)
        if given is CONDITION or expected is CONDITION:
            if given is not expected:
                wanted = "a condition, such as v > V_th" if expected is CONDITION else "a number, not a condition"
                raise self.place.unit_error(f"{what} must be {wanted}.")
        elif not given.has_same_dim(expected):
            raise self.place.unit_error(f"{what} must be in {shown(expected)}; this is in {shown(given)}.")

    def _unit(self, node: ast.expr, units: Mapping[str, Any]) -> Any:
        match node:
            case ast.Name(id=name) if name in self.draws:
                return u.UNITLESS
            case ast.Name():
                return units[node.id] if node.id in units else unit_named(node.id)
            case ast.Constant(value=bool()):
                return CONDITION
            case ast.Constant():
                return u.UNITLESS
            case ast.UnaryOp(op=ast.Not()):
                self._expect(node.operand, units, CONDITION)
                return CONDITION
            case ast.UnaryOp():
                return self._number_unit(node.operand, units)
            case ast.BoolOp():
                for value in node.values:
                    self._expect(value, units, CONDITION)
                return CONDITION
            case ast.Compare(comparators=[right]):
                self._same(node, [node.left, right], units, "the two sides of a comparison")
                return CONDITION
            case ast.BinOp():
                return self._operator_unit(node, units)
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return self._function_unit(node, node.func.id, units)

    def _operator_unit(self, node: ast.BinOp, units: Mapping[str, Any]) -> Any:
        match node.op:
            case ast.Mult():
                return self._number_unit(node.left, units) * self._number_unit(node.right, units)
            case ast.Div():
                return self._number_unit(node.left, units) / self._number_unit(node.right, units)
            case ast.Pow():
                return self._power_unit(node, units)
        sign = {ast.Add: "+", ast.Sub: "-"}.get(type(node.op), "%")
        return self._same(node, [node.left, node.right], units, f"the two sides of {sign}")

    def _power_unit(self, node: ast.BinOp, units: Mapping[str, Any]) -> Any:
        base = self._number_unit(node.left, units)
        self._expect(node.right, units, u.UNITLESS)
        if is_plain(base):
            return u.UNITLESS
        exponent = _constant(node.right)
        if exponent is None:
            raise self.at(node.right).unit_error(f"the exponent of a value in {shown(base)} must be a plain number.")
        return base ** (int(exponent) if exponent.denominator == 1 else float(exponent))

    def _function_unit(self, node: ast.Call, name: str, units: Mapping[str, Any]) -> Any:
        if name in functions.PLAIN:
            self._expect(node.args[0], units, u.UNITLESS)
            return u.UNITLESS
        if name in functions.KEEPING:
            return self._same(node, node.args, units, f"the arguments of {name}")
        given = self._unit(node.args[0], units)
        if name == "int":
            if given is not CONDITION:
                self._expect(node.args[0], units, u.UNITLESS)
            return u.UNITLESS
        given = self._number_unit(node.args[0], units)
        return given**0.5 if name == "sqrt" and not is_plain(given) else u.UNITLESS

    def _same(self, node: ast.expr, parts: list[ast.expr], units: Mapping[str, Any], what: str) -> Any:
        first, *others = [self._number_unit(part, units) for part in parts]
        for other in others:
            if not first.has_same_dim(other):
                raise self.at(node).unit_error(f"{what} have two units: {shown(first)} and {shown(other)}.")
        return first

    def _number_unit(self, node: ast.expr, units: Mapping[str, Any]) -> Any:
        unit = self._unit(node, units)
        if unit is CONDITION:
            raise self.at(node).unit_error("a condition is no number; write int(…) to have 0 or 1.")
        return unit

    def _expect(self, node: ast.expr, units: Mapping[str, Any], expected: Any) -> None:
        given = self._unit(node, units)
        if expected is CONDITION:
            if given is not CONDITION:
                raise self.at(node).unit_error("this must be a condition, such as v > V_th.")
        elif given is CONDITION or not is_plain(given):
            raise self.at(node).unit_error(f"this must be a number without a unit; it is in {shown(given)}."
                                           if given is not CONDITION else "this must be a number.")  # fmt: skip

    # --- values ------------------------------------------------------------------------------------------------------

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value, in coherent units, from values by name."""
        return self.value_of(self.tree, values)

    def value_of(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        """The value of a part of the expression."""
        match node:
            case ast.Name():
                return values[node.id] if node.id in values else factor(unit_named(node.id))
            case ast.Constant(value=bool() as value):
                return value
            case ast.Constant(value=int() | float() as value):
                return float(value)  # whole numbers have no derivatives
            case ast.UnaryOp(op=op, operand=operand):
                value = self.value_of(operand, values)
                return (
                    jnp.logical_not(value) if isinstance(op, ast.Not) else -value if isinstance(op, ast.USub) else value
                )
            case ast.BinOp():
                return self._operator(node, values)
            case ast.BoolOp():
                join = jnp.logical_and if isinstance(node.op, ast.And) else jnp.logical_or
                first, *others = [self.value_of(part, values) for part in node.values]
                for other in others:
                    first = join(first, other)
                return first
            case ast.Compare(ops=[op], comparators=[right]):
                return _COMPARISONS[type(op)](self.value_of(node.left, values), self.value_of(right, values))
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return functions.call(node.func.id, [self.value_of(arg, values) for arg in node.args])

    def _operator(self, node: ast.BinOp, values: Mapping[str, Any]) -> Any:
        left = self.value_of(node.left, values)
        if isinstance(node.op, ast.Pow) and (exponent := _constant(node.right)) is not None:
            return left ** (int(exponent) if exponent.denominator == 1 else float(exponent))
        return _OPERATORS[type(node.op)](left, self.value_of(node.right, values))


class _Named(ast.NodeTransformer):
    """Makes names of calls whose value is known before the step, and a number of pi.

    Each rand() and randn() gets a name that no other one in the model has; `f(t)` and `f(t, i)` become "f(t)".
    """

    def __init__(self, expression: Expression):
        self.expression = expression

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(math.pi), node) if node.id == "pi" else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node = self.generic_visit(node)  # pyright: ignore[reportAssignmentType]
        if not isinstance(node.func, ast.Name):
            return node
        if node.func.id not in (*functions.NAMES, *functions.DRAWS) and _is_of_time(node):
            self.expression.timed[name := f"{node.func.id}(t)"] = node.func.id
            return ast.copy_location(ast.Name(name, ast.Load()), node)
        if node.func.id not in functions.DRAWS:
            return node
        place = self.expression.at(node)
        if node.args or node.keywords:
            raise place.error(f"{node.func.id}() takes no arguments.")
        name = f"{node.func.id}() at {place.start} of {place.name}"
        self.expression.draws[name] = node.func.id
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _is_of_time(node: ast.Call) -> bool:
    """Whether a call is `f(t)` or `f(t, i)`."""
    return [getattr(arg, "id", None) for arg in node.args] in (["t"], ["t", "i"]) and not node.keywords


def _constant(node: ast.expr) -> Fraction | None:
    """The number that an exponent is, if it is written as one: `2`, `-2`, `1/2`."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return Fraction(value).limit_denominator(10_000)
        case ast.UnaryOp(op=ast.USub(), operand=operand) if (value := _constant(operand)) is not None:
            return -value
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above, below = _constant(left), _constant(right)
            return above / below if above is not None and below else None
    return None
