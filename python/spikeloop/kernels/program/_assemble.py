"""From the results of a step to its program: products fused into sums, regions, an order with short lives of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ._builder import Builder
from ._ir import READS, Out, Program, Value
from ._regions import blocks_of, guarded, reached


def assemble(results: Sequence[Value], sums: Sequence[bool], aliases: Mapping[int, int], population: int) -> Program:
    """The program of `results`: those in `sums` are added up over neurons; `aliases` {result: operand} are replaced.

    `population` is an operand with the shape of the population, which tells it if no result does.
    """
    fused = _fused(guarded(results))
    out_places, sum_places = (tuple(k for k, x in enumerate(sums) if x == is_sum) for is_sum in (False, True))
    outs, added = [Out(fused[k], aliases.get(k)) for k in out_places], [fused[k] for k in sum_places]
    values = tuple(in_order([*(out.value for out in outs), *added]))
    operands = {*operands_of(values, outs)} | (set() if outs else {population})
    dtype = f"f{8 * results[0].builder.dtype.itemsize}"
    return Program(dtype, tuple(sorted(operands)), values, tuple(outs), tuple(added), out_places, sum_places)


def operands_of(values: Sequence[Value], outs: Sequence[Out]) -> tuple[int, ...]:
    """The operands that values read or that results replace, in order."""
    read = {value.number for value in values if value.op in READS} | {out.alias for out in outs}
    return tuple(sorted(number for number in read if number is not None))


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


def in_order(results: Sequence[Value]) -> Iterator[Value]:
    """Uniform values, which are computed once; then each value just before the first one that needs it.

    A region stands where the first of its ends is needed.
    """
    blocks = blocks_of(results)

    def needs(value: Value) -> Sequence[Value]:
        block = blocks.get(id(value), [value])
        own = {id(x) for x in block}
        return [arg for x in block for arg in x.args if id(arg) not in own]

    done: set[int] = set()
    yield from (value for value in reached(results) if value.uniform)
    for value in reached(results, needs):
        for x in blocks.get(id(value), [value]):
            if not x.uniform and id(x) not in done:
                done.add(id(x))
                yield x
