"""Threshold and reset of a model in text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from .._hard_reset import hard_reset
from ._expression import CONDITION, Expression
from ._text import Statement

if TYPE_CHECKING:
    from ._model import TextModel


class Reset:
    """What a spike does to the states: the statements in their order."""

    def __init__(self, given: Sequence[Statement], model: TextModel):
        self.statements, self.model = given, model
        for statement in given:
            if statement.name not in model.states:
                raise statement.place.error(
                    f"a reset sets states; {statement.name!r} is none of {', '.join(model.states)}."
                )
            statement.expression.check_names({*model.units})
            factor = statement.operator in ("*=", "/=")
            unit = model.units[statement.name]
            statement.expression.check_unit(
                model.units, unit / unit if factor else unit, f"the value for {statement.name}"
            )

    @property
    def level(self) -> Expression | None:
        """The potential after a spike, if the reset sets it to something constant."""
        for statement in self.statements:
            if statement.name == self.model.potential and statement.operator == "=":
                return None if statement.expression.names & {*self.model.states} else statement.expression
        return None

    @property
    def start(self) -> Any:
        """The constant that the potential starts from, by name; None if the reset names none."""
        level = self.level
        return (
            level.tree.id
            if level and isinstance(level.tree, ast.Name) and level.tree.id in self.model.constants
            else None
        )

    def __call__(self, p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        known = self.model.values(p, s)
        for statement in self.statements:
            old = known[statement.name]
            value = statement.expression(self.model.system.with_others(known))
            known[statement.name] = assigned(statement.operator, old, value, spike)
        for name in {statement.name: None for statement in self.statements}:
            setattr(s, self.model.attribute(name), self.model.stored(name, known[name]))


class Threshold:
    """The distance from threshold: ≥ 0 where the condition holds.

    It is measured in units of the distance from the reset to the threshold where both are constant, which is what
    surrogate gradients expect, else in coherent units, such as mV.
    """

    def __init__(self, given: Expression, model: TextModel):
        self.expression, self.model = given, model
        given.check_names({*model.units})
        given.check_unit(model.units, CONDITION, "threshold")

    def __call__(self, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        known = self.model.system.with_others(self.model.values(p, s))
        return self._distance(self.expression.tree, known) / self._scale(known)

    def _distance(self, node: ast.expr, known: dict[str, Any]) -> Any:
        match node:
            case ast.Compare(left=left, ops=[ast.Gt() | ast.GtE()], comparators=[right]):
                return self.expression.value_of(left, known) - self.expression.value_of(right, known)
            case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE()], comparators=[right]):
                return self.expression.value_of(right, known) - self.expression.value_of(left, known)
            case ast.BoolOp(op=op, values=values):
                first, *others = [self._distance(value, known) for value in values]
                for other in others:
                    first = jnp.minimum(first, other) if isinstance(op, ast.And) else jnp.maximum(first, other)
                return first
            case ast.Constant(value=bool() as always):
                return jnp.full_like(known[self.model.potential], 1.0 if always else -1.0)
        raise self.expression.at(node).error("a threshold compares numbers by > or <, joined by and, or.")

    def _scale(self, known: dict[str, Any]) -> Any:
        level, tree = self.model.reset.level, self.expression.tree
        if level is None or not isinstance(tree, ast.Compare) or not isinstance(tree.left, ast.Name):
            return 1.0
        names = {node.id for node in ast.walk(tree.comparators[0]) if isinstance(node, ast.Name)}
        if tree.left.id != self.model.potential or names & {*self.model.states, *self.model.system.other}:
            return 1.0
        return self.expression.value_of(tree.comparators[0], known) - level(known)


def assigned(operator: str, old: Any, value: Any, spike: Any) -> Any:
    """A value after a statement, where there was a spike."""
    match operator:
        case "=":
            return hard_reset(old, value, spike)
        case "+=":
            return old + value * spike
        case "-=":
            return old - value * spike
        case "*=":
            return old * (1 + (value - 1) * spike)
    return old / (1 + (value - 1) * spike)
