"""The form that spikes have inside of a joined call.

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

from .. import _library
from .._kernel import Kernel
from .._native_call import NativeCall
from .._neuron import SPIKE, step_p
from ..program._bits import BitForm, bit_form
from ..program._ir import Program

TARGET = "fire"
_LARGEST_CACHE = 1024


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
