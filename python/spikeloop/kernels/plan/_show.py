"""Plans for human readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..._jax import ClosedJaxpr, Literal, counts_of_scan, source_line
from ._forms import TARGET as BITS
from ._groups import Group, Plan, groups_in, kernel_of, native_call, variables
from ._kept import KNOWN, Kept
from ._kept import TARGET as KEPT
from ._loop import carried_form, has_step
from ._stacks import row_p, shown
from ._step import plan_for, step_p

FREE = ("slice", "reshape", "squeeze", "broadcast_in_dim", "stop_gradient")  # XLA reads another view of the same memory


def describe(closed: Any) -> str:
    """The plans of all steps in a traced program; of the program itself if there is no loop in it."""
    return "\n\n".join(_describe(plan, fixed, kept) for plan, fixed, kept in _steps(closed.jaxpr))


def _steps(jaxpr: Any) -> Iterator[tuple[Plan, list[Any], Sequence[Kept]]]:
    """The plans of the bodies of loops, with their variables that are the same in every step, and what they keep."""
    for equation in jaxpr.eqns:
        if equation.primitive is step_p:
            yield _planned(equation.params["jaxpr"].jaxpr, equation.params["fixed"])
        elif equation.primitive.name == "scan" and not has_step(inner := equation.params["jaxpr"].jaxpr):
            consts, _ = counts_of_scan(equation.params)
            yield _planned(inner, [k < consts for k in range(len(inner.invars))])
        elif equation.primitive.name == "scan" and (form := carried_form(equation)):
            yield form.plan, form.fixed, form.kept
        else:
            for value in equation.params.values():
                if isinstance(value, ClosedJaxpr):
                    yield from _steps(value.jaxpr)


def _planned(jaxpr: Any, same: Sequence[bool]) -> tuple[Plan, list[Any], Sequence[Kept]]:
    jaxpr, plan = plan_for(jaxpr, same)
    return plan, [v for v, fixed in zip(jaxpr.invars, same, strict=True) if fixed], ()


def _describe(plan: Plan, fixed: list[Any], kept: Sequence[Kept]) -> str:
    plan = [item for item in plan if isinstance(item, Group) or not _is_free(item, fixed)]
    groups = groups_in(plan)
    calls, others = sum(len(_calls(group)) for group in groups), len(plan) - len(groups)
    lines = [f"A step: {_number(calls, 'native call')} in {len(groups)}, {_number(others, 'operation')} of XLA"]
    made, numbers, count = set[Any](), 0, 0
    for item in plan:
        if isinstance(item, Group):
            count += 1
            lines += _group_lines(item, count, made, kept)
            made |= item.made()
        else:
            late = bool(variables(item.invars) & made)
            made |= {*item.outvars} if late else set()
            if all(v.aval.size <= 1 for v in item.outvars):
                numbers += 1
            else:
                lines.append(f"XLA: {_equation(item)}{_why(item, late)}")
    lines += [f"XLA: {_number(numbers, 'operation')} on single numbers"] if numbers else []
    return "\n".join([*lines, _traffic(groups, kept)])


def _group_lines(group: Group, number: int, before: set[Any], kept: Sequence[Kept]) -> list[str]:
    calls = _calls(group)
    joined = f"{len(calls)} joined" if len(calls) > 1 else "alone"
    needs = any(variables(group.equations[k].invars) & before for k in calls)
    lines = [f"call {number}, {joined}{', which needs results of what stands above' if needs else ''}:"]
    for k in calls:
        sums = group.sums[k]
        added = f", and {_number(len(sums), 'sum')} with its results" if sums else ""
        lines.append(f"  {_equation(group.bases[k])}{added}{_form(group, k, kept)}")
    return lines


def _calls(group: Group) -> list[int]:
    """The calls of a group that compute something."""
    return [k for k, call in enumerate(group.calls) if call.target != KNOWN]


def _form(group: Group, k: int, kept: Sequence[Kept]) -> str:
    """The form that a call has inside of the sequence."""
    if group.calls[k].target == BITS:
        return ", spikes as bits"
    if group.calls[k].target != KEPT:
        return shown(group, k)
    own = next(x for x in kept if x.after in group.equations[k].outvars)
    return ", spikes as bits that stay" + (", refractory neurons in a calendar" if own.left else "")


def _equation(equation: Any) -> str:
    """What an equation computes, and the size of its first result."""
    avals = [v.aval for v in equation.outvars[:1]]
    shape = "".join(f"{aval.dtype}[{', '.join(map(str, aval.shape))}]" for aval in avals) or "without a result"
    kernel = kernel_of(equation.primitive)
    if equation.primitive is row_p:
        return f"copy {shape}"
    if kernel is None:
        line = source_line(equation).rpartition("/")[2]
        return f"{equation.params.get('name', equation.primitive.name)} {shape} at {line}"
    return f"{kernel.label(**equation.params) if kernel.label else kernel.name} {shape}"


def _why(equation: Any, late: bool) -> str:
    """Why an operation is not part of a call."""
    if kernel_of(equation.primitive) and native_call(equation) is None:
        return ", which has no native form here"
    return ", after the call whose results it needs" if late else ""


def _is_free(equation: Any, fixed: list[Any]) -> bool:
    return equation.primitive.name in FREE or variables(equation.invars) <= {*fixed}


def _traffic(groups: list[Group], kept: Sequence[Kept]) -> str:
    """What the calls read and write in a step, and what they read in part."""
    whole, parameters = 0, 0
    rare = {v for x in kept for v in (x.before, x.after, *x.spikes, *(x.left or ()))}  # touched for spikes only
    for group in groups:
        for k in _calls(group):
            base, equation, call = group.bases[k], group.equations[k], group.calls[k]
            kernel = kernel_of(base.primitive)
            kinds = [operand.group for operand in kernel.declared(base.params)] if kernel else []
            kinds += ["input"] * (len(equation.invars) - len(kinds))
            for place, (kind, atom) in enumerate(zip(kinds, equation.invars, strict=True)):
                is_free = isinstance(atom, Literal) or place in call.passed.values() or atom in rare
                nbytes = 0 if is_free else _nbytes(atom)
                whole, parameters = (
                    (whole, parameters + nbytes) if kind == "parameter" else (whole + nbytes, parameters)
                )
            made = [v for place, v in enumerate(equation.outvars) if place not in call.passed and v not in rare]
            whole += sum(map(_nbytes, made))
    return f"bytes a step: {whole:,} of states and inputs; rows of neurons that spike, of {parameters:,} of parameters"


def _nbytes(v: Any) -> int:
    return v.aval.size * v.aval.dtype.itemsize


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
