"""Programs of populations whose refractory neurons are bits.

Some programs use the steps that are left only to know whether a neuron is refractory, and set them only for neurons
that spike. For these native code keeps a calendar: for each step the neurons whose refractory period ends in it. The
program then reads one bit of each neuron, and neither reads nor writes the steps that are left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ._assemble import in_order, operands_of
from ._bits import BitForm
from ._builder import Builder
from ._ir import Out, Program, Value, number_of
from ._simplify import is_number

MOST = 1023  # steps that a calendar has room for


@dataclass(frozen=True)
class WaitingForm:
    """A program that reads the operand `left` as bits of the neurons that wait, and what replaces it without it."""

    program: Program
    left: int
    result: int
    period: int | None  # the operand that a spike sets the steps to, if they are no constant
    steps: int


def waiting_form(form: BitForm, left: int, spike: int) -> WaitingForm | None:
    """The form of a program of bits in which the operand `left` is one, if there is such a form."""
    outs = dict(zip(form.program.out_places, form.program.outs, strict=True))
    fires = next(out.value for out in outs.values() if out.alias == spike)
    result = next((k for k, out in outs.items() if out.alias == left), None)
    if result is None or result == form.program.out_places[0]:  # the first result tells the population
        return None
    if (found := _parts(outs.pop(result).value, left, fires)) is None:
        return None
    period, waits = found
    made = _with_bits(form.program, waits, left)
    new = [Out(made[id(out.value)], out.alias) for out in outs.values()]
    values = tuple(in_order([out.value for out in new]))
    if any(value.op == "in" and value.number == left for value in values):
        return None  # the steps that are left tell more
    program = Program(form.program.dtype, operands_of(values, new), values, tuple(new), (), tuple(outs), ())
    known = period.op == "const"
    return WaitingForm(program, left, result, None if known else period.number, int(number_of(period)) if known else 0)


def _parts(value: Value, left: int, fires: Value) -> tuple[Value, Value] | None:
    """Of the steps that are left after a step: what a spike sets them to, and what holds where a neuron waits."""
    if value.op != "sel" or value.args[0] is not fires:
        return None
    _, period, fewer = value.args
    if not _is_one_fewer(fewer, left) or not _is_period(period):
        return None
    still = lambda x: x.op == "gt" and x.args[0] is fewer and is_number(x.args[1], 0)  # noqa: E731
    waits = next((x.args[0] for x in _conditions(fires) if x.op == "bnot" and still(x.args[0])), None)
    return None if waits is None else (period, waits)


def _is_one_fewer(value: Value, left: int) -> bool:
    """Whether a value is max(0, left − 1)."""
    if value.op != "max" or not is_number(value.args[0], 0) or value.args[1].op != "sub":
        return False
    before, one = value.args[1].args
    return before.op == "in" and before.number == left and is_number(one, 1)


def _is_period(value: Value) -> bool:
    if value.op == "const":
        steps = number_of(value)
        return bool(1 <= steps <= MOST and steps == int(steps))
    return value.op in ("in", "uin")


def _conditions(value: Value) -> Iterator[Value]:
    """Those that hold wherever a truth value does."""
    yield value
    if value.op == "band":
        for arg in value.args:
            yield from _conditions(arg)


def _with_bits(program: Program, waits: Value, left: int) -> dict[int, Value]:
    """The values of a program, in which `waits` is a bit of the operand `left`."""
    builder = Builder(program.values[0].builder.dtype.name)
    new: dict[int, Value] = {}
    for value in program.values:
        args = [new[id(arg)] for arg in value.args]
        if value is waits:
            new[id(value)] = builder.plain("bin", number=left)
        else:
            new[id(value)] = builder.plain(value.op, *args, number=value.number)
    return new
