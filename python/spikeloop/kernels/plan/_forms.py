"""The forms that a step of a population has inside of a joined call.

Numbers that stand in the step are no operands but parts of its program.

The step of a population takes and makes spikes as bits, and hands on a list of the neurons that spike: to projections,
which then do not search for them, and to counts. The array of the spikes, as JAX reads it, changes only where there
are spikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..._jax import Literal
from .. import _library
from .._kernel import Kernel
from .._native_call import NativeCall
from .._neuron import SPIKE, step_p
from ..program import _call
from ..program._bits import BitForm, bit_form
from ..program._ir import Program
from ..program._numbers import with_numbers
from ._sums import PLATFORM

TARGET = "fire"
_LARGEST_CACHE = 1024


def with_literals(equation: Any, program: Program) -> tuple[NativeCall, Program]:
    """The program of an equation, in which operands that are numbers are constants, and its call."""
    numbers = {k: float(atom.val) for k, atom in enumerate(equation.invars) if isinstance(atom, Literal)}
    program = _specialised(program, tuple(numbers.items()))
    aliases = {k: out.alias for k, out in zip(program.out_places, program.outs, strict=True) if out.alias is not None}
    given, made = ([atom.aval for atom in atoms] for atoms in (equation.invars, equation.outvars))
    return _call.native_call(program, aliases, given, made, PLATFORM), program


@lru_cache(_LARGEST_CACHE)
def _specialised(program: Program, numbers: tuple[tuple[int, float], ...]) -> Program:
    return with_numbers(program, dict(numbers))


def with_bits(kernel: Kernel, base: Any, call: NativeCall, program: Program) -> NativeCall:
    """The call of a step with its spikes as bits, or the same call if there is no such form.

    `program` may have more results than the equation `base` of the kernel, such as counts.
    """
    if kernel is not step_p or base.outvars[0].aval.ndim != 1 or not _library.targets.get(TARGET):
        return call
    spike = kernel.names(base.params).index(SPIKE), kernel.replaced(base.params).index(SPIKE)
    if (form := _form(program, *spike)) is None:
        return call
    attributes = {
        "bits": np.int64(_library.native.program(form.program.text())),
        "inputs": _places(program.operands, form.program.operands),
        "outs": _places(call.results, form.program.out_places),
        "spikes": np.array([program.operands.index(spike[0]), call.results.index(spike[1])], np.int32),
        "counts": _pairs(program, call, form),
    }
    return replace(call, target=TARGET, attributes={**call.attributes, **attributes})


@lru_cache(_LARGEST_CACHE)
def _form(program: Program, operand: int, result: int) -> BitForm | None:
    return bit_form(program, operand, result)


def _places(all_of: Sequence[int], some: Sequence[int]) -> np.ndarray:
    return np.array([all_of.index(k) for k in some], np.int32)


def _pairs(program: Program, call: NativeCall, form: BitForm) -> np.ndarray:
    pairs = [(program.operands.index(operand), call.results.index(result)) for operand, result in form.counts]
    return np.array(pairs, np.int32).ravel()
