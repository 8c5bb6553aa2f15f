"""Programs in which some operands are known numbers, which then cost nothing.

A factor 1 or an addend 0 goes away, what depends on numbers alone is computed here, and each operand that is left out
need not be handed over at every call.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._assemble import in_order, operands_of
from ._builder import Builder
from ._ir import Out, Program, Value
from ._simplify import is_number

PRODUCTS = ("mul", "fma", "fms", "fnma")  # with a factor 0 they are not always 0: the other may be infinite


def with_numbers(program: Program, numbers: Mapping[int, float]) -> Program:
    """The program with `numbers` {operand: number} in place of these operands, each one number for all neurons."""
    builder = Builder(f"float{program.dtype[1:]}")
    new: dict[int, Value] = {}
    for value in program.values:
        args = tuple(new[id(arg)] for arg in value.args)
        if value.op == "uin" and value.number is not None and value.number in numbers:
            new[id(value)] = builder.constant(numbers[value.number])
        elif value.op in ("guard", "endguard") or (value.op in PRODUCTS and any(is_number(x, 0) for x in args[:2])):
            new[id(value)] = builder.plain(value.op, *args, number=value.number)
        else:
            new[id(value)] = builder.make(value.op, *args, number=value.number)
    outs = [Out(new[id(out.value)], out.alias) for out in program.outs]
    sums = [new[id(value)] for value in program.sums]
    values = tuple(in_order([*(out.value for out in outs), *sums]))
    operands = operands_of(values, outs) if outs else program.operands  # without results they tell the population
    return Program(program.dtype, operands, values, tuple(outs), tuple(sums), program.out_places, program.sum_places)
