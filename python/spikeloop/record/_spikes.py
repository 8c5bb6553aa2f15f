"""Recording of spikes as bits."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from .._errors import Overflow
from ..kernels._record import pack
from ._recorder import Recorder, size_of, spikes_of
from ._selection import indices_of, listed_indices, take
from ._trains import SpikeTrains


class Spikes(Recorder):
    """Records the spikes of a population with one bit, 1/8 byte, per neuron and step.

    | name | meaning | default |
    |---|---|---|
    | `population` | what spikes | |
    | `neurons` | a slice or indices of the neurons to record | all |
    | `start`, `stop` | as in `Recorder` | |

    A call returns one row of bytes, of the spikes of the last step or of those given; `read` makes `SpikeTrains`. A bit
    cannot hold the count of a Poisson source: if a given count is above 1, `read` raises `Overflow`.

    >>> neurons = sl.nn.init_all_states(sl.LIF(5, V_th=10 * u.mV, tau=20 * u.ms))
    >>> run = sl.record.run(lambda: neurons(15 * u.mA), 50 * u.ms, record=sl.record.Spikes(neurons, neurons=[0, 1]))
    >>> run["spikes"].counts.tolist()
    [2, 2]
    """

    _kind = "spikes"
    in_parts = True

    def __init__(self, population: Any, *, neurons: Any = None, start: Any = None, stop: Any = None):
        super().__init__(population, start, stop)
        self._size = size_of(self._population, self.label)
        self._neurons = self._choose(neurons, self._size)

    def update(self, spikes: Any = None) -> Any:
        """The row of this step, (..., bytes)."""
        given = take(spikes_of(self._population, spikes, self.label), self._neurons)
        row = pack(given)
        if spikes is None or given.dtype == jnp.bool_:
            return row
        many = (given >= 2).any(axis=-1, keepdims=True)
        return jnp.concatenate([row, many.astype(row.dtype)], axis=-1)

    def read(self, rows: Any, *, t0: Any = None) -> SpikeTrains:
        """The record of the rows that a loop has stacked; its first step was at `t0`, by default 0."""
        rows = np.asarray(rows)
        size = len(indices_of(self._neurons))
        if rows.shape[-1:] == (-(-size // 8) + 1,):
            rows, many = rows[..., :-1], rows[..., -1]
            if many.any():
                raise Overflow(
                    f"{self.label} has one bit for each neuron and step, but in {many.sum()} steps a neuron spiked "
                    "several times. Write record.Events(population, capacity) or record.Rate(population)."
                )
        return super().read(rows, t0=t0)

    def describe(self, dt: float) -> dict[str, Any]:
        neurons = listed_indices(self._neurons, self._size)
        return {**super().describe(dt), "size": self._size, "neurons": neurons}
