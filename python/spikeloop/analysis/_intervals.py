"""Intervals between the spikes of a neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import numpy as np

from ..record._clock import milliseconds
from ._bins import bin_of, exact_width
from ._trains import Trains, as_trains


def intervals(spikes: Any, *, size: int | None = None, duration: Any = None) -> list[Any]:
    """The intervals between successive spikes, an array for each neuron. Arguments as in `firing_rates`."""
    trains = as_trains(spikes, size, duration, "intervals")
    return [u.Quantity(found * trains.tick, unit=u.ms) for found in trains.intervals()]


def cv(spikes: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""The coefficient of variation of the intervals of each neuron; NaN with less than two intervals.

    $$C_V = \frac{\operatorname{std}(T)}{\langle T \rangle}$$

    It is 0 for regular trains, 1 for Poisson trains. Arguments as in `firing_rates`.
    """
    return _of_intervals(lambda T: _ratio(T.std(), T.mean()), as_trains(spikes, size, duration, "cv"))


def lv(spikes: Any, *, size: int | None = None, duration: Any = None) -> np.ndarray:
    r"""The local variation of each neuron; NaN with fewer than two intervals.

    $$L_V = \frac{3}{N - 1} \sum_{i=1}^{N-1} \left( \frac{T_i - T_{i+1}}{T_i + T_{i+1}} \right)^2$$

    It is 0 for regular trains, 1 for Poisson trains, and slow changes of the rate hardly affect it. Arguments as in
    `firing_rates`.

    Shinomoto S, Shima K, Tanji J (2003) Neural Comput. 15:2823.
    """
    trains = as_trains(spikes, size, duration, "lv")
    return _of_intervals(lambda T: 3 * np.mean(_ratio(np.diff(T), T[1:] + T[:-1]) ** 2), trains)


def isi_histogram(
    spikes: Any, bin: Any, *, longest: Any = None, size: int | None = None, duration: Any = None
) -> tuple[np.ndarray, Any]:
    """(numbers of intervals of all neurons, edges of the bins) in bins of the width `bin` from 0 on.

    Bins go to the longest interval that there is; or to `longest`, rounded up to whole bins, and intervals beyond the
    last edge are left out. Other arguments as in `firing_rates`.
    """
    trains = as_trains(spikes, size, duration, "isi_histogram")
    width = trains.width(bin, "isi_histogram")
    found, blur = (np.concatenate([np.zeros(0, int), *x]) for x in (trains.intervals(), trains.interval_blur()))
    which = bin_of(found, width, blur)
    bins = int(which.max(initial=0)) + 1
    if longest is not None:
        end = milliseconds(longest, "analysis.isi_histogram: longest") / trains.tick
        if bin_of(end, width) < 1:
            width, end = width * trains.tick, end * trains.tick
            raise ValueError(f"analysis.isi_histogram: a bin of {width:g} ms does not fit into {end:g} ms.")
        bins = -int(bin_of(-end, width))
    counts = np.bincount(which[which < bins], minlength=bins)
    return counts, u.Quantity(np.arange(bins + 1) * (exact_width(width) * trains.tick), unit=u.ms)


def _of_intervals(measure: Callable[[np.ndarray], Any], trains: Trains) -> np.ndarray:
    return np.array([measure(T) if len(T) > 1 else np.nan for T in trains.intervals()], float)


def _ratio(a: Any, b: Any) -> Any:
    """A / b, and NaN where spikes of the same time have no interval between them."""
    return np.divide(a, b, out=np.full(np.shape(b), np.nan), where=np.not_equal(b, 0))
