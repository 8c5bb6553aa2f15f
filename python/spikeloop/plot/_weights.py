"""Weights of synapses, and how they changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from .._errors import UnitError
from .._state import value_of
from ._style import COLORS, finish, legend, new_axes, plain_times, time_axis, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def weights(values: Any, times: Any = None, *, bins: int = 50, name: str = "weight", ax: Axes | None = None) -> Any:
    """A histogram of weights; several of them over one another; or how it develops over time.

    | name | meaning | default |
    |---|---|---|
    | `values` | weights, or {label: weights}, such as before and after; with `times` an array (time, synapses) | |
    | `times` | the times of rows: the share of synapses over time and weight is drawn as colour | none |
    | `bins` | bins between the least and the greatest weight | 50 |
    | `name` | what is drawn, for the axis | weight |
    | `ax` | the axes to draw in | a new figure |

    Returns the axes.
    """
    given = values if isinstance(values, Mapping) else {"": values}
    if not given:
        raise ValueError("plot.weights: the dict of weights is empty.")
    plain, unit = _plain(given)
    everything = np.concatenate([array.ravel() for array in plain.values()])
    if not everything.size or not np.isfinite(everything).all():
        raise ValueError("plot.weights: the weights must be finite numbers, at least one.")
    low, high = everything.min(), everything.max()
    edges = np.linspace(low, high, bins + 1) if low < high else np.linspace(low - 0.5, high + 0.5, bins + 1)
    label = with_unit(name, unit)
    if times is not None:
        return _over_time(plain, times, edges, label, ax)
    ax, _ = new_axes(ax, figsize=(5.5, 3.4))
    for k, (title, array) in enumerate(plain.items()):
        color = COLORS[k % len(COLORS)]
        counts = np.histogram(array.ravel(), edges)[0] / max(array.size, 1)
        ax.stairs(counts, edges, fill=True, color=color, alpha=0.35)
        ax.stairs(counts, edges, color=color, lw=1.2, label=title)
    ax.set(xlabel=label, ylabel="share of synapses")
    ax.set_ylim(bottom=0)
    finish(ax)
    if len(plain) > 1:
        legend(ax)
    return ax


def _plain(given: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], Any]:
    found = {name: value_of(array) for name, array in given.items()}
    units = [array.unit if isinstance(array, u.Quantity) else u.UNITLESS for array in found.values()]
    if not all(unit.has_same_dim(units[0]) for unit in units):
        raise UnitError(f"plot.weights: weights in {' and '.join(map(str, units))} do not fit on one axis.")
    plain = {
        name: np.asarray(array.to_decimal(units[0]) if isinstance(array, u.Quantity) else array, float)
        for name, array in found.items()
    }
    return plain, units[0]


def _over_time(plain: dict[str, np.ndarray], times: Any, edges: np.ndarray, label: str, ax: Any) -> Any:
    x, in_ms = plain_times(times)
    array: Any = next(iter(plain.values()))
    if len(plain) > 1 or array.ndim != 2 or array.shape[0] != x.size:
        raise ValueError(f"plot.weights: {x.size} times need one array (time, synapses); given {array.shape}.")
    ax, _ = new_axes(ax)
    scale, time_label = time_axis(float(x[-1]), in_ms)
    share = np.stack([np.histogram(row, edges)[0] for row in array]) / max(array.shape[1], 1)
    image = ax.pcolormesh(x * scale, (edges[:-1] + edges[1:]) / 2, share.T, cmap="Blues", shading="nearest")
    image.set_clim(0, max(np.quantile(share, 0.995), 1e-12))  # else a single full bin hides all others
    ax.plot(x * scale, array.mean(axis=1), color=COLORS[1], lw=1.4, label="mean")
    ax.figure.colorbar(image, ax=ax, label="share of synapses", pad=0.02)
    ax.set(xlabel=time_label, ylabel=label)
    finish(ax)
    legend(ax)
    return ax
