"""Rates: what `Rate` has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from ._clock import Clock
from ._convert import need


@dataclass(frozen=True, eq=False)
class Rates:
    """Mean firing rates over time; those of no neurons are NaN.

    `counts` (bins, ..., groups) are spikes; `sizes` {group: number of neurons}. `record["E"]` is the rate of a group.
    """

    counts: np.ndarray
    sizes: dict[str, int]
    clock: Clock
    window: tuple[int, int]
    block: int

    @property
    def edges(self) -> Any:
        """Where bins begin, and where the last one ends; it is shorter if the run does not fill it."""
        first, last = self.window
        return self.clock.times(np.append(np.arange(first, last, self.block), last))

    @property
    def times(self) -> Any:
        """Where bins begin."""
        return self.edges[:-1]

    @property
    def values(self) -> Any:
        """The rates (bins, ..., groups)."""
        seconds = np.diff(self.edges.to_decimal(u.second)).reshape(-1, *(1,) * (self.counts.ndim - 1))
        return _rates(self.counts, seconds * np.array([*self.sizes.values()]))

    def __getitem__(self, group: str) -> Any:
        """The rate of a group, (bins, ...)."""
        names = list(self.sizes)
        if group not in names:
            raise KeyError(f"no group {group!r}; there are {', '.join(names)}")
        return self.values[..., names.index(group)]

    @property
    def mean(self) -> dict[str, Any]:
        """{group: mean rate over the whole record}."""
        first, last = self.window
        seconds = (last - first) * self.clock.dt / 1e3
        sums = self.counts.sum(axis=0)
        return {name: _rates(sums[..., k], seconds * n)[()] for k, (name, n) in enumerate(self.sizes.items())}

    def to_pandas(self) -> Any:
        """A data frame with one column in Hz for each group, over the times in ms."""
        pandas = need("pandas")
        values = np.asarray(self.values.mantissa)
        if values.ndim != 2:
            raise ValueError(f"to_pandas: a batch of shape {values.shape[1:-1]} does not fit into one table.")
        index = pandas.Index(self.times.to_decimal(u.ms), name="time (ms)")
        return pandas.DataFrame(values, index=index, columns=list(self.sizes))


def _rates(counts: np.ndarray, neuron_seconds: Any) -> Any:
    time = np.broadcast_to(neuron_seconds, counts.shape)
    return u.Quantity(np.divide(counts, time, out=np.full(counts.shape, np.nan), where=time > 0), unit=u.Hz)
