"""A stretch of a run as one compiled program: a ladder of loops, in which each recorder is asked once a period."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .. import _mesh, environ
from .._flushed_state import of_the_model
from .._module import Module
from .._steps import time_at
from .._trace import stored
from .._units import time_step
from ..transform import for_loop
from ..transform._eager import TracedCall
from ._recorder import Recorder


class Chunk:
    """`length` steps with these recorders; each makes a row every `periods[k]` steps, 0 if it makes none."""

    def __init__(self, step: Callable[..., Any], recorders: Sequence[Recorder], periods: Sequence[int], length: int):
        self.length, takes_time = length, _takes_time(step)
        self.rungs = _rungs(periods, length)
        self._thin = [period // rung if period else 0 for period, rung in zip(periods, self.rungs, strict=True)]
        self._program = TracedCall(
            _run, (step, *recorders), (length, self.rungs, takes_time), (jnp.asarray(0, jnp.int32),)
        )

    def run(self, first: int, widths: Sequence[int | None]) -> list[list[tuple[int, Any]]]:
        """The rows of each recorder, of the steps from `first` on, which is an index that counts from the time 0.

        Rows come in pieces of this width, each with its place; of several processes, each gets those it is to write.
        """
        rows = self._program(jnp.asarray(first, jnp.int32))
        jax.block_until_ready([stored(state) for state in self.written()])  # errors are raised before a checkpoint
        found = [[] if r is None else _mesh.columns(r, width) for r, width in zip(rows, widths, strict=True)]
        thinned = lambda r, thin: r[thin - 1 :: thin] if thin > 1 else r  # noqa: E731
        return [[(k, thinned(r, thin)) for k, r in own] for own, thin in zip(found, self._thin, strict=True)]

    def written(self) -> Sequence[Any]:
        """The States of the model that the steps change, up to date."""
        return of_the_model(self._program.written)


def _takes_time(step: Callable[..., Any]) -> bool:
    """Whether a step is called with the time: its first parameter has no default, or is called `t`."""
    function = step.update if isinstance(step, Module) else step
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except ValueError:  # some functions of other languages do not say
        return True
    first = next((p for p in parameters if p.kind is not p.KEYWORD_ONLY and p.kind is not p.VAR_KEYWORD), None)
    return first is not None and (first.default is first.empty or first.name == "t")


def _rungs(periods: Sequence[int], length: int) -> tuple[int, ...]:
    """Periods at which rows are made: divisors of those asked for, each of which divides the next longer one."""
    rungs, divisor = {0: 0}, length
    for period in sorted({*periods} - {0}, reverse=True):
        rungs[period] = divisor = math.gcd(period, divisor)
    return tuple(rungs[period] for period in periods)


def _run(functions: tuple[Any, ...], config: tuple[int, tuple[int, ...], bool], args: tuple[Any]) -> list[Any]:
    step, *recorders = functions
    length, rungs, takes_time = config
    (first,) = args
    ladder = sorted({1, *rungs, length} - {0})
    dt = float(time_step("record.run"))

    def climb(level: int, now: Any) -> list[Any]:
        """The rows of ladder[level] steps."""
        if level == 0:
            t = u.Quantity(time_at(now, dt, environ.dftype()), unit=u.ms)
            with environ.context(i=now, t=t, **{environ.CLOCK: (t, now)}):
                step(t) if takes_time else step()
            rows: list[Any] = [None] * len(recorders)
            for recorder in (r for r, rung in zip(recorders, rungs, strict=True) if rung == 0):
                recorder()
        else:
            below = ladder[level - 1]
            rows = for_loop(lambda k: climb(level - 1, now + k * below), jnp.arange(ladder[level] // below))
        return [r() if rung == ladder[level] else row for r, row, rung in zip(recorders, rows, rungs, strict=True)]

    rows = climb(len(ladder) - 1, first)
    above = [len(ladder) - 1 - ladder.index(rung) if rung else 0 for rung in rungs]
    return [row if row is None else _in_one_axis(row, axes) for row, axes in zip(rows, above, strict=True)]


def _in_one_axis(row: Any, axes: int) -> Any:
    return row.reshape(math.prod(row.shape[:axes]), *row.shape[axes:])
