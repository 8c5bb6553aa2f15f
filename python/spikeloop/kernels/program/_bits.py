"""Programs of populations whose spikes are bits, for calls that keep a list of the neurons that spike.

The number of the last spike becomes a truth value, and so does that of the new one. What depends on the last spike
alone, such as the reset, is a region that is skipped where no neuron had one. Counts of spikes are left out: the call
adds to those of the neurons that spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ._assemble import in_order, operands_of
from ._builder import Builder, select
from ._ir import Out, Program, Value
from ._simplify import is_number, truth_of


@dataclass(frozen=True)
class BitForm:
    """A program of bits, and the (operand, result) of each count that it leaves out, as numbers of the whole step."""

    program: Program
    counts: tuple[tuple[int, int], ...]


def bit_form(program: Program, operand: int, result: int) -> BitForm | None:
    """The program with `operand`, 0 or 1 for each neuron, and what replaces it as bits, if there is such a form."""
    if program.sums or program.dtype != "f32":
        return None
    new = _with_bits(program, operand)
    places = dict(zip(program.out_places, program.outs, strict=True))
    spike = new[id(places[result].value)]
    fires = truth_of(spike)
    if fires is None or fires.uniform or places[result].alias != operand:
        return None
    counts = {k: out.alias for k, out in places.items() if _is_count(new[id(out.value)], spike, out.alias)}
    kept = [k for k in places if k not in counts]
    if kept[0] == result:  # the first result tells the population
        return None
    outs = [Out(fires if k == result else new[id(places[k].value)], places[k].alias) for k in kept]
    values = tuple(in_order([out.value for out in outs]))
    operands = operands_of(values, outs)
    made = Program(program.dtype, operands, values, tuple(outs), (), tuple(kept), ())
    return BitForm(made, tuple((alias, k) for k, alias in counts.items() if alias is not None))


def _with_bits(program: Program, operand: int) -> Mapping[int, Value]:
    """The values of a program, with `operand` as a truth value."""
    builder = Builder(program.values[0].builder.dtype.name)
    bits = builder.plain("bin", number=operand)
    new: dict[int, Value] = {}
    depends: set[int] = set()
    for value in program.values:
        args = tuple(new[id(arg)] for arg in value.args)
        if value.op == "in" and value.number == operand:
            new[id(value)] = select(bits, 1.0, 0.0)
            depends.add(id(value))
        elif value.op in ("guard", "endguard") or depends.isdisjoint(map(id, value.args)):
            new[id(value)] = builder.plain(value.op, *args, number=value.number)
        else:
            new[id(value)] = _guarded(builder.make(value.op, *args, number=value.number), bits, len(new))
        if not depends.isdisjoint(map(id, value.args)):
            depends.add(id(value))
    return new


def _guarded(value: Value, bits: Value, number: int) -> Value:
    """`value`, as a region where it is something else than another value only where `bits` hold."""
    builder = value.builder
    if (without := _without(value, bits)) is None:
        return value
    guard = builder.plain("guard", bits, without, number=-1 - number)  # the number makes it that of one end
    return builder.plain("endguard", guard, bits, value)


def _without(value: Value, bits: Value) -> Value | None:
    """What a value is where `bits` do not hold, if that is simpler."""
    if value.op in ("add", "sub"):
        a, b = value.args
        return a if _vanishes(b, bits) else b if value.op == "add" and _vanishes(a, bits) else None
    if value.op == "sel" and value.type == "f" and not is_number(value.args[2], 0) and _needs(value.args[0], bits):
        return value.args[2]
    return None


def _vanishes(value: Value, bits: Value) -> bool:
    """Whether a value is 0 where `bits` do not hold."""
    return value.op == "sel" and is_number(value.args[2], 0) and _needs(value.args[0], bits)


def _needs(condition: Value, bits: Value) -> bool:
    """Whether a condition can only hold where `bits` do."""
    return condition is bits or (condition.op == "band" and any(arg is bits for arg in condition.args))


def _is_count(value: Value, spike: Value, operand: int | None) -> bool:
    """Whether a value is an operand, which it replaces, plus the spike."""
    if value.op != "add" or operand is None or spike not in value.args:
        return False
    other = value.args[1 - value.args.index(spike)]
    return other.op == "in" and other.number == operand
