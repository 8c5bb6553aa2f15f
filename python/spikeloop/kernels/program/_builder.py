"""Builder: makes the values of a program, each operation once, in its simplest form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._ir import VARIES, Operand, Value, apply, result_type
from ._simplify import simplified


class Builder:
    """The values of a program of one float type; it expands math functions, unless the program is for readers."""

    def __init__(self, dtype: str, expands: bool = True):
        self.dtype = np.dtype(dtype)
        self.expands = expands
        self.word = np.dtype(f"uint{8 * self.dtype.itemsize}")
        self.inverses: dict[int, Callable[[], Value]] = {}  # what makes 1/x, for values x of which it is simpler
        self.choices: dict[int, int] = {}  # selects of the model: the place of what it takes where its condition holds
        self._values: dict[tuple, Value] = {}

    def make(self, op: str, *args: Operand, number: int | None = None) -> Value:
        """The value of an operation, simplified."""
        values = tuple(arg if isinstance(arg, Value) else self.constant(arg) for arg in args)
        made = simplified(self, op, values)
        return self.plain(op, *values, number=number) if made is None else made

    def plain(self, op: str, *args: Value, number: int | None = None) -> Value:
        """The value of an operation as it stands."""
        key = (op, *map(id, args), number)  # the values live as long as the builder, so that ids are unique
        if key not in self._values:
            uniform = op not in VARIES and all(arg.uniform for arg in args)
            self._values[key] = Value(op, args, number, result_type(op, args), uniform, self)
        return self._values[key]

    def input(self, number: int, uniform: bool) -> Value:
        """The operand `number`."""
        return self.plain("uin" if uniform else "in", number=number)

    def input_word(self, number: int) -> Value:
        """The operand `number`, a word that is the same for all."""
        return self.plain("win", number=number)

    def constant(self, x: float) -> Value:
        """A float."""
        return self.plain("const", number=int(self.dtype.type(x).view(self.word)))

    def integer(self, x: int) -> Value:
        """A word of bits."""
        return self.plain("iconst", number=x)

    def truth(self, x: bool) -> Value:
        """True or false."""
        one = self.constant(1.0)
        return self.plain("ge" if x else "gt", one, one)


# --- what has no operator --------------------------------------------------------------------------------------------


def fma(a: Operand, b: Operand, c: Operand) -> Value:
    """a·b + c, rounded once."""
    return apply("fma", a, b, c)


def fms(a: Operand, b: Operand, c: Operand) -> Value:
    """a·b − c, rounded once."""
    return apply("fms", a, b, c)


def fnma(a: Operand, b: Operand, c: Operand) -> Value:
    """−a·b + c, rounded once."""
    return apply("fnma", a, b, c)


def select(condition: Value, yes: Operand, no: Operand) -> Value:
    """`yes` where the condition holds, else `no`."""
    return apply("sel", condition, yes, no)


def minimum(a: Operand, b: Operand) -> Value:
    """The smaller one; `b` where either is NaN."""
    return apply("min", a, b)


def maximum(a: Operand, b: Operand) -> Value:
    """The greater one; `b` where either is NaN."""
    return apply("max", a, b)
