"""The figure that `plot()` draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._stored import Stored

_BLUE, _RED = "#1f4e79", "#c0392b"
_CELLS = 200  # of the matrix along each axis, at most
_SHOWN = 20_000_000  # synapses; of more, whole rows at even distances stand for all


def figure(connection: Stored) -> dict[str, Axes]:
    """Density of synapses over sources and targets, beside it histograms of degrees, weights and delays.

    Weights and delays are shown where they differ between synapses. Returns {name: axes}. Needs matplotlib.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'spikeloop[plot]'.") from error
    histograms = _histograms(connection)
    names = list(histograms)
    columns = [names[k : k + 2] for k in range(0, len(names), 2)]
    mosaic: Any = [["matrix", *(c[k] if k < len(c) else c[0] for c in columns)] for k in range(2)]
    widths = [1.6, *(1.0,) * len(columns)]
    options = {"figsize": (5.5 + 3 * len(columns), 4.6), "layout": "constrained"}
    picture, axes = pyplot.subplot_mosaic(mosaic, width_ratios=widths, **options)
    _matrix(axes["matrix"], connection, picture)
    for k, (name, (values, label, step)) in enumerate(histograms.items()):
        _histogram(axes[name], values, label, _BLUE if k % 2 == 0 else _RED, step)
    return {name: axes[name] for name in ("matrix", *histograms)}


def _histograms(connection: Stored) -> dict[str, tuple[np.ndarray, str, float | None]]:
    found: dict[str, tuple[np.ndarray, str, float | None]] = {
        "out_degree": (connection.out_degree, "out-degree", 1),
        "in_degree": (connection.in_degree, "in-degree", 1),
    }
    weight = connection.weight.value
    if (numbers := np.asarray(u.get_mantissa(weight))).ndim:
        unit = "" if not isinstance(weight, u.Quantity) or weight.unit.is_unitless else f" ({weight.unit})"
        found["weight"] = numbers, f"weight{unit}", None
    if np.ndim(connection.delay):
        dt, label = (1.0, "delay (steps)") if connection.dt is None else (connection.dt, "delay (ms)")
        found["delay"] = np.asarray(connection.delay) * dt, label, dt
    return found


def _matrix(ax: Axes, connection: Stored, picture: Any) -> None:
    n_pre, n_post = connection.n_pre, connection.n_post
    counts, per_cell = _density(connection)
    small = per_cell == 1
    image = ax.imshow(
        counts,
        extent=(-0.5, max(n_post, 1) - 0.5, max(n_pre, 1) - 0.5, -0.5),
        aspect="auto" if not 0.25 < n_pre / max(n_post, 1) < 4 else "equal",
        cmap="Blues" if small else "viridis",
        interpolation="nearest",
        vmin=0,
    )
    label = "synapses" if small else "synapses per pair"
    picture.colorbar(image, ax=ax, label=label, shrink=0.8, pad=0.02)
    ax.set(xlabel="target", ylabel="source", title=f"{connection.num_synapses:,} synapses")
    for axis in ("x", "y"):
        ax.locator_params(axis=axis, integer=True, nbins=6)


def _density(connection: Stored) -> tuple[np.ndarray, int]:
    """(mean number of synapses per pair in each cell of the matrix, pairs per cell at least)."""
    sizes = connection.n_pre, connection.n_post
    cells = [max(min(n, _CELLS), 1) for n in sizes]
    edges = connection.to_coo()
    stride = -(-connection.num_synapses // _SHOWN) or 1
    chosen = slice(None) if stride == 1 else edges.sources % stride == 0
    where = [
        k[chosen].astype(np.int64) * c // max(n, 1)
        for k, c, n in zip((edges.sources, edges.targets), cells, sizes, strict=True)
    ]
    counts = np.bincount(where[0] * cells[1] + where[1], minlength=cells[0] * cells[1]).reshape(cells)
    pairs = [np.bincount(np.arange(n) * c // max(n, 1), minlength=c) for n, c in zip(sizes, cells, strict=True)]
    if stride > 1:
        rows = np.arange(0, sizes[0], stride)
        pairs[0] = np.bincount(rows * cells[0] // sizes[0], minlength=cells[0])
    return counts / np.maximum(np.outer(*pairs), 1), int(
        np.prod([-(-n // c) for n, c in zip(sizes, cells, strict=True)])
    )


def _histogram(ax: Axes, values: np.ndarray, label: str, color: str, step: float | None) -> None:
    """`step` is the distance of neighbouring values, None for continuous ones."""
    bins: Any = 40
    if step is not None and values.size:  # bins of unequal numbers of values would look like structure
        low, high = (round(float(x) / step) for x in (values.min(), values.max()))
        bins = (np.arange(low, high + 1 + (width := (high - low) // 40 + 1), width) - 0.5) * step
    elif values.size and (one := float(values.flat[0])) and np.all(values == one):  # else half a unit to both sides
        bins = np.sort(one * np.linspace(0.5, 1.5, 42))
    ax.hist(values, bins=bins, color=color, alpha=0.85, rwidth=0.92)
    ax.set(xlabel=label, yticks=[])
    ax.locator_params(axis="x", integer=step == 1, nbins=6)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(length=3, labelsize=9)
    if values.size:
        mean = values.mean(dtype=float)
        ax.set_title(f"mean {mean:.3g}, std {values.std(dtype=float):.2g}", fontsize=9, color="0.3")
