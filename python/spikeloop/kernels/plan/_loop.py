"""Loops over time as one operation, which is planned when XLA's program is made of it.

As for steps, derivatives see the operations, which is a plain loop, and lanes become a loop of their own. The planned
loop carries more than the States do: what its native calls keep from step to step (`_kept.py`), and the arrays in which
they stack what the loop returns (`_stacks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..._jax import (
    ClosedJaxpr,
    Literal,
    bind_equation,
    consts_to_arguments,
    counts_of_scan,
    mlir,
    new_program_primitive,
    run_jaxpr,
    run_with,
)
from ._groups import Plan, variables
from ._kept import Kept, keep, left_after, tell
from ._stacks import Stack, rows_of, stack
from ._step import equations_of, plan_for, step_p
from ._sums import PLATFORM

_FEWEST = 16  # steps of a loop in which what is kept saves more time than it takes to begin

loop_p = new_program_primitive("spikeloop_loop")


def scan(
    step: Callable[..., Any], init: Any, xs: Any, *, length: int, reverse: bool = False, unroll: int | bool = 1
) -> Any:
    """`jax.lax.scan` of a `step` that has a `step_p`."""
    run = partial(jax.lax.scan, step, length=length, reverse=reverse, unroll=unroll)
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(init, xs)
    closed, operands = consts_to_arguments(closed), [*closed.consts, *jax.tree.leaves((init, xs))]
    outs = loop_p.bind(*operands, jaxpr=closed, fixed=(False,) * len(operands))
    return jax.tree.unflatten(jax.tree.structure(shapes), outs)


def has_step(jaxpr: Any) -> bool:
    """Whether native calls of a program are to run as one."""
    return any(equation.primitive is step_p for equation in jaxpr.eqns)


def _run_equation(equation: Any, operands: Sequence[Any]) -> list[Any]:
    """The results of an operation; a loop carries what it keeps."""
    is_long = equation.primitive.name == "scan" and equation.params["length"] >= _FEWEST
    form = carried_form(equation) if is_long else None
    return form.run(operands) if form else bind_equation(equation, operands)


@dataclass(frozen=True)
class Carried:
    """A loop that carries more than its States: what its native calls keep, and what they stack."""

    loop: Any  # the equation
    step: Any  # that of its body
    plan: Plan
    fixed: list[Any]  # variables of the plan that are the same in every step
    program: ClosedJaxpr  # (operands of the step, kept, stacks) -> (its results but those of `rows`, kept, stacks)
    kept: tuple[Kept, ...]
    lefts: dict[int, int]  # places in the carry of what is made of which of `kept` after the loop
    stacks: dict[int, Stack]  # by places among the results of the loop that are stacked
    rows: frozenset[int]  # places among the results of the step that are rows of stacks alone
    spikes: int  # place in the carry of the spikes that are kept

    def run(self, operands: Sequence[Any]) -> list[Any]:
        """The results of the loop."""
        params = self.loop.params
        first, carried = counts_of_scan(params)
        consts, init, xs = operands[:first], operands[first : first + carried], operands[first + carried :]
        kept = [jnp.zeros(kept.before.aval.shape, kept.before.aval.dtype) for kept in self.kept]
        start = [stack.memory(init[self.spikes], k) for k, stack in enumerate(self.stacks.values())]

        def step(carry: Any, x: Any) -> Any:
            own, more = carry
            outs, more = self._body([*consts, *own, *x], more)
            ys = [None if k in self.stacks else y for k, y in enumerate(outs[len(own) :])]
            return (outs[: len(own)], more), ys

        options = {name: params[name] for name in ("length", "reverse", "unroll")}
        (carry, more), ys = jax.lax.scan(step, ([*init], [*kept, *start]), [*xs], **options)
        for k, which in self.lefts.items():
            carry[k] = left_after(carry[k], more[which])
        for k, stacked in zip(self.stacks, more[len(kept) :], strict=True):
            ys[k] = stacked
        return [*carry, *ys]

    def _body(self, operands: Sequence[Any], more: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The body of the loop, once; `more` is what is kept and stacked."""
        after: list[Any] = []

        def apply(equation: Any, own: list[Any]) -> list[Any]:
            if equation is not self.step:
                return bind_equation(equation, own)
            outs = iter(run_jaxpr(self.program, [*own, *more]))
            results = [None if k in self.rows else next(outs) for k in range(len(equation.outvars))]
            after.extend(outs)
            return results

        return run_with(apply, self.loop.params["jaxpr"], operands), after


