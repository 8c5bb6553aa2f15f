"""Recording of spikes as bits."""

from __future__ import annotations

from typing import Any

from ..kernels._record import pack
from ._recorder import Recorder, size_of, spikes_of
from ._selection import listed_indices, take


class Spikes(Recorder):
    """Records the spikes of a population, one bit each: 1/8 byte a neuron and step, whatever it does.

    | name | meaning | default |
    |---|---|---|
    | `population` | what spikes | |
    | `neurons` | a slice or indices of the neurons to record | all |
    | `start`, `stop` | as in `Recorder` | |

    A call returns one row of bytes, of the spikes of the last step or of those given; `read` makes `SpikeTrains`.
    """

    _kind = "spikes"

    def __init__(self, population: Any, *, neurons: Any = None, start: Any = None, stop: Any = None):
        super().__init__(population, start, stop)
        self._size = size_of(self._population, self.label)
        self._neurons = self._choose(neurons, self._size)

    def update(self, spikes: Any = None) -> Any:
        """The row of this step, (..., bytes)."""
        return pack(take(spikes_of(self._population, spikes, self.label), self._neurons))

    def describe(self, dt: float) -> dict[str, Any]:
        neurons = listed_indices(self._neurons, self._size)
        return {**super().describe(dt), "size": self._size, "neurons": neurons}
