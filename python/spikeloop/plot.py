"""Figures of spikes and traces; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import brainunit as u
import numpy as np

from . import environ
from ._errors import ShapeError, UnitError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["raster", "trace"]

_COLORS = ("#1f4e79", "#c0392b", "#2e8b57", "#8e5ea2", "#d98324", "#3ba0a8", "#6b6b6b")
_SECONDS_FROM = 10_000.0  # ms
_BINS = 250  # of the rate, at most
_ROUNDING = 1e-6


class _Spikes(NamedTuple):
    times: np.ndarray
    indices: np.ndarray
    size: int
    duration: float
    dt: float  # 0 if unknown
    in_ms: bool


def raster(
    spikes: Any,
    *,
    dt: Any = None,
    size: int | None = None,
    duration: Any = None,
    groups: Mapping[str, int] | None = None,
    rate: bool = True,
    bin_width: Any = None,
    ax: Axes | None = None,
) -> Any:
    """One dot for each spike over time and neuron, with the mean rate of the population below.

    | name | meaning | default |
    |---|---|---|
    | `spikes` | an array (time, neurons), not 0 where a neuron spikes, or a pair (times, indices) | |
    | `dt` | the time between rows | that of `environ`, else rows are counted |
    | `size` | the number of neurons, for a pair | largest index + 1 |
    | `duration` | the time shown, for a pair | up to the last spike |
    | `groups` | {name: number of neurons}, in the order of indices; each gets a colour | one group |
    | `rate` | draw the rate too | True |
    | `bin_width` | the time over which spikes are counted for the rate | 1/250 of the time, at least 1 ms |
    | `ax` | the axes to draw in | a new figure |

    Returns the axes, or (axes, axes of the rate).
    """
    found = _found(spikes, dt, size, duration)
    sizes = _group_sizes(groups, found.size)
    ax, below = _axes(ax, rate)
    scale, label = _time_axis(found.duration, found.in_ms)
    style, first = _dots(ax, found.size), 0
    for k, (name, count) in enumerate(sizes.items()):
        chosen = (found.indices >= first) & (found.indices < first + count)
        times = found.times[chosen]
        color = _COLORS[k % len(_COLORS)]
        ax.plot(times * scale, found.indices[chosen], color=color, label=name, **style)
        if below is not None:
            edges, values = _rate(times, count, found, bin_width)
            below.stairs(values, edges * scale, color=color, lw=1.2, baseline=None)
        first += count
    ax.set(ylabel="neuron", ylim=(-0.5, max(found.size, 1) - 0.5), xlim=(0, (found.duration or 1.0) * scale))
    ax.locator_params(axis="y", integer=True)
    _finish(ax, below, label, "rate (Hz)" if found.in_ms else "spikes per neuron\nand step", legend=len(sizes) > 1)
    return ax if below is None else (ax, below)


def trace(
    times: Any, values: Any, *, labels: Any = None, ylabel: str | None = None, ax: Axes | None = None, **style: Any
) -> Any:
    """Lines of `values` over `times`.

    | name | meaning | default |
    |---|---|---|
    | `times` | an array of times; None counts rows | |
    | `values` | an array (time,) or (time, lines), or a dict {label: (time,)}, with or without units | |
    | `labels` | the names of the lines, shown in a legend | the keys of the dict, else none |
    | `ylabel` | the name of the value; its unit is added | the unit |
    | `ax` | the axes to draw in | a new figure |
    | `**style` | passed to `Axes.plot` | |

    Returns the axes.
    """
    columns, names, unit = _columns(values, labels)
    x, in_ms = _plain_times(times) if times is not None else (np.arange(len(columns[0])) * 1.0, False)
    for column in columns:
        if column.shape != x.shape:
            raise ShapeError(
                f"plot.trace: {x.size} times but {column.shape[0]} values; both must have one entry a step."
            )
    ax, _ = _axes(ax, False)
    scale, label = _time_axis(float(x[-1]) if x.size else 0.0, in_ms)
    for k, (column, name) in enumerate(zip(columns, names, strict=True)):
        ax.plot(x * scale, column, **{"color": _COLORS[k % len(_COLORS)], "lw": 1.2, "label": name, **style})
    text = "" if unit == u.UNITLESS else f"{unit}"
    ax.set_ylabel(f"{ylabel} ({text})" if ylabel and text else ylabel or text)
    ax.margins(x=0)
    _finish(ax, None, label, "", legend=any(name is not None for name in names))
    return ax


def _found(spikes: Any, dt: Any, size: int | None, duration: Any) -> _Spikes:
    if isinstance(spikes, tuple):
        if len(spikes) != 2:
            raise TypeError(
                f"plot.raster: spikes must be an array or a pair (times, indices); given {len(spikes)} items."
            )
        times, in_ms = _plain_times(spikes[0])
        indices = np.asarray(spikes[1])
        if indices.shape != times.shape:
            raise ShapeError(f"plot.raster: {times.size} times but {indices.size} indices.")
        size = int(indices.max(initial=-1)) + 1 if size is None else size
        end = float(times.max(initial=0.0)) if duration is None else float(_plain_times(duration)[0])
        return _Spikes(times, indices, size, end, 0.0, in_ms)
    array = np.asarray(u.get_mantissa(spikes))
    if array.ndim == 0:
        raise ShapeError("plot.raster: spikes must be an array (time, neurons); given one number.")
    array = array.reshape(array.shape[0], -1)
    dt = environ.get("dt", None) if dt is None else dt
    step, in_ms = (np.asarray(1.0), False) if dt is None else _plain_times(dt)
    rows, indices = np.nonzero(array)
    return _Spikes(rows * float(step), indices, array.shape[1], array.shape[0] * float(step), float(step), in_ms)


def _plain_times(times: Any) -> tuple[np.ndarray, bool]:
    """(numbers, whether they are ms)."""
    if not isinstance(times, u.Quantity) or times.unit.has_same_dim(u.UNITLESS):
        return np.asarray(u.get_mantissa(times), float), False
    if not times.unit.has_same_dim(u.ms):
        raise UnitError(f"plot: times must have a unit of time or none; given {times.unit}.")
    return np.asarray(times.to_decimal(u.ms), float), True


def _group_sizes(groups: Mapping[str, int] | None, size: int) -> dict[str, int]:
    sizes = {"": size} if groups is None else dict(groups)
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
    duration = found.duration or 1.0
    width = max(duration / _BINS, 1.0) if bin_width is None else float(_plain_times(bin_width)[0])
    if found.dt:  # bins of unequal numbers of steps would look like changes of the rate
        width = found.dt * max(np.ceil(width / found.dt - _ROUNDING), 1)
    bins = max(int(np.ceil(duration / width - _ROUNDING)), 1)
    which = np.clip(np.floor(times / width + _ROUNDING).astype(int), 0, bins - 1)
    edges = np.minimum(np.arange(bins + 1) * width, duration)
    per_time = 1000.0 if found.in_ms else 1.0
    return edges, np.bincount(which, minlength=bins) * per_time / (max(count, 1) * np.diff(edges))


def _columns(values: Any, labels: Any) -> tuple[list[np.ndarray], list[Any], Any]:
    if isinstance(values, Mapping):
        given, labels = list(values.values()), list(values) if labels is None else labels
    else:
        given = [values]
    units = {v.unit if isinstance(v, u.Quantity) else u.UNITLESS: None for v in given}
    unit = next(iter(units))
    if not all(other.has_same_dim(unit) for other in units):
        raise UnitError(
            f"plot.trace: values in {' and '.join(map(str, units))} do not fit on one axis; use one ax for each."
        )
    plain = [np.asarray(v.to_decimal(unit) if isinstance(v, u.Quantity) else v) for v in given]
    columns = [column for array in plain for column in array.reshape(array.shape[0], -1).T]
    names = [None] * len(columns) if labels is None else [labels] if isinstance(labels, str) else list(labels)
    if len(names) != len(columns):
        raise ShapeError(f"plot.trace: {len(columns)} lines but {len(names)} labels.")
    return columns, names, unit


def _axes(ax: Axes | None, rate: bool) -> tuple[Axes, Axes | None]:
    try:
        from matplotlib import pyplot
        from mpl_toolkits.axes_grid1 import make_axes_locatable
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'spikeloop[plot]'.") from error
    if ax is not None:
        below: Any = make_axes_locatable(ax).append_axes("bottom", "35%", 0.12, sharex=ax) if rate else None
        return ax, below
    if not rate:
        return pyplot.subplots(figsize=(8, 3.2), layout="constrained")[1], None
    options = {"sharex": True, "height_ratios": [3, 1], "layout": "constrained"}
    above, below = pyplot.subplots(2, 1, figsize=(8, 5), **options)[1]
    return above, below


def _time_axis(duration: float, in_ms: bool) -> tuple[float, str]:
    if not in_ms:
        return 1.0, "time"
    return (1e-3, "time (s)") if duration >= _SECONDS_FROM else (1.0, "time (ms)")


def _finish(ax: Axes, below: Axes | None, time_label: str, rate_label: str, *, legend: bool) -> None:
    for axes in (ax, below):
        if axes is not None:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(length=3, labelsize=9)
    last = ax if below is None else below
    last.set_xlabel(time_label)
    if below is not None:
        below.set_ylabel(rate_label)
        below.set_ylim(bottom=0)
        below.grid(axis="y", color="0.92", lw=0.8)
        below.set_axisbelow(True)
        ax.tick_params(labelbottom=False)
    if legend:
        handles, _ = ax.get_legend_handles_labels()
        options = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0, "ncols": 4}
        ax.legend(handles=[_key(handle) for handle in handles], frameon=False, fontsize=9, **options)


def _key(line: Any) -> Any:
    """The entry of a legend: a line also for dots, which would be hard to see."""
    from matplotlib.lines import Line2D

    if line.get_linestyle() not in ("None", "none"):
        return line
    return Line2D([], [], color=line.get_color(), lw=2, label=line.get_label())
