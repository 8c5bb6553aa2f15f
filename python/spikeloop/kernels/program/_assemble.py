"""From the results of a step to its program: products fused into sums, and an order with short lives of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ._builder import Builder
from ._ir import Out, Program, Value


def assemble(results: Sequence[Value], sums: Sequence[bool], aliases: Mapping[int, int], shape: int) -> Program:
    """The program of `results`: those in `sums` are added up over neurons; `aliases` {result: operand} are replaced.

    `shape` is the operand with the shape of the population.
    """
    fused = _fused(results)
    outs = [Out(fused[k], aliases.get(k)) for k, is_sum in enumerate(sums) if not is_sum]
    added = [fused[k] for k, is_sum in enumerate(sums) if is_sum]
    values = tuple(_in_order([*(out.value for out in outs), *added]))
    read = (value.number for value in values if value.op in ("in", "uin"))
    operands = {number for number in read if number is not None} | {*aliases.values()}
    operands |= set() if outs else {shape}
    dtype = f"f{8 * results[0].builder.dtype.itemsize}"
    return Program(dtype, tuple(sorted(operands)), values, tuple(outs), tuple(added), shape)


def reached(results: Sequence[Value]) -> list[Value]:
    """Each value that `results` need once, operands before what they are operands of."""
    found: dict[int, Value] = {}
    for result in results:
        stack = [(result, iter(result.args))]
        while stack:
            value, rest = stack[-1]
            arg = next(rest, None)
            if arg is None:
                stack.pop()
                found.setdefault(id(value), value)
            elif id(arg) not in found:
                stack.append((arg, iter(arg.args)))
    return list(found.values())


def _fused(results: Sequence[Value]) -> list[Value]:
    """The results with each product that only a sum needs fused into it."""
    values = reached(results)
    uses = Counter(id(arg) for value in values for arg in value.args)
    uses.update(id(result) for result in results)
    builder = Builder(results[0].builder.dtype.name)
    new: dict[int, Value] = {}
    for value in values:
        product = next((arg for arg in value.args if _fuses(value, arg) and uses[id(arg)] == 1), None)
        if product is None:
            op, args = value.op, value.args
        else:
            first = value.args[0] is product
            rest = value.args[1] if first else value.args[0]
            op = "fma" if value.op == "add" else "fms" if first else "fnma"
            args = (*product.args, rest)
        new[id(value)] = builder.plain(op, *(new[id(arg)] for arg in args), number=value.number)
    return [new[id(result)] for result in results]


def _fuses(value: Value, arg: Value) -> bool:
    return value.op in ("add", "sub") and arg.op == "mul" and not arg.uniform


def _in_order(results: Sequence[Value]) -> Iterator[Value]:
    """Uniform values, which are computed once; then each value just before the first one that needs it."""
    values = reached(results)
    yield from (value for value in values if value.uniform)
    yield from (value for value in values if not value.uniform)
