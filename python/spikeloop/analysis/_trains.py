"""What the functions are given, in one form."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from ..record import SpikeTrains
from ..record._clock import milliseconds

_FINE = 1e-6  # ms: the steps of times that come without a grid


def as_trains(spikes: Any, size: int | None, duration: Any, where: str) -> SpikeTrains:
    """The spikes of `size` neurons in a time from 0 to `duration`; both are needed for a pair only."""
    if isinstance(spikes, SpikeTrains):
        if size is not None or duration is not None:
            raise TypeError(f"analysis.{where}: size and duration belong to a pair (times, indices) only.")
        return spikes
    if not isinstance(spikes, tuple) or len(spikes) != 2:
        raise TypeError(
            f"analysis.{where} takes SpikeTrains or a pair (times, indices); given {type(spikes).__name__}."
        )
    indices = np.atleast_1d(np.asarray(spikes[1], np.int64))
    size = int(indices.max(initial=-1)) + 1 if size is None else size
    return SpikeTrains.of(*spikes, size=size, dt=_FINE * u.ms, stop=duration)


def edges_of(trains: SpikeTrains, bin: Any, where: str) -> np.ndarray:
    """The edges in ms of the whole bins in the record."""
    width = milliseconds(bin, f"analysis.{where}: bin")
    start, stop = (float(t.to_decimal(u.ms)) for t in (trains.start, trains.stop))
    bins = int((stop - start) / width + 1e-9) if width > 0 else 0
    if bins < 1:
        raise ValueError(f"analysis.{where}: a bin of {width:g} ms does not fit into {stop - start:g} ms.")
    return start + np.arange(bins + 1) * width
