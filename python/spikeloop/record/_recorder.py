"""Recorder: what all recorders share."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import numpy as np

from .._errors import NotInitializedError, ShapeError
from .._module import Module, made_by_init_state
from .._units import time_step
from ..models._part import Part
from ..transform import eval_shape
from ._clock import Clock, start_time, whole_steps
from ._selection import Chosen, compact, selection, shown


class Recorder(Module):
    """Base of recorders.

    Called in a step, a recorder returns the row of this step. `read` turns rows, stacked by a loop, into a record
    that knows its times and units. `run` calls both. A part of a population, such as `net.N[:100]`, is recorded as a
    population of its own.

    | name | meaning | default |
    |---|---|---|
    | `population` | what is recorded | |
    | `start`, `stop` | record this part of the run only | all of it |

    A recorder of your own defines `update()`, which reads `self.population` and returns one array (..., values) without
    a unit; its record is `Traces`.
    """

    _kind: ClassVar[str] = "rows"
    makes_rows: ClassVar[bool] = True  # or keeps what it records in States of its own
    in_parts: ClassVar[bool] = False  # entries are rows, of which several processes write parts

    def __init__(self, population: Any, start: Any = None, stop: Any = None):
        super().__init__()
        if not isinstance(population, Module | Part):
            raise TypeError(
                f"record.{type(self).__name__} needs a population such as net.N or a part of it; "
                f"given {type(population).__name__}."
            )
        self._part = population if isinstance(population, Part) else None
        self._population: Any = population if self._part is None else self._part.population
        self._start, self._stop = start, stop

    @property
    def population(self) -> Any:
        """What is recorded."""
        return self._population if self._part is None else self._part

    @property
    def label(self) -> str:
        """The recorder in messages."""
        return f"record.{type(self).__name__} of {self._place}"

    @property
    def _place(self) -> str:
        part = "" if self._part is None else shown(compact(self._part.indices))
        return f"{self._population.path}{part}"

    def _choose(self, neurons: Any, size: int, where: str = "") -> Chosen:
        """`neurons=`, counted in what is recorded, as a selection from the whole population of `size`."""
        within = np.arange(size) if self._part is None else np.asarray(self._part.indices)
        return compact(within[selection(neurons, len(within), where or self.label)])

    @property
    def default_name(self) -> str:
        """The name of the record in a run, if none is given."""
        return type(self).__name__.lower()

    def begin(self, step: int) -> None:
        """A chunk of a run begins with this step."""

    def go_on(self, step: int, entries: Any) -> None:
        """A chunk goes on with this step; a recorder without rows gets the one entry that the chunk has made so far."""

    def like(self, dt: float) -> Any:
        """Shape and dtype of an entry of the record."""
        row = eval_shape(self.update)
        if not isinstance(row, jax.ShapeDtypeStruct):
            raise TypeError(
                f"{self.label}: update() must return one array without a unit, such as u.get_mantissa(x), in each "
                f"step; it returned {type(row).__name__}."
            )
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
        return rows.reshape(-1, 1) if rows.ndim == 1 else rows

    def entry(self) -> np.ndarray:
        """What a recorder without rows has recorded since `begin`."""
        raise NotImplementedError(f"{self.label}: a recorder of your own returns a row from update() in each step.")

    def num_entries(self, steps: int, dt: float) -> int:
        """Entries of the record of so many steps."""
        return steps // self.block_steps(dt)

    def describe(self, dt: float) -> dict[str, Any]:
        """What a record must know besides its entries, as plain JSON."""
        return {"kind": self._kind, "name": self.default_name, "block": self.block_steps(dt)}

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


def flat(value: Any, shape: tuple[int, ...] | None, where: str) -> Any:
    """The array (..., *shape) as (..., n); without a shape, the last axis counts."""
    own: tuple[int, ...] = value.shape[-1:] if shape is None else shape
    batch = value.shape[: value.ndim - len(own)]
    if value.shape[len(batch) :] != own:
        raise ShapeError(f"{where} takes arrays of shape (..., {', '.join(map(str, own))}); given {value.shape}.")
    return value.reshape(*batch, math.prod(own))


def shape_of(population: Any) -> tuple[int, ...] | None:
    """The shape of a population; None of a Module that is none."""
    return getattr(population, "varshape", None) or getattr(population, "out_size", None)


def spikes_of(population: Any, given: Any, where: str) -> Any:
    """The spikes (..., n) of the last step, or those that are given."""
    if given is None:
        spike = _spike(population, where)
        if spike is None:
            raise TypeError(f"{where}: it has no State `spike`; give the spikes of the step: recorder(spikes).")
        given = spike.value
    return flat(given, shape_of(population), where)


def size_of(population: Any, where: str) -> int:
    """The number of neurons."""
    shape = shape_of(population)
    if shape is None:
        spike = _spike(population, where)
        if spike is None:
            raise TypeError(f"{where}: a recorder needs a population, but this has neither a size nor a State `spike`.")
        shape = spike.value.shape
    return math.prod(shape)


def _spike(population: Any, where: str) -> Any:
    """The State of spikes, None if there is none."""
    spike = vars(population).get("spike")
    if spike is None and made_by_init_state(type(population), "spike"):
        raise NotInitializedError(f"{where}: its spikes do not exist yet. Call sl.nn.init_all_states(model) first.")
    return spike
