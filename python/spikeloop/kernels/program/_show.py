"""Programs for human readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..._jax import ClosedJaxpr
from ._ir import Program, Value, number_of

_FORMS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}",
    "fma": "{} * {} + {}", "fms": "{} * {} - {}", "fnma": "{2} - {0} * {1}",
    "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "band": "{} and {}", "bor": "{} or {}", "bxor": "{} != {}", "bnot": "not {}", "sel": "{1} if {0} else {2}",
    "guard": "{1}  # unless {0} holds nowhere, {0} is needed below",
}  # fmt: skip


def show(step: Callable[..., Any], *args: Any) -> None:
    """Print the programs that `step(*args)` runs, such as those of a population: `sl.kernels.show(neuron)`.

    States and dt must be there, as for a step. Names with a dash are results.
    """
    from ...transform import make_jaxpr

    found = programs(make_jaxpr(step)(*args)[0])
    if not found:
        raise ValueError(f"{step!r} runs no step program; sl.info() lists what fell back to JAX.")
    print("\n".join(describe(label, program, names, results) for label, program, names, results in found))


def programs(traced: Any) -> list[tuple[str, Program, Sequence[str], Sequence[str]]]:
    """(label, program, names of operands, names of results) of each elementwise kernel in a traced function."""
    from .._kernel import KERNELS

    kernels = {kernel.primitive: kernel for kernel in KERNELS.values() if kernel.elementwise}
    found = []
    for equation in _equations(traced):
        if kernel := kernels.get(equation.primitive):
            avals = [[atom.aval for atom in atoms] for atoms in (equation.invars, equation.outvars)]
            names = kernel.names(equation.params)
            o = kernel.by_name(avals[0], equation.params)
            results = [*kernel.replaced(equation.params), *kernel.outputs(o, **equation.params)]
            label = kernel.label(**equation.params) if kernel.label else kernel.name
            found.append((label, kernel.program(*avals, equation.params), names, results))
    return found


def _equations(traced: Any) -> list[Any]:
    jaxpr = traced.jaxpr if isinstance(traced, ClosedJaxpr) else traced
    found = []
    for equation in jaxpr.eqns:
        found.append(equation)
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else (value,):
                if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                    found += _equations(inner)
    return found


def describe(label: str, program: Program, names: Sequence[str], results: Sequence[str]) -> str:
    """The program as text: a head with the number of operations by kind, then a line for each."""
    shown: dict[int, str] = {}
    once, each = [], []
    for value in program.values:
        if value.op in ("in", "uin"):
            shown[id(value)] = names[value.number or 0].replace(" ", "_")
        elif value.op == "const":
            shown[id(value)] = f"{number_of(value):.9g}"
        else:
            line = _line(value, [shown[id(arg)] for arg in value.args])
            shown[id(value)] = f"v{len(once) + len(each)}"
            (once if value.uniform else each).append(f"  {shown[id(value)]} = {line}")
    each += [
        f"  {results[k].replace(' ', '_')}' = {shown[id(out.value)]}"
        for k, out in zip(program.out_places, program.outs, strict=True)
    ]
    each += [
        f"  {results[k].replace(' ', '_')}' = sum of {shown[id(value)]}"
        for k, value in zip(program.sum_places, program.sums, strict=True)
    ]
    counts = ", ".join(f"{n} {op}" for op, n in operations(program).most_common())
    head = f"{label} ({program.dtype}): {operations(program).total()} operations on each neuron ({counts})"
    return "\n".join([head, *(["once:", *once] if once else []), "for each neuron:", *each])


def operations(program: Program) -> Counter[str]:
    """How many operations of each kind are done for each neuron."""
    free = ("in", "guard", "endguard")
    return Counter(value.op for value in program.values if not value.uniform and value.op not in free)


def _line(value: Value, args: list[str]) -> str:
    if value.op == "iconst":
        return hex(value.number or 0)
    distance = [] if value.number is None else [str(value.number)]
    return _FORMS.get(value.op, f"{value.op}({', '.join(args + distance)})").format(*args)
