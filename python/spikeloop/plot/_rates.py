"""Firing rates over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from ..record import Rates
from ._style import COLORS, finish, legend, new_axes, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def rates(record: Rates, *, ax: Axes | None = None) -> Any:
    """The rate of each group as steps over its bins. `record` is what `record.Rate` recorded. Returns the axes."""
    if not isinstance(record, Rates):
        raise TypeError(f"plot.rates draws record.Rates, as record.Rate makes them; given {type(record).__name__}.")
    if record.counts.ndim != 2:
        raise ValueError(f"plot.rates: the record holds a batch of shape {record.counts.shape[1:-1]}.")
    ax, _ = new_axes(ax)
    edges = np.asarray(record.edges.to_decimal(u.ms))
    scale, label = time_axis(float(edges[-1]), True)
    for k, name in enumerate(record.sizes):
        values = np.asarray(record[name].to_decimal(u.Hz))
        ax.stairs(values, edges * scale, baseline=None, color=COLORS[k % len(COLORS)], lw=1.3, label=name)
    ax.set(xlabel=label, ylabel="rate (Hz)", xlim=(edges[0] * scale, edges[-1] * scale))
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", color="0.92", lw=0.8)
    ax.set_axisbelow(True)
    finish(ax)
    if len(record.sizes) > 1:
        legend(ax)
    return ax
