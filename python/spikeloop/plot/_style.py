"""What all figures share: colours, axes, times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from .._errors import UnitError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#1f4e79", "#c0392b", "#2e8b57", "#8e5ea2", "#d98324", "#3ba0a8", "#6b6b6b")
_SECONDS_FROM = 10_000.0  # ms


def pyplot() -> Any:
    """matplotlib.pyplot, or an error that says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'spikeloop[plot]'.") from error
    return pyplot


def new_axes(
    ax: Axes | None, below: bool = False, *, figsize: tuple[float, float] | None = None
) -> tuple[Axes, Axes | None]:
    """The axes to draw in: (`ax`, None), or with smaller axes below it; a new figure if `ax` is None."""
    plt = pyplot()
    if ax is not None:
        if not below:
            return ax, None
        from mpl_toolkits.axes_grid1 import make_axes_locatable

        under: Any = make_axes_locatable(ax).append_axes("bottom", "35%", 0.12, sharex=ax)
        return ax, under
    if not below:
        return plt.subplots(figsize=figsize or (8, 3.2), layout="constrained")[1], None
    options = {"sharex": True, "height_ratios": [3, 1], "layout": "constrained"}
    return tuple(plt.subplots(2, 1, figsize=figsize or (8, 5), **options)[1])


def plain_times(times: Any) -> tuple[np.ndarray, bool]:
    """(numbers, whether they are ms)."""
    if not isinstance(times, u.Quantity) or times.unit.has_same_dim(u.UNITLESS):
        return np.asarray(u.get_mantissa(times), float), False
    if not times.unit.has_same_dim(u.ms):
        raise UnitError(f"plot: times must have a unit of time or none; given {times.unit}.")
    return np.asarray(times.to_decimal(u.ms), float), True


def time_axis(duration: float, in_ms: bool) -> tuple[float, str]:
    if not in_ms:
        return 1.0, "time"
    return (1e-3, "time (s)") if duration >= _SECONDS_FROM else (1.0, "time (ms)")


def with_unit(name: str, unit: Any) -> str:
    """The label of an axis: the name with its unit."""
    text = "" if unit is None or unit.is_unitless else f"{unit}"
    return f"{name} ({text})" if name and text else name or text


def finish(*axes: Axes) -> None:
    """The look of axes."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(length=3, labelsize=9)


def legend(ax: Axes) -> None:
    """A legend in the upper right corner, outside of the data as far as there is room."""
    handles, _ = ax.get_legend_handles_labels()
    options = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0, "ncols": 4}
    ax.legend(handles=[_key(handle) for handle in handles], frameon=False, fontsize=9, **options)


def _key(line: Any) -> Any:
    """The entry of a legend: a line also for dots, which would be hard to see."""
    from matplotlib.lines import Line2D

    if not isinstance(line, Line2D) or line.get_linestyle() not in ("None", "none"):
        return line
    return Line2D([], [], color=line.get_color(), lw=2, label=line.get_label())
