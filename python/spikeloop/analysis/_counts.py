"""Rates and counts."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from ..record import SpikeTrains
from ._trains import Trains, as_trains


def firing_rates(spikes: Any, *, size: int | None = None, duration: Any = None) -> Any:
    """The firing rate of each neuron over the whole record: number of spikes / duration.

    | name | meaning | default |
    |---|---|---|
    | `spikes` | `SpikeTrains`, or a pair (times, indices) | |
    | `size` | number of neurons, for a pair | largest index + 1 |
    | `duration` | the time recorded from 0 on, for a pair | up to the last spike |

    >>> trains = sl.record.SpikeTrains.of([1.0, 2.0, 7.0] * u.ms, [0, 1, 0], size=2, dt=0.1 * u.ms, stop=10 * u.ms)
    >>> sl.analysis.firing_rates(trains)
    Quantity([200. 100.], "Hz")
    """
    if isinstance(spikes, SpikeTrains) and spikes.batch and size is None and duration is None:
        counts, seconds = spikes.counts, float(spikes.duration.to_decimal(u.second))
    else:
        trains = as_trains(spikes, size, duration, "firing_rates")
        counts, seconds = trains.counts, trains.length * trains.tick / 1e3
    if not seconds > 0:
        raise ValueError("analysis.firing_rates: the record has no duration; give one, such as duration=1 * u.second.")
    return u.Quantity(counts / seconds, unit=u.Hz)


def mean_rate(spikes: Any, *, size: int | None = None, duration: Any = None) -> Any:
    """The mean of `firing_rates` over all neurons; NaN without neurons.

    >>> sl.analysis.mean_rate(([1.0, 2.0, 7.0] * u.ms, [0, 1, 0]), size=2, duration=10 * u.ms)
    Quantity(150., "Hz")
    """
    rates = firing_rates(spikes, size=size, duration=duration).mantissa
    return u.Quantity(rates.mean() if rates.size else np.nan, unit=u.Hz)


def binned_counts(spikes: Any, bin: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    """Numbers of spikes (neurons, bins) in bins of the width `bin`; what remains after the last whole bin is left out.

    Other arguments as in `firing_rates`.
    """
    return counts_in(as_trains(spikes, size, duration, "binned_counts"), bin, "binned_counts")[0]


def counts_in(trains: Trains, bin: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """(counts (neurons, bins), edges in ms)."""
    which, edges = trains.bins(bin, where)
    bins = len(edges) - 1
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
