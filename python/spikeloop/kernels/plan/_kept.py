"""What native calls keep from step to step of a loop, which carries it beside the States.

The step of a population whose spikes are bits inside of its call keeps them, with the list of the neurons that spike,
so that the next step needs no search. It may also keep a calendar: for each step the neurons whose refractory period
ends in it. Then the program reads one bit of each neuron instead of the steps that are left, and the State is computed
from the calendar after the loop. What is kept is empty before the loop, and the first step fills it. If the first
spikes are graded, the first step runs the ordinary program. If the calendar has no room for the steps that are left,
they are counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..._jax import Aval, Primitive, new_variable
from .. import _library
from .._kernel import Kernel
from .._native_call import NativeCall
from .._neuron import REF_LEFT, SPIKE
from ..program._bits import bit_form
from ..program._ir import Program
from ..program._waiting import MOST, WaitingForm, waiting_form
from ._forms import TARGET as FIRE
from ._groups import Group, Plan, equations_in, groups_in, kernel_of, variables

TARGET, KNOWN = "fire_kept", "spikes_known"
# Words, and places of three of them: 1 if there is a calendar, the last step, and the steps that have written rows.
_HEADER, _CALENDAR, _NOW, STEPS = 16, 2, 3, 4
_WORD = 64

known_p = Primitive("spikeloop_spikes_known")  # stands in groups only
known_p.multiple_results = True


@dataclass(frozen=True)
class Kept:
    """What one population keeps: the variables before and after a step, of it, its spikes and the steps left."""

    before: Any
    after: Any
    spikes: tuple[Any, Any]
    left: tuple[Any, Any] | None  # None without a calendar


def keep(
    plan: Plan, carried: Mapping[Any, Any], private: Collection[tuple[Any, Any]], fixed: Collection[Any]
) -> list[Kept]:
    """Let the calls of a plan keep what they can, of the variables that a loop carries: {before a step: after it}.

    Those pairs that are `private` have no other readers in the loop than the equations of the plan; variables that are
    `fixed` are the same in all steps.
    """
    uses = uses_in(plan)
    alone = {v: w for v, w in private if uses.get(v) == 1 and not uses.get(w)}
    constant, found = _constant(plan, fixed), list[Kept]()
    for group in groups_in(plan):
        for k, call in enumerate(group.calls):
            if call.target == FIRE and (kept := _keep(group, k, carried, alone, constant)):
                found.append(kept)
    return found


def tell(plan: Plan, kept: Sequence[Kept]) -> None:
    """Let the calls of a plan know which neurons spiked, if they read their spikes."""
    for each in kept:
        _tell(groups_in(plan), each)


def _keep(
    group: Group, k: int, carried: Mapping[Any, Any], alone: Mapping[Any, Any], fixed: Collection[Any]
) -> Kept | None:
    """Let one call keep the spikes that it makes for the next step."""
    call, equation, base, program = group.calls[k], group.equations[k], group.bases[k], group.programs[k]
    kernel = kernel_of(base.primitive)
    assert kernel is not None
    assert program is not None
    operand, result = (call.attributes["spikes"][i] for i in (0, 1))
    spikes = equation.invars[call.operands[operand]], equation.outvars[call.results[result]]
    if carried.get(spikes[0]) is not spikes[1] or not _library.targets.get(TARGET):
        return None
    waiting = _waiting(group, k, kernel, program, alone)
    if waiting and waiting.period is not None and equation.invars[waiting.period] not in fixed:
        waiting = None
    n = spikes[0].aval.size
    aval = Aval((_size(n, waiting is not None),), np.uint32)
    before, after = new_variable(aval), new_variable(aval)
    group.equations[k] = equation.replace(invars=[*equation.invars, before], outvars=[*equation.outvars, after])
    group.calls[k] = _with_kept(call, equation, waiting, aval)
    left = None
    if waiting:
        left = equation.invars[waiting.left], equation.outvars[waiting.result]
    return Kept(before, after, spikes, left)


def _waiting(group: Group, k: int, kernel: Kernel, program: Program, alone: Mapping[Any, Any]) -> WaitingForm | None:
    """The form of a call whose refractory neurons are bits, if nobody else reads the steps that are left."""
    equation, base = group.equations[k], group.bases[k]
    names = kernel.names(base.params)
    if REF_LEFT not in names:
        return None
    left, spike = names.index(REF_LEFT), names.index(SPIKE)
    before, after = equation.invars[left], equation.outvars[kernel.replaced(base.params).index(REF_LEFT)]
    if alone.get(before) is not after:
        return None
    form = bit_form(program, spike, kernel.replaced(base.params).index(SPIKE))
    return waiting_form(form, left, spike) if form else None


def _with_kept(call: NativeCall, equation: Any, waiting: WaitingForm | None, aval: Any) -> NativeCall:
    """The call with what it keeps as its last operand and result."""
    places, results = list(call.operands), list(call.results)
    calendar = np.zeros(0, np.int32)
    attributes = {"waiting": np.int64(0), "waiting_inputs": calendar, "waiting_outs": calendar, "calendar": calendar}
    if waiting:
        period = -1 if waiting.period is None else places.index(waiting.period)
        numbers = [places.index(waiting.left), results.index(waiting.result), period, waiting.steps]
        attributes = {
            "waiting": np.int64(_library.native.program(waiting.program.text())),
            "waiting_inputs": np.array([places.index(i) for i in waiting.program.operands], np.int32),
            "waiting_outs": np.array([results.index(i) for i in waiting.program.out_places], np.int32),
            "calendar": np.array(numbers, np.int32),
        }
    return replace(
        call,
        target=TARGET,
        operands=[*places, len(equation.invars)],
        results=[*results, len(equation.outvars)],
        outs=[*call.outs, aval],
        aliases={**call.aliases, len(places): len(results)},
        attributes={**call.attributes, **attributes},
    )


def _constant(plan: Plan, fixed: Collection[Any]) -> set[Any]:
    """The variables that are the same in all steps: those that are `fixed`, and what XLA makes of them."""
    constant = {*fixed}
    for item in plan:
        if not isinstance(item, Group) and variables(item.invars) <= constant:
            constant |= {*item.outvars}
    return constant


def _tell(groups: Sequence[Group], kept: Kept) -> None:
    """Let the calls before and after the step of a population know which neurons spiked, if they read it."""
    memory, (spikes, new) = kept.before, kept.spikes
    for group in groups:
        own = group.maker(kept.after)
        _tell_before(group, own, spikes, memory)
        if own is not None:
            memory, spikes = kept.after, new


def _tell_before(group: Group, own: int | None, spikes: Any, memory: Any) -> None:
    """Let the calls of a group know what is kept, before the call `own` that changes it."""
    before = zip(group.equations[:own], group.calls[:own], strict=True)
    reads = (any(e.invars[i] is spikes for i in call.operands) for e, call in before)
    k = next((k for k, reader in enumerate(reads) if reader), None)
    if k is not None:
        equation = group.equations[k].replace(primitive=known_p, invars=[spikes, memory], outvars=[], params={})
        group.insert(k, equation, NativeCall(KNOWN, (0, 1), (), (), {}))


def uses_in(plan: Plan) -> dict[Any, int]:
    """How many equations read each variable."""
    uses: dict[Any, int] = {}
    for item in plan:
        for equation in equations_in(item):
            for v in variables(equation.invars):
                uses[v] = uses.get(v, 0) + equation.invars.count(v)
    return uses


# --- the memory, as rust/ffi/src/fire/memory.rs has it ---------------------------------------------------------------


def _words_of_bits(n: int) -> int:
    return 2 * -(-n // _WORD)


def _due_at(n: int) -> int:
    """Where the calendar has, for each neuron, the step in which its refractory period ends."""
    return _HEADER + 2 * _words_of_bits(n)


def _size(n: int, has_calendar: bool) -> int:
    """The words that a population of `n` neurons keeps."""
    spikes = _HEADER + _words_of_bits(n) + n
    return spikes + _words_of_bits(n) + 2 * n + MOST + 1 if has_calendar else spikes


def left_after(left: Any, kept: Any) -> Any:
    """The steps that are left after a loop, which started with `left` of them."""
    due = kept[_due_at(left.size) : _due_at(left.size) + left.size]
    now = kept[_NOW]
    counted = jnp.where(due > now, due - now, 0).astype(left.dtype)
    return jnp.where(kept[_CALENDAR] == 1, counted, left)
