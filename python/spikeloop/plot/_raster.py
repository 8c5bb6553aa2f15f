"""Spikes as dots."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import brainunit as u
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._steps import check_dt
from ..analysis._bins import bin_of
from ..record import SpikeTrains
from ._style import COLORS, finish, legend, new_axes, plain_times, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 250  # of the rate, at most


class _Spikes(NamedTuple):
    times: np.ndarray
    indices: np.ndarray
    size: int
    end: float
    dt: float  # 0 if unknown
    in_ms: bool
    start: float = 0.0


def raster(
    spikes: Any,
    *,
    dt: Any = None,
    size: int | None = None,
    duration: Any = None,
    groups: Mapping[str, int | slice] | None = None,
    rate: bool = True,
    bin_width: Any = None,
    ax: Axes | None = None,
) -> Any:
    """One dot for each spike over time and neuron, with the mean rate of the population below.

    | name | meaning | default |
    |---|---|---|
    | `spikes` | `record.SpikeTrains`, a pair (times, indices), or an array (time, neurons), not 0 for a spike | |
    | `dt` | the time between rows | that of `environ`, else rows are counted |
    | `size` | the number of neurons, for a pair | largest index + 1 |
    | `duration` | the time shown, for a pair | up to the last spike |
    | `groups` | {name: number or slice of neurons}, in the order of indices; each gets a colour | one group |
    | `rate` | draw the rate too | True |
    | `bin_width` | the time over which spikes are counted for the rate | 1/250 of the time, at least 1 ms |
    | `ax` | the axes to draw in | a new figure |

    Returns the axes, or (axes, axes of the rate).
    """
    found = _found(spikes, dt, size, duration)
    sizes = _group_sizes(groups, found.size)
    ax, below = new_axes(ax, rate)
    scale, label = time_axis(found.end, found.in_ms)
    style, first = _dots(ax, found.size), 0
    for k, (name, count) in enumerate(sizes.items()):
        chosen = (found.indices >= first) & (found.indices < first + count)
        times = found.times[chosen]
        color = COLORS[k % len(COLORS)]
        ax.plot(times * scale, found.indices[chosen], color=color, label=name, **style)
        if below is not None:
            edges, values = _rate(times, count, found, bin_width)
            below.stairs(values, edges * scale, color=color, lw=1.2, baseline=None)
        first += count
    ax.set(
        ylabel="neuron", ylim=(-0.5, max(found.size, 1) - 0.5), xlim=(found.start * scale, (found.end or 1.0) * scale)
    )
    ax.locator_params(axis="y", integer=True)
    finish(ax)
    if len(sizes) > 1:
        legend(ax)
    if below is None:
        ax.set_xlabel(label)
        return ax
    finish(below)
    ax.tick_params(labelbottom=False)
    below.set(xlabel=label, ylabel="rate (Hz)" if found.in_ms else "spikes per neuron\nand step")
    below.set_ylim(bottom=0)
    below.grid(axis="y", color="0.92", lw=0.8)
    below.set_axisbelow(True)
    return ax, below


def _found(spikes: Any, dt: Any, size: int | None, duration: Any) -> _Spikes:
    if isinstance(spikes, SpikeTrains):
        times, start = (np.asarray(t.to_decimal(u.ms)) for t in (spikes.times, spikes.start))
        end = float(spikes.stop.to_decimal(u.ms))
        return _Spikes(times, spikes.indices, spikes.size, end, spikes.clock.dt, True, float(start))
    if isinstance(spikes, tuple):
        if len(spikes) != 2:
            raise TypeError(
                f"plot.raster: spikes must be an array or a pair (times, indices); given {len(spikes)} items."
            )
        times, in_ms = plain_times(spikes[0])
        indices = np.asarray(spikes[1])
        if indices.shape != times.shape:
            raise ShapeError(f"plot.raster: {times.size} times but {indices.size} indices.")
        if not np.isfinite(times).all():
            raise ValueError("plot.raster: times must be finite.")
        size = int(indices.max(initial=-1)) + 1 if size is None else size
        if indices.size and not 0 <= indices.min() <= indices.max() < size:
            raise IndexError(f"plot.raster: indices of {size} neurons go from 0 to {size - 1}.")
        end = float(times.max(initial=0.0)) if duration is None else float(plain_times(duration)[0])
        return _Spikes(times, indices, size, end, 0.0, in_ms)
    array = np.asarray(u.get_mantissa(spikes))
    if array.ndim == 0:
        raise ShapeError("plot.raster: spikes must be an array (time, neurons); given one number.")
    array = array.reshape(array.shape[0], math.prod(array.shape[1:]))
    dt = environ.get("dt", None) if dt is None else dt
    if dt is not None:
        check_dt(dt, "plot.raster")
    step, in_ms = (np.asarray(1.0), False) if dt is None else plain_times(dt)
    rows, indices = np.nonzero(array)
    return _Spikes(rows * float(step), indices, array.shape[1], array.shape[0] * float(step), float(step), in_ms)


def _group_sizes(groups: Mapping[str, int | slice] | None, size: int) -> dict[str, int]:
    given = {"": size} if groups is None else dict(groups)
    sizes = {name: len(range(*n.indices(size))) if isinstance(n, slice) else n for name, n in given.items()}
    if sum(sizes.values()) != size:
        raise ShapeError(
            f"plot.raster: the groups {sizes} have {sum(sizes.values())} neurons; the spikes are of {size}."
        )
    return sizes


def _dots(ax: Axes, size: int) -> dict[str, Any]:
    """How to draw a spike: as high as the row of a neuron, if that can be seen."""
    height = ax.get_window_extent().height * 72 / ax.figure.dpi  # points
    dot = float(np.clip(0.8 * height / max(size, 1), 1.0, 8.0))
    shape = {"marker": "|", "markeredgewidth": 1.0} if dot > 2 else {"marker": ".", "markeredgewidth": 0.0}
    return {"ls": "none", "ms": dot, "rasterized": True, **shape}


def _rate(times: np.ndarray, count: int, found: _Spikes, bin_width: Any) -> tuple[np.ndarray, np.ndarray]:
    """(edges of the bins, mean rate of `count` neurons in them)."""
    end = found.end or 1.0
    duration = end - found.start
    width = max(duration / _BINS, 1.0) if bin_width is None else _one_time(bin_width)
    tick = found.dt or 1.0
    ticks = (times[(times >= found.start) & (times <= end)] - found.start) / tick
    if found.dt:  # bins of unequal numbers of steps would look like changes of the rate
        ticks, width = np.rint(ticks).astype(np.int64), found.dt * max(-int(bin_of(-width / tick, 1.0)), 1)
    bins = max(-int(bin_of(-duration, width)), 1)
    which = np.minimum(bin_of(ticks, width / tick), bins - 1)  # the last spike may be the end
    edges = np.minimum(np.arange(bins + 1) * width, duration)
    per_time = 1000.0 if found.in_ms else 1.0
    return found.start + edges, np.bincount(which, minlength=bins) * per_time / (max(count, 1) * np.diff(edges))


def _one_time(bin_width: Any) -> float:
    width = plain_times(bin_width)[0]
    if width.ndim or not 0 < width < np.inf:
        raise ValueError(f"plot.raster: bin_width must be one time above 0; given {bin_width}.")
    return float(width)
