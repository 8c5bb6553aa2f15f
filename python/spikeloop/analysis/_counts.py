"""Rates and counts."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from ._trains import as_trains, edges_of


def firing_rates(spikes: Any, *, size: int | None = None, duration: Any = None) -> Any:
    """The firing rate of each neuron over the whole record: number of spikes / duration.

    | name | meaning | default |
    |---|---|---|
    | `spikes` | `SpikeTrains`, or a pair (times, indices) | |
    | `size` | number of neurons, for a pair | largest index + 1 |
    | `duration` | the time recorded from 0 on, for a pair | up to the last spike |
    """
    trains = as_trains(spikes, size, duration, "firing_rates")
    seconds = float(trains.duration.to_decimal(u.second))
    if not seconds:
        raise ValueError("analysis.firing_rates: the record has no duration.")
    return u.Quantity(trains.counts / seconds, unit=u.Hz)


def mean_rate(spikes: Any, *, size: int | None = None, duration: Any = None) -> Any:
    """The mean of `firing_rates` over all neurons."""
    return firing_rates(spikes, size=size, duration=duration).mean()


def binned_counts(spikes: Any, bin: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    """Numbers of spikes (neurons, bins) in bins of the width `bin`; what remains after the last whole bin is left out.

    Other arguments as in `firing_rates`.
    """
    return counts_in(as_trains(spikes, size, duration, "binned_counts"), bin, "binned_counts")[0]


def counts_in(trains: Any, bin: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """(counts (neurons, bins), edges in ms)."""
    edges = edges_of(trains, bin, where)
    width, bins = edges[1] - edges[0], len(edges) - 1
    # A spike on an edge belongs to the bin that begins there, also where its time was rounded.
    which = np.floor((np.asarray(trains.times.to_decimal(u.ms)) - edges[0]) / width + 1e-9).astype(np.int64)
    inside = which < bins
    flat = np.bincount(trains.indices[inside] * bins + which[inside], minlength=trains.size * bins)
    return flat.reshape(trains.size, bins), edges


def fano_factor(spikes: Any, bin: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""The Fano factor of each neuron, the variance of its counts over their mean; NaN where there are no spikes.

    $$F = \frac{\operatorname{var}(n)}{\langle n \rangle}$$

    Counts are those of `binned_counts`, the variance that of all bins (divided by their number). Arguments as there.
    """
    counts = binned_counts(spikes, bin, size=size, duration=duration)
    mean = counts.mean(axis=1)
    return np.divide(counts.var(axis=1), mean, out=np.full(len(mean), np.nan), where=mean > 0)