def carried_form(loop: Any) -> Carried | None:
    """The form of a `scan` that carries what its native calls keep; None if they keep nothing."""
    body = loop.params["jaxpr"].jaxpr
    steps = [equation for equation in body.eqns if equation.primitive is step_p]
    if len(steps) != 1 or loop.params["jaxpr"].consts:
        return None
    (step,) = steps
    jaxpr, plan = plan_for(step.params["jaxpr"].jaxpr, step.params["fixed"])
    carried = _carried(loop, step, jaxpr)
    fixed = [v for v, same in zip(jaxpr.invars, step.params["fixed"], strict=True) if same]
    places = {before: k for k, (before, _) in carried.items()}
    kept = keep(plan, dict(carried.values()), {carried[k] for k in _private(loop, step) if k in carried}, fixed)
    if not kept:
        return None
    length, reverse = (loop.params[name] for name in ("length", "reverse"))
    stacks = stack(plan, kept, jaxpr.outvars, _returned(loop, step, jaxpr), length, reverse)
    tell(plan, kept)
    before, after = ([getattr(x, name) for x in [*kept, *stacks.values()]] for name in ("before", "after"))
    of_stacks = rows_of(plan)
    rows = frozenset(k for k, v in enumerate(jaxpr.outvars) if not isinstance(v, Literal) and v in of_stacks)
    results = [*(v for k, v in enumerate(jaxpr.outvars) if k not in rows), *after]
    program = jaxpr.replace(invars=[*jaxpr.invars, *before], outvars=results, eqns=equations_of(plan, results))
    lefts = {places[x.left[0]]: which for which, x in enumerate(kept) if x.left}
    spikes = places[kept[0].spikes[0]]
    return Carried(loop, step, plan, fixed, ClosedJaxpr(program, []), tuple(kept), lefts, stacks, rows, spikes)


def _carry(loop: Any) -> list[tuple[Any, Any]]:
    """What a loop carries: for each place the variables of its body before and after a step."""
    body, (first, carried) = loop.params["jaxpr"].jaxpr, counts_of_scan(loop.params)
    return [*zip(body.invars[first : first + carried], body.outvars, strict=False)]


def _carried(loop: Any, step: Any, jaxpr: Any) -> dict[int, tuple[Any, Any]]:
    """For places in the carry of a loop the variables of its step `jaxpr` before and after the step."""
    found = {}
    for k, (before, after) in enumerate(_carry(loop)):
        if step.invars.count(before) == 1 and after in step.outvars:
            pair = jaxpr.invars[step.invars.index(before)], jaxpr.outvars[step.outvars.index(after)]
            found |= {k: pair} if jaxpr.outvars.count(pair[1]) == 1 and pair[1] not in jaxpr.invars else {}
    return found


def _read_beside(loop: Any, step: Any) -> set[Any]:
    """The variables of the body of a loop that other operations read than the step."""
    equations = (equation for equation in loop.params["jaxpr"].jaxpr.eqns if equation is not step)
    return variables([v for equation in equations for v in equation.invars])


def _returned(loop: Any, step: Any, jaxpr: Any) -> dict[int, tuple[Any, bool]]:
    """For places of what a loop stacks the variables of its step `jaxpr`, with whether it only stacks them."""
    body, (_, first) = loop.params["jaxpr"].jaxpr, counts_of_scan(loop.params)
    read, found = _read_beside(loop, step), {}
    for k, out in enumerate(body.outvars[first:]):
        v = jaxpr.outvars[step.outvars.index(out)] if out in step.outvars else None
        if v is not None and not isinstance(v, Literal):
            alone = body.outvars.count(out) == 1 and out not in read and jaxpr.outvars.count(v) == 1
            found[k] = v, alone
    return found


def _private(loop: Any, step: Any) -> list[int]:
    """The places in the carry of a loop that nothing of its body reads but the step."""
    body = loop.params["jaxpr"].jaxpr
    read, alone = _read_beside(loop, step), []
    for k, (before, after) in enumerate(_carry(loop)):
        given_on = isinstance(after, Literal) or body.outvars.count(after) > 1 or before in body.outvars
        if not given_on and not read & {before, after}:
            alone.append(k)
    return alone


def lowering(platform: str) -> Callable[..., Any]:
    """What a platform runs."""
    run = partial(run_with, _run_equation) if platform == PLATFORM else run_jaxpr

    def lower(ctx: Any, *operands: Any, jaxpr: ClosedJaxpr, fixed: Sequence[bool]) -> Any:
        del fixed
        return mlir.lower_fun(lambda *args: run(jaxpr, args), multiple_results=True)(ctx, *operands)

    return lower


mlir.register_lowering(loop_p, lowering(PLATFORM), platform=PLATFORM)
