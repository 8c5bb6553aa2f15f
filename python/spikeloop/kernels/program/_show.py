"""Programs for human readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ..._jax import ClosedJaxpr
from .. import _library
from ._ir import FREE, READS, Program, Value, number_of

_FORMS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}",
    "fma": "{} * {} + {}", "fms": "{} * {} - {}", "fnma": "{2} - {0} * {1}",
    "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "band": "{} and {}", "bor": "{} or {}", "bxor": "{} != {}", "bnot": "not {}", "sel": "{1} if {0} else {2}",
}  # fmt: skip


class Listing(NamedTuple):
    """What is told of a program."""

    label: str
    runs: Program
    reads: Program  # the same with math functions by name
    operands: Sequence[str]
    results: Sequence[str]


def show(step: Callable[..., Any], *args: Any, form: Literal["program", "ptx"] = "program") -> None:
    """Print the programs that `step(*args)` runs, such as that of a population: `sl.kernels.show(neuron)`.

    States and dt must be there, as for a step. Math functions have their names, though the number of operations is
    that of what they expand to. Names with a dash are results. The form "ptx" is the code for NVIDIA's GPUs.
    """
    from ...transform import make_jaxpr

    if form not in _DESCRIBE:
        raise ValueError(f"form is one of {', '.join(map(repr, _DESCRIBE))}; given {form!r}.")
    found = listings(make_jaxpr(step)(*args)[0])
    if not found:
        raise ValueError(f"{step!r} runs no step program; sl.info() lists what fell back to JAX.")
    print("\n\n".join(map(_DESCRIBE[form], found)))


def listings(traced: Any) -> list[Listing]:
    """The program of each elementwise kernel in a traced function."""
    from .._kernel import KERNELS

    kernels = {kernel.primitive: kernel for kernel in KERNELS.values() if kernel.elementwise}
    return [_listing(kernels[x.primitive], x) for x in _equations(traced) if x.primitive in kernels]


def _listing(kernel: Any, equation: Any) -> Listing:
    structure = equation.params
    given, made = ([atom.aval for atom in atoms] for atoms in (equation.invars, equation.outvars))
    outputs = kernel.outputs(kernel.by_name(given, structure), **structure)
    return Listing(
        kernel.label(**structure) if kernel.label else kernel.name,
        kernel.program(given, made, structure),
        kernel.program(given, made, structure, expands=False),
        kernel.names(structure),
        (*kernel.replaced(structure), *outputs),
    )


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


def describe(listing: Listing) -> str:
    """The program as text: a head with the number of operations by kind, then a line for each value."""
    program, shown = listing.reads, dict[int, str]()
    once, each = [], []
    for value in program.values:
        if value.op in READS:
            shown[id(value)] = listing.operands[value.number or 0].replace(" ", "_")
        elif value.op == "const":
            shown[id(value)] = f"{number_of(value):.9g}"
        else:
            line = _line(value, [shown[id(arg)] for arg in value.args])
            shown[id(value)] = f"v{len(once) + len(each)}"
            (once if value.uniform else each).append(f"  {shown[id(value)]} = {line}")
    results = [name.replace(" ", "_") + "'" for name in listing.results]
    outs, sums = zip(program.out_places, program.outs, strict=True), zip(program.sum_places, program.sums, strict=True)
    each += [f"  {results[k]} = {shown[id(out.value)]}" for k, out in outs]
    each += [f"  {results[k]} = sum of {shown[id(value)]}" for k, value in sums]
    counts = operations(listing.runs)
    kinds = ", ".join(f"{n} {op}" for op, n in counts.most_common())
    head = f"{listing.label} ({program.dtype}): {counts.total()} operations on each neuron ({kinds})"
    return "\n".join([head, *(["once:", *once] if once else []), "for each neuron:", *each])


def ptx(listing: Listing) -> str:
    """The program as PTX, after a comment with its operands and results."""
    runs = listing.runs
    names = [listing.operands[k] for k in runs.operands]
    given = ", ".join(f"in{k} {name}" for k, name in enumerate(names))
    made = ", ".join(
        f"{kind}{k} {listing.results[place]}"
        for kind, places in (("out", runs.out_places), ("sum", runs.sum_places))
        for k, place in enumerate(places)
    )
    native = _library.native
    if native is None:
        raise RuntimeError(f"PTX is made by the native library: {_library.why_missing}.")
    return f"// {listing.label}: {given}\n// {made}\n{native.program_ptx(native.program(runs.text())).rstrip()}"


_DESCRIBE: dict[str, Callable[[Listing], str]] = {"program": describe, "ptx": ptx}


def operations(program: Program) -> Counter[str]:
    """How many operations of each kind are done for each neuron."""
    return Counter(value.op for value in program.values if not value.uniform and value.op not in FREE)


def _line(value: Value, args: list[str]) -> str:
    if value.op == "draw":
        return f"uniform({', '.join(args)})[{value.number}]"
    return _FORMS.get(value.op, f"{value.op}({', '.join(args)})").format(*args)
