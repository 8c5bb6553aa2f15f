"""Plans for human readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._jax import ClosedJaxpr, Literal, source_line
from ._forms import TARGET as BITS
from ._groups import Group, direct, kernel_of, native_call, plan_of, variables
from ._step import step_p

FREE = ("slice", "reshape", "squeeze", "broadcast_in_dim", "stop_gradient")  # XLA reads another view of the same memory


def describe(closed: Any) -> str:
    """The plans of all steps in a traced program; of the program itself if there is no loop in it."""
    steps = list(_steps(closed.jaxpr))
    return "\n\n".join(_describe(inner, fixed) for inner, fixed in steps)


def _steps(jaxpr: Any) -> Iterator[tuple[Any, list[Any]]]:
    """The bodies of loops, with their variables that are the same in every step."""
    for equation in jaxpr.eqns:
        if equation.primitive is step_p:
            inner = equation.params["jaxpr"].jaxpr
            yield inner, [v for v, same in zip(inner.invars, equation.params["fixed"], strict=True) if same]
        elif equation.primitive.name == "scan" and not _has_step(equation.params["jaxpr"].jaxpr):
            inner = equation.params["jaxpr"].jaxpr
            yield inner, inner.invars[: equation.params["num_consts"]]
        else:
            for value in equation.params.values():
                if isinstance(value, ClosedJaxpr):
                    yield from _steps(value.jaxpr)


def _has_step(jaxpr: Any) -> bool:
    return any(equation.primitive is step_p for equation in jaxpr.eqns)


def _describe(jaxpr: Any, fixed: list[Any]) -> str:
    plan = [item for item in plan_of(direct(jaxpr), fixed) if isinstance(item, Group) or not _is_free(item, fixed)]
    groups = [item for item in plan if isinstance(item, Group)]
    calls, others = sum(len(group.calls) for group in groups), len(plan) - len(groups)
    lines = [f"A step: {_number(calls, 'native call')} in {len(groups)}, {_number(others, 'operation')} of XLA"]
    made, numbers, count = set[Any](), 0, 0
    for item in plan:
        if isinstance(item, Group):
            count += 1
            lines += _group_lines(item, count, made)
            made |= item.made()
        else:
            late = bool(variables(item.invars) & made)
            made |= {*item.outvars} if late else set()
            if all(v.aval.size <= 1 for v in item.outvars):
                numbers += 1
            else:
                lines.append(f"XLA: {_equation(item)}{_why(item, late)}")
    lines += [f"XLA: {_number(numbers, 'operation')} on single numbers"] if numbers else []
    return "\n".join([*lines, _traffic(groups)])


def _group_lines(group: Group, number: int, before: set[Any]) -> list[str]:
    joined = f"{len(group.calls)} joined" if len(group.calls) > 1 else "alone"
    needs = any(variables(equation.invars) & before for equation in group.equations)
    lines = [f"call {number}, {joined}{', which needs results of what stands above' if needs else ''}:"]
    for base, sums, call in zip(group.bases, group.sums, group.calls, strict=True):
        added = f", and {_number(len(sums), 'sum')} with its results" if sums else ""
        lines.append(f"  {_equation(base)}{added}{', spikes as bits' if call.target == BITS else ''}")
    return lines


def _equation(equation: Any) -> str:
    """What an equation computes, and the size of its first result."""
    aval = equation.outvars[0].aval
    shape = f"{aval.dtype}[{', '.join(map(str, aval.shape))}]"
    kernel = kernel_of(equation.primitive)
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


def _traffic(groups: list[Group]) -> str:
    """What the calls read and write in a step, and what they read in part."""
    whole, parameters = 0, 0
    for group in groups:
        for base, equation, call in zip(group.bases, group.equations, group.calls, strict=True):
            kernel = kernel_of(base.primitive)
            kinds = [operand.group for operand in kernel.declared(base.params)] if kernel else []
            kinds += ["input"] * (len(equation.invars) - len(kinds))
            for k, (kind, atom) in enumerate(zip(kinds, equation.invars, strict=True)):
                nbytes = 0 if isinstance(atom, Literal) or k in call.passed.values() else _nbytes(atom)
                whole, parameters = (
                    (whole, parameters + nbytes) if kind == "parameter" else (whole + nbytes, parameters)
                )
            whole += sum(_nbytes(v) for k, v in enumerate(equation.outvars) if k not in call.passed)
    return f"bytes a step: {whole:,} of states and inputs; rows of neurons that spike, of {parameters:,} of parameters"


def _nbytes(v: Any) -> int:
    return v.aval.size * v.aval.dtype.itemsize


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
