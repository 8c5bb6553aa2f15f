"""Power spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from ..analysis import power_spectrum
from ._style import COLORS, finish, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def spectrum(spikes: Any, bin: Any = 1.0 * u.ms, *, ax: Axes | None = None, **options: Any) -> Any:
    """The power spectral density of the rate of a population, on two logarithmic axes; frequency 0 is left out.

    Arguments as in `analysis.power_spectrum`. Returns the axes.
    """
    frequencies, density = power_spectrum(spikes, bin, **options)
    ax, _ = new_axes(ax, figsize=(6, 3.6))
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.loglog(np.asarray(frequencies.to_decimal(u.Hz))[1:], density[1:], color=COLORS[0], lw=1.2)
    ax.set(xlabel="frequency (Hz)", ylabel="power (Hz²/Hz)")
    ax.grid(which="major", color="0.92", lw=0.8)
    ax.set_axisbelow(True)
    ax.margins(x=0)
    for axis in (ax.xaxis, ax.yaxis):  # else the labels between powers of ten run into one another
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    finish(ax)
    return ax
