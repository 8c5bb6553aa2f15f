"""Values over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from .._errors import ShapeError, UnitError
from ..record import Traces
from ._style import COLORS, finish, legend, new_axes, plain_times, time_axis, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 8  # lines of a record, at most, that a legend names


def trace(
    times: Any,
    values: Any = None,
    *,
    labels: Any = None,
    ylabel: str | None = None,
    ax: Axes | None = None,
    **style: Any,
) -> Any:
    """Lines of `values` over `times`.

    | name | meaning | default |
    |---|---|---|
    | `times` | an array of times; None counts rows. Or `record.Traces`, which hold the values too | |
    | `values` | an array (time,) or (time, lines), or a dict {label: (time,)}, with or without units | |
    | `labels` | the names of the lines, shown in a legend | the keys of the dict, else none |
    | `ylabel` | the name of the value; its unit is added | the unit |
    | `ax` | the axes to draw in | a new figure |
    | `**style` | passed to `Axes.plot` | |

    Returns the axes.
    """
    if isinstance(times, Traces):
        record, times = times, times.times
        values, ylabel = record.values, ylabel or record.name
        labels = [f"neuron {k}" for k in record.neurons] if labels is None and len(record.neurons) <= _NAMED else labels
    columns, names, unit = _columns(values, labels)
    x, in_ms = plain_times(times) if times is not None else (np.arange(len(columns[0])) * 1.0, False)
    for column in columns:
        if column.shape != x.shape:
            raise ShapeError(
                f"plot.trace: {x.size} times but {column.shape[0]} values; both must have one entry a step."
            )
    ax, _ = new_axes(ax)
    scale, label = time_axis(float(x[-1]) if x.size else 0.0, in_ms)
    for k, (column, name) in enumerate(zip(columns, names, strict=True)):
        ax.plot(x * scale, column, **{"color": COLORS[k % len(COLORS)], "lw": 1.2, "label": name, **style})
    ax.set(xlabel=label, ylabel=with_unit(ylabel or "", unit))
    ax.margins(x=0)
    finish(ax)
    if any(name is not None for name in names):
        legend(ax)
    return ax


def _columns(values: Any, labels: Any) -> tuple[list[np.ndarray], list[Any], Any]:
    if isinstance(values, Mapping):
        given, labels = list(values.values()), list(values) if labels is None else labels
    else:
        given = [values]
    if not given:
        raise ValueError("plot.trace: the dict of values is empty.")
    units = {v.unit if isinstance(v, u.Quantity) else u.UNITLESS: None for v in given}
    unit = next(iter(units))
    if not all(other.has_same_dim(unit) for other in units):
        raise UnitError(
            f"plot.trace: values in {' and '.join(map(str, units))} do not fit on one axis; use one ax for each."
        )
    plain = [np.asarray(v.to_decimal(unit) if isinstance(v, u.Quantity) else v) for v in given]
    columns = [column for array in plain for column in _lines(array).T]
    names = [None] * len(columns) if labels is None else [labels] if isinstance(labels, str) else list(labels)
    if len(names) != len(columns):
        raise ShapeError(f"plot.trace: {len(columns)} lines but {len(names)} labels.")
    return columns, names, unit


def _lines(array: np.ndarray) -> np.ndarray:
    """The values as (time, lines)."""
    if array.ndim == 0:
        raise ShapeError("plot.trace: values must be an array (time,) or (time, lines); given one number.")
    return array.reshape(array.shape[0], math.prod(array.shape[1:]))
