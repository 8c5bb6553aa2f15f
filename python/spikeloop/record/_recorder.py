"""Recorder: what all recorders share."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import numpy as np

from .._errors import NotInitializedError, ShapeError
from ..models._form import time_step
from ..nn import Module
from ..transform import eval_shape
from ._clock import Clock, start_time, whole_steps


class Recorder(Module):
    """Base of recorders.

    Called in a step, a recorder returns the row of this step. `read` turns rows, stacked by a loop, into a record
    that knows its times and units. `run` calls both.

    | name | meaning | default |
    |---|---|---|
    | `start`, `stop` | record this part of the run only | all of it |
    """

    kind: ClassVar[str]
    makes_rows: ClassVar[bool] = True  # or keeps what it records in States of its own

    def __init__(self, population: Any, start: Any = None, stop: Any = None):
        super().__init__()
        if not isinstance(population, Module):
            raise TypeError(
                f"record.{type(self).__name__} needs a population such as net.N, and for a part of it neurons=...; "
                f"given {type(population).__name__}."
            )
        self._population = population
        self._start, self._stop = start, stop

    @property
    def label(self) -> str:
        """The recorder in messages."""
        return f"record.{type(self).__name__} of {self._population.path}"

    @property
    def default_name(self) -> str:
        """The name of the record in a run, if none is given."""
        return self.kind

    def begin(self, step: int) -> None:
        """A chunk of a run begins with this step."""

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


def selection(neurons: Any, size: int, where: str) -> slice | tuple[int, ...]:
    """`neurons=`, checked: a slice, or the indices."""
    if neurons is None:
        return slice(0, size, 1)
    if isinstance(neurons, slice):
        start, stop, step = neurons.indices(size)
        if (neurons.stop or 0) > size or (neurons.start or 0) > size:
            raise IndexError(f"{where}: neurons {neurons.start}:{neurons.stop} of a population of {size}.")
        return slice(start, max(start, stop), step) if step > 0 else tuple(range(start, stop, step))
    chosen = np.atleast_1d(np.asarray(neurons))
    if chosen.dtype == bool and chosen.shape == (size,):
        chosen = np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.size and not np.issubdtype(chosen.dtype, np.integer)):
        raise TypeError(f"{where}: neurons must be a slice or a list of indices; given {neurons!r}.")
    wrong = chosen[(chosen < 0) | (chosen >= size)]
    if wrong.size:
        raise IndexError(f"{where}: neuron {wrong[0]} of a population of {size}; indices go from 0 to {size - 1}.")
    return tuple(int(k) for k in chosen)


def indices_of(chosen: slice | tuple[int, ...]) -> np.ndarray:
    """The chosen neurons as indices."""
    if isinstance(chosen, slice):
        return np.arange(chosen.start, chosen.stop, chosen.step)
    return np.array(chosen, np.int64)


def listed_indices(chosen: slice | tuple[int, ...], size: int) -> list[int] | None:
    """The chosen neurons for a description; None if these are all."""
    return None if chosen == slice(0, size, 1) else [int(k) for k in indices_of(chosen)]


def take(values: Any, chosen: slice | tuple[int, ...]) -> Any:
    """The chosen neurons of an array (..., n); no copy if these are all."""
    if isinstance(chosen, slice):
        whole = chosen == slice(0, values.shape[-1], 1)
        return values if whole else values[..., chosen]
    return values[..., np.array(chosen, np.int32)]
