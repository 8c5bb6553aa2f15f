"""Calls of programs: what stands in a compiled XLA program for an elementwise kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ..._jax import ffi_lowering
from .. import _library
from ._ir import Program
from ._trace import program_of

TARGET = "program"
_LARGEST_CACHE = 1024


def is_uniform(aval: Any, population: tuple[int, ...]) -> bool:
    """Whether an operand is one number for all neurons of a population, or for those of each row."""
    return aval.shape != population and (aval.size == 1 or aval.shape == (*population[:-1], 1))


def call(
    reference: Callable[..., Any], structure: Mapping[str, Any], population: int, aliases: Mapping[int, int],
    ctx: Any, operands: Sequence[Any],
) -> list[Any]:  # fmt: skip
    """Lower a call of `reference` to one of its program; `aliases` {result: operand} are replaced in place.

    The operand `population` has the shape of the population, and so has each result that is no sum over it.
    """
    shape = ctx.avals_in[population].shape
    uniform = tuple(is_uniform(aval, shape) for aval in ctx.avals_in)
    sums = tuple(aval.shape != shape for aval in ctx.avals_out)
    dtype = ctx.avals_in[population].dtype.name
    program, name = registered(
        reference, tuple(structure.items()), dtype, uniform, sums, tuple(aliases.items()), population
    )
    order = sorted(range(len(sums)), key=lambda k: sums[k])  # sums come last
    inner = ctx.replace(
        avals_in=[ctx.avals_in[k] for k in program.operands], avals_out=[ctx.avals_out[k] for k in order]
    )
    replaced = {program.operands.index(operand): order.index(result) for result, operand in aliases.items()}
    lowering = ffi_lowering(_library.PREFIX + TARGET, replaced)
    made = lowering(inner, *(operands[k] for k in program.operands), program=np.int64(name))
    return [made[order.index(k)] for k in range(len(order))]


@lru_cache(_LARGEST_CACHE)
def registered(
    reference: Callable[..., Any], structure: tuple[tuple[str, Any], ...], dtype: str, uniform: tuple[bool, ...],
    sums: tuple[bool, ...], aliases: tuple[tuple[int, int], ...], population: int,
) -> tuple[Program, int]:  # fmt: skip
    """The program of a reference, and its name in the native library."""
    program = program_of(partial(reference, **dict(structure)), dtype, uniform, sums, dict(aliases), population)
    return program, _library.native.program(program.text())


def count() -> int:
    """How many programs were made."""
    return registered.cache_info().misses
