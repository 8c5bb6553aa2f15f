"""Intervals between the spikes of a neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import numpy as np

from ..record._clock import milliseconds
from ._trains import as_trains


def intervals(spikes: Any, *, size: int | None = None, duration: Any = None) -> list[Any]:
    """The intervals between successive spikes, an array for each neuron. Arguments as in `firing_rates`."""
    trains = as_trains(spikes, size, duration, "intervals")
    return [u.Quantity(np.diff(train), unit=u.ms) for train in trains.trains()]


def cv(spikes: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""The coefficient of variation of the intervals of each neuron; NaN with less than two intervals.

    $$C_V = \frac{\operatorname{std}(T)}{\langle T \rangle}$$

    It is 0 for regular trains, 1 for Poisson trains. Arguments as in `firing_rates`.
    """
    return _of_intervals(lambda T: T.std() / T.mean(), as_trains(spikes, size, duration, "cv"))


def lv(spikes: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""The local variation of each neuron, blind to slow changes of the rate; NaN with less than two intervals.

    $$L_V = \frac{3}{N - 1} \sum_{i=1}^{N-1} \left( \frac{T_i - T_{i+1}}{T_i + T_{i+1}} \right)^2$$

    It is 0 for regular trains, 1 for Poisson trains. Arguments as in `firing_rates`.

    Shinomoto S, Shima K, Tanji J (2003) Neural Comput. 15:2823.
    """
    trains = as_trains(spikes, size, duration, "lv")
    return _of_intervals(lambda T: 3 * np.mean((np.diff(T) / (T[1:] + T[:-1])) ** 2), trains)


def isi_histogram(
    spikes: Any, bin: Any, *, longest: Any = None, size: int | None = None, duration: Any = None
) -> tuple[np.ndarray, Any]:
    """(numbers of intervals of all neurons, edges of the bins) in bins of the width `bin` from 0 on.

    Longer intervals than `longest` (by default the longest there is) are left out. Other arguments as in
    `firing_rates`.
    """
    trains = as_trains(spikes, size, duration, "isi_histogram")
    found = [np.diff(train) for train in trains.trains()]
    all_of_them = np.concatenate(found) if found else np.zeros(0)
    width = milliseconds(bin, "analysis.isi_histogram: bin")
    end = (
        all_of_them.max(initial=width) if longest is None else milliseconds(longest, "analysis.isi_histogram: longest")
    )
    if not 0 < width <= end:
        raise ValueError(f"analysis.isi_histogram: a bin of {width:g} ms does not fit into {end:g} ms.")
    bins = int(np.ceil(end / width - 1e-9)) if longest is not None else int(end / width + 1e-9) + 1
    which = np.floor(all_of_them / width + 1e-9).astype(np.int64)
    counts = np.bincount(which[which < bins], minlength=bins)
    return counts, u.Quantity(np.arange(bins + 1) * width, unit=u.ms)


def _of_intervals(measure: Callable[[np.ndarray], Any], trains: Any) -> np.ndarray:
    found = (np.diff(train) for train in trains.trains())
    return np.array([measure(T) if len(T) > 1 else np.nan for T in found])
