"""Simplification of one operation, while a program is built.

What a rule changes beside the cost: 0·x is 0 for an infinite x or a NaN too; so is a product with a truth value that
does not hold; a quotient by a uniform value is a product with its reciprocal, one rounding more. Nothing is reordered,
so sums that keep their rounding errors stay as they are written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._ir import number_of

if TYPE_CHECKING:
    from ._builder import Builder
    from ._ir import Value

Rule = Callable[..., "Value | None"]  # (*operands) -> something simpler, or None

_FOLDS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
    "sqrt": np.sqrt, "round": np.rint, "trunc": np.trunc, "floor": np.floor,
    "min": lambda a, b: a if a < b else b, "max": lambda a, b: a if a > b else b,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip


def simplified(builder: Builder, op: str, args: tuple[Value, ...]) -> Value | None:
    """What the operation is in simpler form; None where it is simple."""
    return _folded(builder, op, args) or (_RULES[op](*args) if op in _RULES else None)


def _folded(builder: Builder, op: str, args: tuple[Value, ...]) -> Value | None:
    """The constant that an operation on constants is."""
    numbers = [number_of(x) for x in args]
    if op not in _FOLDS or any(x is None for x in numbers):
        return None
    with np.errstate(all="ignore"):
        found = _FOLDS[op](*numbers)
    return builder.truth(bool(found)) if op in ("gt", "ge", "eq", "ne") else builder.constant(found)


def _add(a: Value, b: Value) -> Value | None:
    if is_number(a, 0):
        return b
    if is_number(b, 0):
        return a
    if b.op == "neg":
        return a - b.args[0]
    return b - a.args[0] if a.op == "neg" else _halves(a, b)


def _halves(a: Value, b: Value) -> Value | None:
    """The sum of a value where a condition holds and the same where it does not, as both cases of a slope give it."""
    if not (a.op == b.op == "sel" and a.args[0] is b.args[0]):
        return None
    for (_, yes, zero), (_, also_zero, no) in ((a.args, b.args), (b.args, a.args)):
        if yes is no and is_number(zero, 0) and is_number(also_zero, 0):
            return yes
    return None


def _sub(a: Value, b: Value) -> Value | None:
    if is_number(b, 0):
        return a
    if is_number(a, 0):
        return b.args[0] if b.op == "neg" else b.builder.plain("neg", b)  # which products and their sums take in
    if b.op == "neg":
        return a + b.args[0]
    if a.op == "neg":
        return -(a.args[0] + b)
    held = truth_of(b)
    if held and a is b:
        return a.builder.constant(0.0)
    return _number_of(held, 0, 1) if is_number(a, 1) and held else None


def _mul(a: Value, b: Value) -> Value | None:
    for x, y in ((a, b), (b, a)):
        if is_number(x, 0):
            return x
        if is_number(x, 1):
            return y
        if is_number(x, -1):
            return -y
        if held := truth_of(x):
            return y.builder.make("sel", held, y, 0.0)
        if x.op == "neg":
            return -(x.args[0] * y)
    return None


def _div(a: Value, b: Value) -> Value | None:
    if is_number(b, 1) or is_number(a, 0):
        return a
    if id(b) in b.builder.inverses:
        return a * b.builder.inverses[id(b)]()
    if b.op == "sel" and all(
        number_of(x) in (1, 2) for x in b.args[1:]
    ):  # the slope of `min` and `max`, shared by ties
        return a * _number_of(b.args[0], *(1 / float(number_of(x)) for x in b.args[1:]))
    if b.op == "mul" and b.args[0] is b.args[1] and id(b.args[0]) in b.builder.inverses:
        inverse = b.builder.inverses[id(b.args[0])]()
        return a * inverse * inverse
    return a * (1.0 / b) if b.uniform and not a.uniform else None


def _fma(a: Value, b: Value, c: Value) -> Value | None:
    """a·b + c, which rounds once, so that a factor 1 or a sign can go."""
    for x, y in ((a, b), (b, a)):
        if is_number(x, 1):
            return y + c
        if x.op == "neg":
            return c.builder.make("fnma", x.args[0], y, c)
    return None


def _fnma(a: Value, b: Value, c: Value) -> Value | None:
    for x, y in ((a, b), (b, a)):
        if is_number(x, 1):
            return c - y
        if x.op == "neg":
            return c.builder.make("fma", x.args[0], y, c)
    return None


def _neg(a: Value) -> Value | None:
    if a.op == "neg":
        return a.args[0]
    return a.args[1] - a.args[0] if a.op == "sub" else None


def _positive(a: Value, b: Value) -> Value | None:
    """A comparison of a truth value as a number with 0."""
    return truth_of(a) if is_number(b, 0) else None


def _against_zero(op: str) -> Rule:
    """Let (x − t)·s ≥ 0 be x ≥ t for numbers t and s: the same, unless the smallest difference times s could be 0."""

    def rule(a: Value, b: Value) -> Value | None:
        if not is_number(b, 0):
            return None
        scale, difference = _scale_of(a)
        if difference.op != "sub" or (t := number_of(difference.args[1])) is None:
            return None
        kind = np.finfo(a.builder.dtype)
        smallest = abs(float(t)) * float(kind.eps) / 4 * min(scale, 1.0)
        fits = np.isfinite(t) and np.isfinite(scale) and smallest >= float(kind.tiny)
        return a.builder.make(op, *difference.args) if fits else None

    return rule


def _scale_of(value: Value) -> tuple[float, Value]:
    """(s, x): a value as a product of a number and x; the number is 1 if it is no such product."""
    for x, y in (value.args, value.args[::-1]) if value.op == "mul" else ():
        if (number := number_of(x)) is not None:
            return float(number), y
    return 1.0, value


def _nan_of_the_variable(op: str) -> Rule:
    """`min` and `max` give their second operand where either is NaN: let this be the one that varies."""
    return lambda a, b: a.builder.plain(op, b, a) if b.uniform and not a.uniform else None


def _sel(condition: Value, yes: Value, no: Value) -> Value | None:
    builder = condition.builder
    if yes is no or condition is builder.truth(True):
        return yes
    if condition is builder.truth(False):
        return no
    if is_number(yes, 0) and is_number(no, 1):
        return _number_of(_not(condition), 1, 0)
    if condition.op == "bnot" and not (is_number(yes, 1) and is_number(no, 0)):
        return builder.make("sel", condition.args[0], no, yes)
    if (held := truth_of(yes)) and is_number(no, 0):
        return _number_of(builder.make("band", condition, held), 1, 0)
    if (held := truth_of(no)) and is_number(yes, 0):
        return _number_of(builder.make("band", _not(condition), held), 1, 0)
    if yes.type == "b":
        return builder.make("bor", builder.make("band", condition, yes), builder.make("band", _not(condition), no))
    return None


def _logic(neutral: bool) -> Rule:
    """`band` (neutral: true) and `bor` (neutral: false)."""

    def rule(a: Value, b: Value) -> Value | None:
        for x, y in ((a, b), (b, a)):
            if x is y or x is x.builder.truth(neutral):
                return y
            if x is x.builder.truth(not neutral):
                return x
        return None

    return rule


def _bnot(a: Value) -> Value | None:
    if a.op == "bnot":
        return a.args[0]
    for x in (True, False):
        if a is a.builder.truth(x):
            return a.builder.truth(not x)
    opposite = {"eq": "ne", "ne": "eq"}
    return a.builder.make(opposite[a.op], *a.args) if a.op in opposite else None


_RULES: dict[str, Rule] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg,
    "abs": lambda a: abs(a.args[0]) if a.op == "neg" else None,
    "fma": _fma, "fnma": _fnma,
    "gt": lambda a, b: _positive(a, b) or _against_zero("gt")(a, b), "ge": _against_zero("ge"), "ne": _positive,
    "min": _nan_of_the_variable("min"), "max": _nan_of_the_variable("max"),
    "sel": _sel, "band": _logic(True), "bor": _logic(False), "bnot": _bnot,
}  # fmt: skip


# --- forms -----------------------------------------------------------------------------------------------------------


def is_number(value: Value, number: float) -> bool:
    return value.op == "const" and number_of(value) == number


def truth_of(value: Value) -> Value | None:
    """The truth value that a number is, 1 where it holds and else 0."""
    return value.args[0] if value.op == "sel" and is_number(value.args[1], 1) and is_number(value.args[2], 0) else None


def _number_of(condition: Value, yes: float, no: float) -> Value:
    return condition.builder.make("sel", condition, yes, no)


def _not(condition: Value) -> Value:
    return condition.builder.make("bnot", condition)
