"""Traces: what `States` has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from ._clock import Clock
from ._convert import need, neo_time


@dataclass(frozen=True, eq=False)
class Traces:
    """The values of a State over time: `rows` (time, ..., neurons), plain numbers in `unit`.

    `rows` may lie on disk; `record[a:b]` reads a part of it. `neurons` are the indices recorded.
    """

    name: str
    rows: Any
    neurons: np.ndarray
    unit: Any
    clock: Clock
    window: tuple[int, int]
    block: int

    def __len__(self) -> int:
        return (self.window[1] - self.window[0]) // self.block

    @property
    def times(self) -> Any:
        """The times of the rows."""
        return self.clock.times(self.window[0] + (np.arange(len(self)) + 1) * self.block - 1)

    @property
    def values(self) -> Any:
        """All rows, with their unit."""
        return self[:]

    def __getitem__(self, part: Any) -> Any:
        """Rows, with their unit."""
        numbers = np.asarray(self.rows[part])
        return numbers if self.unit.is_unitless else u.Quantity(numbers, unit=self.unit)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.rows[:], dtype=dtype, copy=copy)

    def to_pandas(self) -> Any:
        """A data frame with one column for each neuron, over the times in ms."""
        pandas = need("pandas")
        index = pandas.Index(self.times.to_decimal(u.ms), name="time (ms)")
        return pandas.DataFrame(self._table("to_pandas"), index=index, columns=self.neurons)

    def to_neo(self) -> Any:
        """A `neo.AnalogSignal`; its name is that of the State."""
        neo, quantities = need("neo"), need("quantities")
        times = self.times.to_decimal(u.ms)
        start = neo_time(times[0] if len(times) else self.clock.t0)
        step = neo_time(self.block * self.clock.dt)
        unit = str(self.unit) if not self.unit.is_unitless else "dimensionless"
        signal = neo.AnalogSignal(
            quantities.Quantity(self._table("to_neo"), unit), t_start=start, sampling_period=step, name=self.name
        )
        signal.array_annotate(neuron=self.neurons)
        return signal

    def _table(self, where: str) -> np.ndarray:
        table = np.asarray(self.rows[:])
        if table.ndim != 2:
            raise ValueError(f"{where}: a batch of shape {table.shape[1:-1]} does not fit into one table.")
        return table
