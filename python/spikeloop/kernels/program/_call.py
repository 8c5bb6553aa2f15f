"""Calls of programs: what stands in a compiled XLA program for an elementwise kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

import numpy as np

from ..._jax import Aval
from .. import _library
from .._native_call import NativeCall
from ._ir import Program
from ._trace import program_of

TARGET, STEPS = "program", "program_steps"
_LARGEST_CACHE = 1024


def is_uniform(aval: Any, population: tuple[int, ...]) -> bool:
    """Whether an operand is one number for all neurons of a population, or for those of each row."""
    return aval.shape != population and (aval.size == 1 or aval.shape == (*population[:-1], 1))


def program_for(
    reference: Callable[..., Any],
    structure: Mapping[str, Any],
    population: int,
    aliases: Mapping[int, int],
    avals_in: Sequence[Any],
    avals_out: Sequence[Any],
    expands: bool = True,
) -> Program:
    """The program of `reference`, which replaces operands as `aliases` {result: operand} says.

    The operand `population` has the shape of the population, and so has each result that is no sum over it.
    """
    shape, dtype = avals_in[population].shape, avals_in[population].dtype.name
    uniform = tuple(is_uniform(aval, shape) for aval in avals_in)
    sums = tuple(aval.shape != shape for aval in avals_out)
    words = tuple(k for k, aval in enumerate(avals_in) if aval.dtype == np.uint32)
    aliased = tuple(aliases.items())
    return _made(reference, tuple(structure.items()), dtype, uniform, sums, aliased, population, expands, words)


@lru_cache(_LARGEST_CACHE)
def _made(
    reference: Callable[..., Any],
    structure: tuple[tuple[str, Any], ...],
    dtype: str,
    uniform: tuple[bool, ...],
    sums: tuple[bool, ...],
    aliases: tuple[tuple[int, int], ...],
    population: int,
    expands: bool,
    words: tuple[int, ...],
) -> Program:
    function = partial(reference, **dict(structure))
    return program_of(function, dtype, uniform, sums, dict(aliases), population, expands, words)


def native_call(
    program: Program,
    aliases: Mapping[int, int],
    avals_in: Sequence[Any],
    avals_out: Sequence[Any],
    platform: str,
    target: str = TARGET,
    attributes: Mapping[str, Any] = MappingProxyType({}),
) -> NativeCall:
    """The call of a program for an equation with these operands and results; XLA knows it by its hash.

    `target` is its native code, which is told the `attributes` too.
    """
    order = [*program.out_places, *program.sum_places]
    name = np.int64(_library.native.program(program.text()))
    given, made = [avals_in[k] for k in program.operands], [avals_out[k] for k in order]
    replaced = {program.operands.index(operand): order.index(result) for result, operand in aliases.items()}
    outs = made + _scratch(program, int(name), given, made, platform)
    return NativeCall(target, program.operands, order, outs, replaced, {"program": name, **attributes})


def _scratch(program: Program, name: int, given: Sequence[Aval], made: Sequence[Aval], platform: str) -> list[Aval]:
    """The memory that sums are added up in, which is one more result on GPUs."""
    if platform != "cuda" or not program.sums:
        return []
    shape = made[0].shape if program.outs else max(given, key=lambda aval: aval.size).shape
    n = shape[-1] if shape else 1
    size = _library.native.program_scratch(name, int(np.prod(shape[:-1])), n)
    return [Aval((size,), made[0].dtype)]


def count() -> int:
    """How many programs were made."""
    return _made.cache_info().misses
