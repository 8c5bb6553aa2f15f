"""From JAX to operations: a traced function of one neuron, equation by equation.

The names on the left are those of JAX's primitives. Calls are inlined and loops of constant length unrolled; what is
not elementwise raises `NoProgram`, which names the primitive and the line of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, TypeAlias

import jax
import numpy as np

from ..._jax import Literal, counts_of_scan, is_tracer, source_line
from ._builder import Builder, maximum, minimum, select
from ._expand import EXPANSIONS, function
from ._ir import IllTyped, Operand, Value, apply, number_of

LONGEST_LOOP = 64  # turns
LARGEST_POWER = 64

# A truth value or float of the program; a constant of another kind or shape; or one float for each turn of a loop.
Known: TypeAlias = "Value | np.ndarray | list[Value]"


class NoProgram(Exception):
    """A function that cannot become a program; says which equation stands in the way."""

    @classmethod
    def at(cls, equation: Any, why: str = "") -> NoProgram:
        """With the primitive and the line of this equation."""
        return cls(f"{equation.primitive.name} ({source_line(equation)}) has no native form{why and ': '}{why}")


class _Unfit(Exception):
    """Why an equation has no native form."""


# --- the table -------------------------------------------------------------------------------------------------------

SAME = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "max": "max", "min": "min",
    "neg": "neg", "abs": "abs", "sqrt": "sqrt", "floor": "floor", "gt": "gt", "ge": "ge",
    "not": "bnot", "and": "band", "or": "bor", "xor": "bxor",
}  # fmt: skip
SHAPES = ("broadcast_in_dim", "reshape", "squeeze", "expand_dims")
UNCHANGED = (*SHAPES, "stop_gradient", "copy", "copy_p", "pvary", "real")
CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")  # functions with derivatives of their own
INLINED = ("jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", *CUSTOM)


def _power(x: Value, y: Any) -> Value:
    """A power: by multiplication if the exponent is a small whole number."""
    if isinstance(y, Value):
        y = y if (number := number_of(y)) is None else number
    if isinstance(y, Value) or not float(y).is_integer() or abs(y) > LARGEST_POWER:
        return function("pow", x, y if isinstance(y, Value) else x.builder.constant(y))
    return 1.0 / _product(x, int(-y)) if y < 0 else _product(x, int(y))


def _product(x: Value, n: int) -> Value:
    """xⁿ, by multiplication."""
    if n < 2:
        return x if n else x.builder.constant(1.0)
    half = _product(x, n // 2)
    return half * half * x if n % 2 else half * half


def _equal(x: Value, y: Value) -> Value:
    return apply("bnot", apply("bxor", x, y)) if x.type == "b" else apply("eq", x, y)


def _unequal(x: Value, y: Value) -> Value:
    return apply("bxor" if x.type == "b" else "ne", x, y)


def _choice(condition: Value, yes: Operand, no: Operand) -> Value:
    """A select of the model's own, which may become a region."""
    made = select(condition, yes, no)
    if made.op == "sel":
        made.builder.choices[id(made)] = 2 if made.args[0] in condition.args else 1
    return made


def _round(x: Value, *, rounding_method: Any) -> Value:
    if rounding_method != jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        raise _Unfit("round away from zero")
    return apply("round", x)


def _converted(x: Value, *, new_dtype: Any, **_: Any) -> Value:
    if np.dtype(new_dtype).kind == "b":
        return x if x.type == "b" else apply("ne", x, 0.0)
    if x.type == "b" and np.issubdtype(new_dtype, np.integer):
        return x  # the number of a branch of `cond`
    if new_dtype != x.builder.dtype:
        raise _Unfit(f"conversion to {np.dtype(new_dtype).name}")
    return select(x, 1.0, 0.0) if x.type == "b" else x


RULES: dict[str, Callable[..., Value]] = {
    **{name: lambda *args, _op=op: apply(_op, *args) for name, op in SAME.items()},
    **{name: partial(function, name) for name in EXPANSIONS},
    "lt": lambda x, y: apply("gt", y, x),
    "le": lambda x, y: apply("ge", y, x),
    "eq": _equal,
    "ne": _unequal,
    "ceil": lambda x: -apply("floor", -x),
    "round": _round,
    "rsqrt": lambda x, **_: 1.0 / apply("sqrt", x),
    "log2": lambda x: function("log", x) / math.log(2),
    "square": lambda x: x * x,
    "one_minus_square": lambda x: (1.0 + x) * (1.0 - x),
    "polynomial": lambda x, *coefficients: reduce(lambda y, c: y * x + c, coefficients[::-1]),
    "integer_pow": lambda x, *, y: _power(x, y),
    "pow": _power,
    "is_finite": lambda x: abs(x) < np.inf,
    "clamp": lambda low, x, high: minimum(high, maximum(low, x)),
    "select_n": lambda condition, no, yes: _choice(condition, yes, no),
    "convert_element_type": _converted,
    "uniform_of_neuron": lambda like, *words, k: like.builder.plain("draw", *words, number=k),
    **dict.fromkeys(UNCHANGED, lambda x, **_: x),
}
PARAMETERS = (
    "round",
    "integer_pow",
    "convert_element_type",
    "uniform_of_neuron",
    *UNCHANGED,
)  # rules that need those of the equation


