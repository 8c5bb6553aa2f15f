"""Sums with what a step program makes, such as the count of spikes, as further results of the program.

The bits stay the same: a product is fused into a sum only where nothing else needs it, and what is added here is a
result of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..._jax import Literal
from .._kernel import Kernel
from .._native_call import NativeCall
from ..program import _call
from ..program._ir import Program
from ..program._lower import NoProgram

PLATFORM = "cpu"  # where native calls that follow each other are one; _launches.py is for GPUs


@dataclass(frozen=True)
class _WithSums:
    """The reference of a kernel with more operands and results: each sum is of two operands, results or sums."""

    reference: Callable[..., list[Any]]
    operands: int
    sums: tuple[tuple[int, int], ...]

    def __call__(self, *args: Any, **structure: Any) -> list[Any]:
        results = self.reference(*args[: self.operands], **structure)
        values = [*args, *results]
        for a, b in self.sums:
            values.append(values[a] + values[b])
        return values[len(args) :]


def is_sum(equation: Any) -> bool:
    """Whether an equation adds two arrays of floats of one shape."""
    atoms = [*equation.invars, *equation.outvars]
    if equation.primitive.name != "add" or any(isinstance(atom, Literal) for atom in atoms):
        return False
    return len({(atom.aval.shape, atom.aval.dtype) for atom in atoms}) == 1 and atoms[0].aval.dtype.kind == "f"


def with_sums(kernel: Kernel, base: Any, sums: Sequence[Any]) -> tuple[Any, NativeCall, Program] | None:
    """An equation of an elementwise kernel with sums of its results, its call and program; None if they do not fit."""
    structure, made = base.params, [*base.outvars, *(equation.outvars[0] for equation in sums)]
    first = kernel.names(structure).index(kernel.first_state(structure))
    if any(equation.outvars[0].aval.shape != base.invars[first].aval.shape for equation in sums):
        return None
    more = [*dict.fromkeys(v for equation in sums for v in equation.invars if v not in made)]
    whole = base.replace(invars=[*base.invars, *more], outvars=made)
    operands = len(whole.invars)
    places = {v: k for k, v in enumerate([*more, *made], start=len(base.invars))}
    pairs = [(places[a], places[b]) for a, b in (equation.invars for equation in sums)]
    replaced = kernel.replacements(structure)
    for k, pair in enumerate(pairs, start=len(base.outvars)):
        own = [place for place in pair if len(base.invars) <= place < operands and place not in replaced.values()]
        replaced |= {k: own[0]} if own else {}
    reference = _WithSums(kernel.reference, len(base.invars), tuple(pairs))
    given, out = ([atom.aval for atom in atoms] for atoms in (whole.invars, whole.outvars))
    try:
        program = _call.program_for(reference, structure, first, replaced, given, out)
    except NoProgram:
        return None
    return whole, _call.native_call(program, replaced, given, out, PLATFORM), program
