"""Which calls of a step a GPU runs in one launch.

Calls that only add to the same array do not need each other, so that they run at the same time. Others that add to it
but cannot be part of such a launch, such as Poisson input, add afterwards.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import Any

from ..._jax import Literal
from .._native_call import NativeCall
from ._groups import Group, Plan, kernel_of, native_call, variables

PLATFORM = "cuda"
# The kernels that a joined launch can have (csrc/cuda/joined.cu), with what they add to.
_JOINED = {
    "event_scatter": "target",
    "event_relay": "target",
    "event_deliver": "target",
    "event_collect": "target",
    "event_enqueue": None,
    "random_split": None,
}
_ADDS = {**_JOINED, "random_add": "target"}


def launches_of(jaxpr: Any, fixed: Collection[Any]) -> Plan:
    """The plan of a `direct` program, whose groups are launches; `fixed` are the same in every step."""
    found: Plan = []
    group, late = Group(PLATFORM), []
    made, waiting, read, constant = set[Any](), set[Any](), set[Any](), {*fixed}
    for equation in _sums_reordered(jaxpr):
        needed = variables(equation.invars)
        if needed <= constant:
            constant |= {*equation.outvars}
            found.append(equation)
        elif call := _joinable(equation):
            place = _place_of_sum(equation)
            others = variables([v for k, v in enumerate(equation.invars) if k != place])
            replaced = {equation.invars[call.operands[k]] for k in call.aliases}
            if others & made or needed & waiting or read & replaced:
                found += [group, *late] if group.calls else late
                group, late, made, waiting, read = Group(PLATFORM), [], set(), set(), set()
            group.add(equation, call)
            made |= {*equation.outvars}
            read |= others
        elif needed & (made | waiting):
            late.append(equation)
            waiting |= {*equation.outvars}
        else:
            found.append(equation)
    return [*found, group, *late] if group.calls else [*found, *late]


def _joinable(equation: Any) -> NativeCall | None:
    """The call of an equation that can be part of a launch; sums that are exact have launches of their own."""
    kernel = kernel_of(equation.primitive)
    if kernel is None or kernel.name not in _JOINED:
        return None
    call = native_call(equation, PLATFORM)
    return call if call and len(call.outs) == len(call.results) else None


def _place_of_sum(equation: Any) -> int | None:
    """The place of the operand that an equation adds to."""
    kernel = kernel_of(equation.primitive)
    name = kernel and _ADDS.get(kernel.name)
    return kernel.names(equation.params).index(name) if kernel and name else None


def _sum_of(equation: Any) -> Any:
    """The operand that an equation adds to, if it reads it for nothing else."""
    place = _place_of_sum(equation)
    return None if place is None or equation.invars.count(equation.invars[place]) > 1 else equation.invars[place]


def _sums_reordered(jaxpr: Any) -> list[Any]:
    """The equations, in which those of a sum come first that one launch can have."""
    equations = list(jaxpr.eqns)
    for members in _sums(jaxpr):
        order = sorted(members, key=lambda k: _joinable(equations[k]) is None)
        before = _sum_of(equations[members[0]])
        results = [_result(equations[k]) for k in members]
        changed = []
        for k, result in zip(order, results, strict=True):
            renamed = {_sum_of(equations[k]): before, _result(equations[k]): result}
            changed.append(_renamed(equations[k], renamed))
            before = result
        for k, equation in zip(order, changed, strict=True):
            equations[k] = equation
    ordered = _after_what_they_need(equations)
    return ordered if len(ordered) == len(equations) else jaxpr.eqns  # some need others that would come after them


def _sums(jaxpr: Any) -> list[list[int]]:
    """The places of equations that add to one array, one after the other, of which nobody else reads it in between."""
    uses: dict[Any, int] = {}
    for atoms in [*(equation.invars for equation in jaxpr.eqns), jaxpr.outvars]:
        for v in variables(atoms):
            uses[v] = uses.get(v, 0) + 1
    found: dict[Any, list[int]] = {}  # by what the last one makes
    for k, equation in enumerate(jaxpr.eqns):
        before = _sum_of(equation)
        if before is not None and not isinstance(before, Literal):
            members = found.pop(before, []) if uses[before] == 1 else []
            found[_result(equation)] = [*members, k]
    return [members for members in found.values() if len(members) > 1]


def _result(equation: Any) -> Any:
    """The sum that an equation makes."""
    kernel = kernel_of(equation.primitive)
    assert kernel is not None
    return equation.outvars[kernel.replaced(equation.params).index(_ADDS[kernel.name])]


def _renamed(equation: Any, names: dict[Any, Any]) -> Any:
    invars = [v if isinstance(v, Literal) else names.get(v, v) for v in equation.invars]
    return equation.replace(invars=invars, outvars=[names.get(v, v) for v in equation.outvars])


def _after_what_they_need(equations: Sequence[Any]) -> list[Any]:
    """The equations as near to their order as their operands allow, without those that need each other."""
    maker = {v: k for k, equation in enumerate(equations) for v in equation.outvars}
    needed = [{maker[v] for v in variables(equation.invars) if v in maker} for equation in equations]
    readers: list[list[int]] = [[] for _ in equations]
    for k, makers in enumerate(needed):
        for maker_of_one in makers:
            readers[maker_of_one].append(k)
    ready, found = [k for k, makers in enumerate(needed) if not makers], []
    while ready:
        k = heapq.heappop(ready)
        found.append(equations[k])
        for reader in readers[k]:
            needed[reader].discard(k)
            if not needed[reader]:
                heapq.heappush(ready, reader)
    return found
