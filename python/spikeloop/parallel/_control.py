"""Loops, branches and functions inside a program that several devices run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax

from .._jax import ClosedJaxpr, bind_equation, counts_of_scan, flat_program, inner_program, run_jaxpr, without_unused
from ..kernels.plan import as_step, step_p
from . import _interval
from ._value import Layout, Value

if TYPE_CHECKING:
    from ._partition import Partition

Layouts = list[Layout | None]


def inlined(equation: Any) -> ClosedJaxpr | None:
    """The program that an operation does nothing but run."""
    return inner_program(equation)


def rule(equation: Any) -> Any:
    """What to do with a loop or a branch."""
    return {"scan": _scan, "while": _while, "cond": _cond}.get(equation.primitive.name)


def joined(wanted: Layout | None, found: Layout | None) -> Layout | None:
    """The layout of an array that comes from two places: cut where one of them is."""
    return found if wanted is None else wanted


class Local:
    """A program as a function of the arrays of one device, which notes the layouts of what it returns."""

    def __init__(self, partition: Partition, jaxpr: Any, given: Sequence[Layout | None]):
        self.partition, self.jaxpr, self.given = partition, jaxpr, list(given)
        self.wanted: Layouts = [None] * len(jaxpr.outvars)
        self.found: Layouts = []

    def __call__(self, *arrays: Any) -> list[Any]:
        values = [Value(x, layout) for x, layout in zip(arrays, self.given, strict=True)]
        outs = self.partition.run(self.jaxpr, values)
        self.found = [joined(wanted, out.layout) for wanted, out in zip(self.wanted, outs, strict=True)]
        return [self.partition.in_layout(out, layout) for out, layout in zip(outs, self.found, strict=True)]


# --- loops -----------------------------------------------------------------------------------------------------------


def _scan(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    p = equation.params
    body, joins = flat_program(p["jaxpr"]), _runs_step(p["jaxpr"].jaxpr)
    consts, init, xs = _split(values, *counts_of_scan(p))
    if partition.of_batch and (outs := _map(partition, equation, consts, init, xs)) is not None:
        return outs
    xs = [Value(partition.whole(x)) if x.layout is not None and x.layout.axis == 0 else x for x in xs]
    before = len(partition.exchanges)
    loop = Scan(partition, body, (consts, init, xs), joins)
    noted, length = partition.exchanges[before:], p["length"]
    if noted and (blocks := _interval.find(loop, length, noted, p["reverse"])) is not None:
        del partition.exchanges[before:]
        return blocks.run(length)
    carry, ys = jax.lax.scan(loop.step, loop.start(), [x.array for x in xs], p["length"], p["reverse"], p["unroll"])
    return loop.results(carry, ys)


def _map(
    partition: Partition, equation: Any, consts: list[Value], init: list[Value], xs: list[Value]
) -> list[Value] | None:
    """A loop over samples, which do not depend on each other: every device runs its own. None of any other loop."""
    layouts = {x.layout for x in xs} - {None}
    if init or len(layouts) != 1 or any(value.layout is not None for value in consts):
        return None
    (layout,) = layouts
    if layout is None or layout.axis != 0 or layout.before > 1:
        return None
    parts = [*(value.array for value in consts), *(partition.part(x, layout) for x in xs)]
    return [Value(out, layout) for out in bind_equation(equation, parts, length=parts[-1].shape[0])]


class Scan:
    """A loop over time: its step on one device, and how devices share what it carries."""

    def __init__(
        self, partition: Partition, body: ClosedJaxpr, parts: tuple[list[Value], list[Value], list[Value]], joins: bool
    ):
        consts, init, xs = parts
        self.partition, self.body, self.joins = partition, body, joins
        self.consts, self.init, self.xs = [*map(Value, body.consts), *consts], init, xs
        self.layouts: Layouts = [value.layout for value in init]
        self._settle()

    def _settle(self) -> None:
        """Find the layouts of the carry, which are the same before and after a step."""
        before = len(self.partition.exchanges)
        while True:
            del self.partition.exchanges[before:]
            self.traced, found = self.trace()
            if found[: len(self.init)] == self.layouts:
                self.found = found
                return
            self.layouts = found[: len(self.init)]

    def trace(self) -> tuple[ClosedJaxpr, Layouts]:
        """(the step on one device as a program, the layouts of its results)."""
        slices = [None if x.layout is None else x.layout._replace(axis=x.layout.axis - 1) for x in self.xs]
        local = Local(self.partition, self.body.jaxpr, [*(c.layout for c in self.consts), *self.layouts, *slices])
        local.wanted[: len(self.init)] = self.layouts
        examples = [c.array for c in self.consts], self.start(), [_slice(x.array) for x in self.xs]
        traced = without_unused(jax.make_jaxpr(lambda consts, carry, x: local(*consts, *carry, *x))(*examples))
        if self.joins:
            traced = as_step(traced, [True] * len(self.consts) + [False] * (len(self.init) + len(self.xs)))
        return traced, local.found

    def start(self) -> list[Any]:
        """What the first step gets."""
        return [self.partition.in_layout(v, layout) for v, layout in zip(self.init, self.layouts, strict=True)]

    def step(self, carry: Sequence[Any], x: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """One step on one device."""
        outs = run_jaxpr(self.traced, [*(c.array for c in self.consts), *carry, *x])
        return outs[: len(self.init)], outs[len(self.init) :]

    def results(self, carry: Sequence[Any], ys: Sequence[Any]) -> list[Value]:
        """The values of the loop, from the arrays of this device."""
        stacked = [None if f is None else f._replace(axis=f.axis + 1) for f in self.found[len(self.init) :]]
        return [Value(x, layout) for x, layout in zip([*carry, *ys], [*self.layouts, *stacked], strict=True)]


def _while(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    p = equation.params
    of_cond, of_body, init = _split(values, p["cond_nconsts"], p["body_nconsts"])
    cond, body = p["cond_jaxpr"], p["body_jaxpr"]
    layouts = [value.layout for value in init]

    def goes_on(carry: Sequence[Any]) -> Any:
        held = [Value(x, layout) for x, layout in zip(carry, layouts, strict=True)]
        (out,) = partition.run(cond.jaxpr, [*map(Value, cond.consts), *of_cond, *held])
        return partition.whole(out)

    while True:
        given = [*(Value(c) for c in body.consts), *of_body]
        local = Local(partition, body.jaxpr, [*(v.layout for v in given), *layouts])
        local.wanted = [*layouts]
        start = [partition.in_layout(v, layout) for v, layout in zip(init, layouts, strict=True)]
        step = lambda carry, local=local, given=given: local(*(v.array for v in given), *carry)  # noqa: E731
        jax.eval_shape(step, start)
        if local.found == layouts:
            outs = jax.lax.while_loop(goes_on, step, start)
            return [Value(x, layout) for x, layout in zip(outs, layouts, strict=True)]
        layouts = local.found


def _cond(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    which, *operands = values
    arrays, branches = [v.array for v in operands], equation.params["branches"]
    locals_ = [
        Local(partition, branch.jaxpr, [*[None] * len(branch.consts), *(v.layout for v in operands)])
        for branch in branches
    ]
    calls = [lambda *xs, local=local, b=b: local(*b.consts, *xs) for local, b in zip(locals_, branches, strict=True)]
    wanted: Layouts = [None] * len(equation.outvars)
    for local, call in zip(locals_, calls, strict=True):
        jax.eval_shape(call, *arrays)
        wanted = [joined(a, b) for a, b in zip(wanted, local.found, strict=True)]
    for local in locals_:
        local.wanted = wanted
    outs = jax.lax.switch(partition.whole(which), calls, *arrays)
    return [Value(x, layout) for x, layout in zip(outs, wanted, strict=True)]


def _split(values: Sequence[Value], *sizes: int) -> tuple[list[Value], list[Value], list[Value]]:
    first, second = sizes
    return [*values[:first]], [*values[first : first + second]], [*values[first + second :]]


def _slice(x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape[1:], x.dtype)


def _runs_step(jaxpr: Any) -> bool:
    """Whether native calls of a step were to run as one."""
    return any(equation.primitive is step_p for equation in jaxpr.eqns)
