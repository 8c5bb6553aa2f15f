"""What the functions are given, in one form."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import brainunit as u
import numpy as np

from ..record import SpikeTrains
from ..record._clock import milliseconds
from ..record._pair import checked_pair
from ._bins import bin_of, exact_width

_COARSEST = 1 / 8  # of a bin


class _Spikes(NamedTuple):
    ticks: np.ndarray  # from the start of the record on, ascending: whole numbers if times lie on a grid
    indices: np.ndarray
    blur: Any  # ticks by which rounding may have moved a spike; 0 on a grid


class Trains:
    """Spikes of `size` neurons in a record of `length` ticks of `tick` ms, which begins at `start` ms."""

    def __init__(self, spikes: _Spikes, size: int, tick: float, start: float, length: float):
        self.ticks, self.indices, self.blur = spikes
        self.size, self.tick, self.start, self.length = size, tick, start, length

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of spikes of each neuron."""
        return np.bincount(self.indices, minlength=self.size)

    def intervals(self) -> list[np.ndarray]:
        """The intervals between spikes of each neuron in ticks."""
        return [np.diff(train) for train in self._by_neuron(self.ticks)]

    def interval_blur(self) -> list[Any]:
        """The ticks by which rounding may have changed each interval."""
        blur = np.broadcast_to(self.blur, self.ticks.shape)
        return [2 * train[1:] for train in self._by_neuron(blur)]

    def bins(self, bin: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
        """(bin of each spike, edges in ms) of the whole bins in the record; spikes after these have larger numbers."""
        width = self.width(bin, where)
        count = int(bin_of(self.length, width))
        if count < 1:
            raise ValueError(
                f"analysis.{where}: a bin of {width * self.tick:g} ms does not fit into {self.length * self.tick:g} ms."
            )
        edges = self.start + np.arange(count + 1) * (exact_width(width) * self.tick)
        return bin_of(self.ticks, width, self.blur), edges

    def width(self, bin: Any, where: str) -> float:
        """The width of a bin in ticks, which times must be exact enough for."""
        ms = milliseconds(bin, f"analysis.{where}: bin")
        if not ms > 0:
            raise ValueError(f"analysis.{where}: bin must be above 0; given {ms:g} ms.")
        blur = float(np.max(self.blur, initial=0.0)) * self.tick
        if blur > ms * _COARSEST:
            raise ValueError(
                f"analysis.{where}: the times are exact to {blur:.2g} ms only, too coarse for bins of {ms:g} ms; give "
                "them in float64, or as SpikeTrains."
            )
        return ms / self.tick

    def _by_neuron(self, values: np.ndarray) -> list[np.ndarray]:
        order = np.argsort(self.indices, kind="stable")
        return np.split(values[order], np.cumsum(self.counts)[:-1]) if self.size else []


def as_trains(spikes: Any, size: int | None, duration: Any, where: str) -> Trains:
    """The spikes of `size` neurons in a time from 0 to `duration`; both are needed for a pair only."""
    if isinstance(spikes, SpikeTrains):
        if size is not None or duration is not None:
            raise TypeError(f"analysis.{where}: size and duration belong to a pair (times, indices) only.")
        (first, last), clock = spikes.window, spikes.clock
        found = _Spikes(spikes.steps - first, spikes.indices, 0.0)
        return Trains(found, spikes.size, clock.dt, float(spikes.start.to_decimal(u.ms)), last - first)
    if not isinstance(spikes, tuple | list) or len(spikes) != 2:
        raise TypeError(
            f"analysis.{where} takes SpikeTrains or a pair (times, indices); given {type(spikes).__name__}."
        )
    times, indices = spikes
    return _of_pair(times, indices, size, duration, f"analysis.{where}")


def _of_pair(times: Any, indices: Any, size: int | None, duration: Any, where: str) -> Trains:
    ms, blur, indices, size = checked_pair(times, indices, size, where)
    length = float(ms.max(initial=0.0)) if duration is None else milliseconds(duration, f"{where}: duration")
    outside = (ms < 0) | ((ms >= length) if duration is not None else False)
    if outside.any():
        raise ValueError(f"{where}: a spike at {ms[outside][0]:g} ms lies outside the record, 0 to {length:g} ms.")
    order = np.argsort(ms, kind="stable")
    return Trains(_Spikes(ms[order], indices[order], blur[order]), size, 1.0, 0.0, length)
