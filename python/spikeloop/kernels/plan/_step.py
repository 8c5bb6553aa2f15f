"""A step of a loop as one operation, which is planned when XLA's program is made of it.

Derivatives see the operations of the step, lanes become a step of their own. So whatever a user's transformations make
of a loop, it is planned after them, and what cannot be planned runs as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..._jax import ClosedJaxpr, Literal, mlir, new_program_primitive, new_variable, run_jaxpr
from .. import _library
from ._groups import Group, Plan, direct, groups_in, native_call, plan_of, variables
from ._launches import launches_of
from ._sequence import TARGET, equation_of
from ._sums import PLATFORM

step_p = new_program_primitive("spikeloop_step")


def as_step(closed: ClosedJaxpr, fixed: Sequence[bool]) -> ClosedJaxpr:
    """`closed` as one operation, if it has native calls that could run as one; `fixed` operands are always the same."""
    jaxpr = closed.jaxpr
    if not _library.targets.get(TARGET) or jaxpr.effects or _in_shard_map(jaxpr):
        return closed
    calls = [equation for equation in jaxpr.eqns if native_call(equation)]
    if len(calls) < 2:
        return closed
    given = [*jaxpr.constvars, *jaxpr.invars]
    results = [*dict.fromkeys(v for v in jaxpr.outvars if not isinstance(v, Literal) and v not in given)]
    inner = jaxpr.replace(constvars=[], invars=given, outvars=results, debug_info=_unnamed(jaxpr.debug_info))
    outside = {v: new_variable(v.aval) for v in results}
    params = {"jaxpr": ClosedJaxpr(inner, []), "fixed": (*[True] * len(jaxpr.constvars), *fixed)}
    step = calls[-1].replace(primitive=step_p, invars=given, outvars=list(outside.values()), params=params)
    outvars = [v if isinstance(v, Literal) else outside.get(v, v) for v in jaxpr.outvars]
    return ClosedJaxpr(jaxpr.replace(eqns=[step], outvars=outvars), closed.consts)


def planned(closed: ClosedJaxpr, fixed: Sequence[bool], platform: str = PLATFORM) -> ClosedJaxpr:
    """The same program, in which native calls that follow each other, or on GPUs those of one launch, are one."""
    jaxpr, plan = plan_for(closed.jaxpr, fixed, platform)
    return ClosedJaxpr(jaxpr.replace(eqns=equations_of(plan, jaxpr.outvars)), closed.consts)


def plan_for(jaxpr: Any, fixed: Sequence[bool], platform: str = PLATFORM) -> tuple[Any, Plan]:
    """The program as one that is `direct`, and its plan."""
    jaxpr = direct(jaxpr, platform)
    constant = [v for v, same in zip(jaxpr.invars, fixed, strict=True) if same]
    return jaxpr, plan_of(jaxpr, constant) if platform == PLATFORM else launches_of(jaxpr, constant)


def equations_of(plan: Plan, results: Sequence[Any]) -> list[Any]:
    """The equations of a plan, of a program with these results."""
    readers = [item for item in plan if not isinstance(item, Group)]
    equations = []
    for item in plan:
        if not isinstance(item, Group):
            equations.append(item)
        elif len(item.calls) == 1 and item.equations[0] is item.bases[0]:
            equations += item.equations
        else:
            others = [e for group in groups_in(plan) if group is not item for e in group.equations]
            needed = variables(results).union(*(variables(e.invars) for e in [*readers, *others]))
            equations.append(equation_of(item, needed))
    return equations


def lowering(platform: str) -> Callable[..., Any]:
    """What a platform runs."""

    def lower(ctx: Any, *operands: Any, jaxpr: ClosedJaxpr, fixed: Sequence[bool]) -> Any:
        run = partial(run_jaxpr, planned(jaxpr, fixed, platform))
        return mlir.lower_fun(lambda *args: run(args), multiple_results=True)(ctx, *operands)

    return lower


for _platform in _library.PLATFORMS:
    mlir.register_lowering(step_p, lowering(_platform), platform=_platform)


def _in_shard_map(jaxpr: Any) -> bool:
    return any(getattr(v.aval, "vma", None) for v in (*jaxpr.constvars, *jaxpr.invars))


def _unnamed(info: Any) -> Any:
    return info._replace(arg_names=None, result_paths=None)
