"""Recorder: what all recorders share."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import numpy as np

from .._errors import NotInitializedError, ShapeError
from ..models._form import time_step
from ..models._part import Part
from ..nn import Module
from ..transform import eval_shape
from ._clock import Clock, start_time, whole_steps
from ._selection import selection, shifted


class Recorder(Module):
    """Base of recorders.

    Called in a step, a recorder returns the row of this step. `read` turns rows, stacked by a loop, into a record
    that knows its times and units. `run` calls both. A slice of a population, such as `net.N[:100]`, is recorded as a
    population of its own.

    | name | meaning | default |
    |---|---|---|
    | `start`, `stop` | record this part of the run only | all of it |
    """

    kind: ClassVar[str]
    makes_rows: ClassVar[bool] = True  # or keeps what it records in States of its own

    def __init__(self, population: Any, start: Any = None, stop: Any = None):
        super().__init__()
        if not isinstance(population, Module | Part):
            raise TypeError(
                f"record.{type(self).__name__} needs a population such as net.N or a slice of it; "
                f"given {type(population).__name__}."
            )
        self._part = population if isinstance(population, Part) else None
        self._population: Any = population if self._part is None else self._part.population
        self._start, self._stop = start, stop

    @property
    def label(self) -> str:
        """The recorder in messages."""
        return f"record.{type(self).__name__} of {self._place}"

    @property
    def _place(self) -> str:
        part = "" if self._part is None else f"[{self._part.start}:{self._part.stop}]"
        return f"{self._population.path}{part}"

    def _choose(self, neurons: Any = None, where: str = "") -> slice | tuple[int, ...]:
        """`neurons=`, counted in what is recorded, as a selection from the whole population."""
        if self._part is None:
            first, size = 0, size_of(self._population, self.label)
        else:
            first, size = self._part.start, self._part.varshape[0]
        return shifted(selection(neurons, size, where or self.label), first)

    @property
    def default_name(self) -> str:
        """The name of the record in a run, if none is given."""
        return self.kind

    def begin(self, step: int) -> None:
        """A chunk of a run begins with this step."""

    def go_on(self, step: int, entries: Any) -> None:
        """A chunk goes on with this step; a recorder without rows gets the one entry that the chunk has made so far."""

    def like(self, dt: float) -> Any:
        """Shape and dtype of an entry of the record."""
        row = eval_shape(self.update)
        entry = self.reduce(np.zeros((self.block_steps(dt) // self.row_steps(dt), *row.shape), row.dtype), dt)
        return jax.ShapeDtypeStruct(entry.shape[1:], entry.dtype)

    def row_steps(self, dt: float) -> int:
        """Steps between two rows that a loop makes."""
        del dt
        return 1

    def block_steps(self, dt: float) -> int:
        """Steps that one entry of the record stands for."""
        return self.row_steps(dt)

    def reduce(self, rows: np.ndarray, dt: float) -> np.ndarray:
        """Entries of the record from rows."""
        del dt
        return rows

    def num_entries(self, steps: int, dt: float) -> int:
        """Entries of the record of so many steps."""
        return steps // self.block_steps(dt)

    def describe(self, dt: float) -> dict[str, Any]:
        """What a record must know besides its entries, as plain JSON."""
        return {"kind": self.kind, "block": self.block_steps(dt)}

    def window(self, clock: Clock) -> tuple[int, int]:
        """(first step, step after the last one) that are recorded."""
        first = 0 if self._start is None else self._edge("start", self._start, clock)
        last = clock.steps if self._stop is None else self._edge("stop", self._stop, clock)
        if first >= last and clock.steps:
            raise ValueError(f"{self.label}: start is at step {first}, not before stop at step {last}.")
        return first, last

    def _edge(self, name: str, time: Any, clock: Clock) -> int:
        step = whole_steps(time, clock.dt, f"{self.label}: {name}")
        if step > clock.steps:
            raise ValueError(
                f"{self.label}: {name} is at {step * clock.dt:g} ms, outside the run of "
                f"{clock.steps * clock.dt:g} ms; both count from the beginning of the run."
            )
        block = self.block_steps(clock.dt)
        if step % block and step != clock.steps:
            raise ValueError(
                f"{self.label}: {name} at {step * clock.dt:g} ms is no multiple of the {block * clock.dt:g} ms "
                "between two entries."
            )
        return step

    def read(self, rows: Any, *, t0: Any = None) -> Any:
        """The record of the rows that a loop has stacked; its first step was at `t0`, by default 0."""
        from ._decode import decode

        rows = np.asarray(rows)
        dt = float(time_step(self.label))
        steps = rows.shape[0] * self.row_steps(dt)
        clock = Clock(dt, steps, start_time(t0, dt, self.label))
        first, last = self.window(clock)
        part = rows[first // self.row_steps(dt) : -(-last // self.row_steps(dt))]
        return decode(self.describe(dt), self.reduce(part, dt), clock, (first, last))


def flat(value: Any, population: Any, where: str) -> Any:
    """The array (..., *shape of the population) as (..., n)."""
    shape = getattr(population, "varshape", None) or getattr(population, "out_size", None) or value.shape[-1:]
    batch = value.shape[: value.ndim - len(shape)]
    if value.shape[len(batch) :] != tuple(shape):
        raise ShapeError(f"{where} takes arrays of shape (..., {', '.join(map(str, shape))}); given {value.shape}.")
    return value.reshape(*batch, math.prod(shape))


def spikes_of(population: Any, given: Any, where: str) -> Any:
    """The spikes (..., n) of the last step, or those that are given."""
    if given is None:
        spike = getattr(population, "spike", None)
        if spike is None:
            raise TypeError(f"{where}: it keeps no spikes; give those of the step: recorder(spikes).")
        given = spike.value
    return flat(given, population, where)


def size_of(population: Any, where: str) -> int:
    """The number of neurons."""
    shape = getattr(population, "varshape", None) or getattr(population, "out_size", None)
    if shape is None:
        spike = vars(population).get("spike")
        if spike is None:
            raise NotInitializedError(f"{where}: the number of neurons is not known before init_all_states.")
        shape = spike.value.shape
    return math.prod(shape)