# --- the walk --------------------------------------------------------------------------------------------------------


def lower(jaxpr: Any, consts: Sequence[Any], args: Sequence[Known], builder: Builder) -> list[Known]:
    """The results of a jaxpr without constants of its own on `args`."""
    known: dict[Any, Known] = dict(zip(jaxpr.invars, args, strict=True))
    known |= {var: _constant(x, builder) for var, x in zip(jaxpr.constvars, consts, strict=True)}

    def read(atom: Any) -> Known:
        return _constant(atom.val, builder) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        try:
            results = _equation(equation, [read(atom) for atom in equation.invars], builder)
        except (_Unfit, IllTyped) as error:
            raise NoProgram.at(equation, str(error)) from error
        known |= dict(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _equation(equation: Any, args: list[Known], builder: Builder) -> Sequence[Known]:
    """The results of one equation."""
    name, params = equation.primitive.name, equation.params
    if equation.effects:
        raise _Unfit("it has side effects")
    if name in INLINED:
        return _inlined(params, args, builder)
    if name == "scan":
        return _unrolled(args, builder, **params)
    if name == "cond":
        return _branches(args, builder, **params)
    if not any(isinstance(arg, (Value, list)) for arg in args):
        with jax.ensure_compile_time_eval():
            results = equation.primitive.bind(*args, **params)
        return [_constant(x, builder) for x in (results if equation.primitive.multiple_results else [results])]
    if name not in RULES or any(var.aval.ndim for var in equation.outvars) or list in map(type, args):
        raise _Unfit("")
    if equation.outvars[0].aval.dtype.kind not in "bf" and name != "convert_element_type":
        raise _Unfit("whole numbers")
    plain = [x.item() if isinstance(x, np.ndarray) else x for x in args]
    return [RULES[name](*plain, **(params if name in PARAMETERS else {}))]


def _constant(x: Any, builder: Builder) -> Known:
    """A float or truth value; or the array itself."""
    if is_tracer(x):
        raise NoProgram("the model holds a value of an outer trace")
    array = np.asarray(x)
    if array.ndim == 0 and array.dtype == bool:
        return builder.truth(bool(array))
    is_float = array.ndim == 0 and np.issubdtype(array.dtype, np.floating)
    return builder.constant(float(array)) if is_float else array


def inner(params: dict[str, Any]) -> tuple[Any, Sequence[Any]]:
    """(jaxpr, constants) of a call."""
    found = next(params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr") if name in params)
    return getattr(found, "jaxpr", found), getattr(found, "consts", ())


def _inlined(params: dict[str, Any], args: list[Known], builder: Builder) -> list[Known]:
    jaxpr, consts = inner(params)
    return lower(jaxpr, consts, args, builder)


def _unrolled(
    args: list[Known], builder: Builder, *, jaxpr: Any, length: int, reverse: bool, **params: Any
) -> list[Known]:
    if length > LONGEST_LOOP:
        raise _Unfit(f"a loop of {length} turns, more than {LONGEST_LOOP}")
    num_consts, num_carry = counts_of_scan(params)
    consts, carry, xs = args[:num_consts], args[num_consts:][:num_carry], args[num_consts + num_carry :]
    stacked: list[list[Value]] = [[] for _ in jaxpr.jaxpr.outvars[num_carry:]]
    turns = range(length)[::-1] if reverse else range(length)
    for k in turns:
        now = [x[k] if isinstance(x, list) else _constant(x[k], builder) for x in xs]  # pyright: ignore[reportIndexIssue]
        results = lower(jaxpr.jaxpr, jaxpr.consts, [*consts, *carry, *now], builder)
        carry = results[:num_carry]
        for rows, row in zip(stacked, results[num_carry:], strict=True):
            rows.append(row)  # pyright: ignore[reportArgumentType]
    return [*carry, *(rows[::-1] if reverse else rows for rows in stacked)]


def _branches(args: list[Known], builder: Builder, *, branches: Sequence[Any], **_: Any) -> list[Known]:
    which, *rest = args
    results = [lower(branch.jaxpr, branch.consts, rest, builder) for branch in branches]
    if not isinstance(which, Value):
        return results[min(max(int(np.asarray(which)), 0), len(branches) - 1)]
    if len(branches) != 2:
        raise _Unfit(f"a choice among {len(branches)} branches")
    return [_choice(which, yes, no) for no, yes in zip(*results, strict=True)]
