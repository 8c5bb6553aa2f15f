"""The program of a step: operations on one neuron in static single assignment form.

A value is the result of one operation. Values of equal operation and operands are one object, made by a `Builder`, so
a program is a graph in which nothing is computed twice. A `Program` is that graph in an order, and prints as the text
that native code takes; docs/native.md lists the operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ._builder import Builder

# Types: f a float of the program's width, b a truth value, i an unsigned integer of the same width, w a word, * any of
# f and i.
_SIGNATURES = {
    "-> f": "const in uin",
    "-> b": "bin",  # a bit of an operand
    "-> i": "iconst",
    "-> w": "lane win wconst",  # words of 32 bits: the number of the neuron, an operand, a constant
    "f -> f": "neg abs sqrt round trunc floor",
    "f f -> f": "add sub mul div min max scalb",
    "f f f -> f": "fma fms fnma",
    "f f -> b": "gt ge eq ne",
    "b -> b": "bnot",
    "b b -> b": "band bor bxor",
    "b * * -> *": "sel",
    "b f -> f": "guard",  # guard(b, near) is near, and starts what may be skipped where b holds for no neuron
    "f b f -> f": "endguard",  # endguard(guard(b, near), b, exact) is exact where b holds, else near
    "f -> i": "bits ftoi",
    "i -> f": "float itof",
    "i -> i": "shl shr ushr",
    "i i -> i": "iand ior ixor iadd isub",
    "w w -> w": "wmulhi wmul wxor wadd",
    "w -> f": "wtof",
}
SIGNATURES = {op: signature.split() for signature, ops in _SIGNATURES.items() for op in ops.split()}
READS = ("in", "bin", "uin", "win")  # what reads an operand
VARIES = ("in", "bin", "lane")  # what differs between neurons by itself
FREE = (*VARIES, "guard", "endguard")  # what is no operation of its own, and never stands in a region
_FUNCTIONS = "exp exp2 expm1 exprel exprel_slope logistic tanh log log1p sin cos tan sign"
# Functions by name occur in programs for readers only: native code knows what they expand to.
SIGNATURES |= {name: ["f", "->", "f"] for name in _FUNCTIONS.split()} | {"pow": ["f", "f", "->", "f"]}
SIGNATURES["uniform"] = ["f", "w", "w", "->", "f"]


@dataclass(frozen=True, eq=False, repr=False)
class Value:
    """The result of an operation; two values are equal if they are the same object."""

    op: str
    args: tuple[Value, ...]
    number: int | None  # the bits of a constant, the number of an operand, the distance of a shift, which guard it is
    type: str
    uniform: bool  # the same for all neurons
    builder: Builder

    def __add__(self, other: Operand) -> Value:
        return apply("add", self, other)

    def __radd__(self, other: float) -> Value:
        return apply("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return apply("sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return apply("sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return apply("mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return apply("mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return apply("div", self, other)

    def __rtruediv__(self, other: float) -> Value:
        return apply("div", other, self)

    def __neg__(self) -> Value:
        return apply("neg", self)

    def __abs__(self) -> Value:
        return apply("abs", self)

    def __gt__(self, other: Operand) -> Value:
        return apply("gt", self, other)

    def __ge__(self, other: Operand) -> Value:
        return apply("ge", self, other)

    def __lt__(self, other: Operand) -> Value:
        return apply("gt", other, self)

    def __le__(self, other: Operand) -> Value:
        return apply("ge", other, self)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(arg.op for arg in self.args)})"


Operand: TypeAlias = Value | float  # a number stands for a constant


def apply(op: str, *args: Operand, number: int | None = None) -> Value:
    """The value of an operation, at least one operand of which is a value."""
    builder = next(arg.builder for arg in args if isinstance(arg, Value))
    return builder.make(op, *args, number=number)


def number_of(value: Value) -> Any:
    """The float that a constant is, None of what is no constant."""
    builder = value.builder
    return builder.word.type(value.number).view(builder.dtype) if value.op == "const" else None


@dataclass(frozen=True)
class Out:
    """A result with one number for each neuron."""

    value: Value
    alias: int | None  # the operand that it replaces


@dataclass(frozen=True)
class Program:
    """Values in an order in which each comes after its operands, and which of them are results."""

    dtype: str  # f32 or f64
    operands: tuple[int, ...]  # those that it takes, by the numbers of `in` and `uin`
    values: tuple[Value, ...]
    outs: tuple[Out, ...]
    sums: tuple[Value, ...]  # results added up over the neurons
    out_places: tuple[int, ...]  # where among the results of the step the outs are,
    sum_places: tuple[int, ...]  # and where the sums are

    def text(self) -> str:
        """The program as native code takes it: operands have the numbers of their places in `operands`."""
        place = {id(value): k for k, value in enumerate(self.values)}
        lines = [f"program {self.dtype} inputs {len(self.operands)}"]
        for k, value in enumerate(self.values):
            args = (str(place[id(arg)]) for arg in value.args)
            lines.append(" ".join([f"{k} =", value.op, *args, *self._number(value)]))
        for out in self.outs:
            alias = "" if out.alias is None else f" alias {self.operands.index(out.alias)}"
            lines.append(f"out {place[id(out.value)]}{alias}")
        lines += [f"sum {place[id(value)]}" for value in self.sums]
        return "\n".join(lines) + "\n"

    def _number(self, value: Value) -> Iterable[str]:
        if value.op in ("const", "iconst"):
            yield f"{value.number:0{16 if self.dtype == 'f64' else 8}x}"
        elif value.op == "wconst":
            yield f"{value.number:08x}"
        elif value.op in READS:
            yield str(self.operands.index(value.number))
        elif value.op in ("shl", "shr", "ushr"):
            yield f"#{value.number}"


class IllTyped(TypeError):
    """An operation on operands of other types than it takes."""


def result_type(op: str, args: tuple[Value, ...]) -> str:
    """The type of the result."""
    *wanted, _, made = SIGNATURES[op]
    given = [arg.type for arg in args]
    free = given[-1] if "*" in wanted else ""
    if [free if want == "*" else want for want in wanted] != given:
        raise IllTyped(f"{op} takes {' '.join(wanted) or 'nothing'}; given {' '.join(given) or 'nothing'}")
    return free if made == "*" else made
