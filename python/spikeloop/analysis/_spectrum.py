"""Spectra of the activity of a population."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from ..record._clock import milliseconds
from ._bins import exact_width
from ._counts import counts_in
from ._trains import as_trains


def power_spectrum(
    spikes: Any, bin: Any, *, segment: Any = None, size: int | None = None, duration: Any = None
) -> tuple[Any, np.ndarray]:
    r"""(frequencies, one-sided power spectral density in Hz²/Hz) of the rate of the population, without its mean.

    $$S(f) = \frac{2}{T} \left\langle \left| \int_0^T (r(t) - \bar r)\, e^{-2 \pi i f t}\, dt \right|^2 \right\rangle$$

    r is the mean rate of a neuron in bins of the width `bin`. The mean is over segments of the length T, which
    overlap by half and are weighted by a Hann window (Welch's method). Independent Poisson trains of N neurons with the
    rate r have the flat spectrum 2 r / N.

    | name | meaning | default |
    |---|---|---|
    | `bin` | the time between two samples; frequencies go up to 1 / (2 bin) | |
    | `segment` | T; frequencies lie 1 / T apart | an eighth of the record |
    | others | as in `firing_rates` | |

    Welch P (1967) IEEE Trans. Audio Electroacoust. 15:70.
    """
    trains = as_trains(spikes, size, duration, "power_spectrum")
    if not trains.size:
        raise ValueError("analysis.power_spectrum: the record has no neurons.")
    counts, _ = counts_in(trains, bin, "power_spectrum")
    seconds = exact_width(trains.width(bin, "power_spectrum")) * trains.tick / 1e3
    rate = counts.mean(axis=0) / seconds
    length = max(len(rate) // 8, 2)
    if segment is not None:
        length = round(milliseconds(segment, "analysis.power_spectrum: segment") / (seconds * 1e3))
    if not 2 <= length <= len(rate):
        raise ValueError(
            f"analysis.power_spectrum: a segment of {length} bins, of {len(rate)} in the record; it needs 2 or more."
        )
    window = np.hanning(length + 1)[:-1] if length > 2 else np.ones(length)
    starts = range(0, len(rate) - length + 1, max(length // 2, 1))
    parts = np.stack([rate[k : k + length] for k in starts]) - rate.mean()
    power = np.abs(np.fft.rfft(parts * window, axis=1)) ** 2 * seconds / (window**2).sum()
    density = power.mean(axis=0)
    density[1 : (length + 1) // 2] *= 2  # what lies at negative frequencies
    return u.Quantity(np.fft.rfftfreq(length, seconds), unit=u.Hz), density
