"""The table that `describe()` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from .._tree import size_text
from ._memory import readable

if TYPE_CHECKING:
    from ._connectivity import Connectivity
    from ._stored import Stored


class Description:
    """Counts, degrees, weights, delays and memory of a connection, as a table; `rows` holds (name, text) pairs."""

    def __init__(self, connection: Connectivity, rows: list[tuple[str, str]]):
        self.title = f"{connection.path}: {size_text(connection.in_size)} → {size_text(connection.out_size)}"
        self.rows = rows

    def __repr__(self) -> str:
        wide = max(len(name) for name, _ in self.rows)
        return "\n".join([self.title, *(f"  {name:<{wide}}  {text}" for name, text in self.rows)])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{name}</td><td>{text}</td></tr>" for name, text in self.rows)
        return f"<table><caption>{self.title}</caption>{rows}</table>"


def described(connection: Stored) -> Description:
    """The table of stored synapses."""
    n = connection.num_synapses
    rows = [
        ("synapses", f"{n:,}, {n / max(connection.n_pre * connection.n_post, 1):.3g} per pair"),
        ("out-degree", _spread(connection.out_degree)),
        ("in-degree", _spread(connection.in_degree)),
        ("weight", weight_text(connection.weight.value)),
        ("delay", delay_text(connection)),
        ("memory", _memory(connection)),
    ]
    return Description(connection, rows)


def _spread(values: np.ndarray, unit: str = "") -> str:
    """Least, mean and greatest of some numbers."""
    if values.size == 0:
        return "none"
    low, high = values.min(), values.max()
    if low == high:
        return f"{low:.4g}{unit} each"
    return f"{low:.4g} … {high:.4g}{unit}, mean {values.mean(dtype=float):.4g}"


def weight_text(weight: Any) -> str:
    """One weight, or the spread of some."""
    unit = "" if not isinstance(weight, u.Quantity) or weight.unit.is_unitless else f" {weight.unit}"
    values = np.asarray(u.get_mantissa(weight))
    return f"{values:.4g}{unit} for all" if values.ndim == 0 else _spread(values, unit)


def delay_text(connection: Connectivity) -> str:
    """One delay, or the spread of some."""
    if connection.delay is None:
        return "none"
    steps = np.asarray(connection.delay)
    text = f"{steps} steps for all" if steps.ndim == 0 else _spread(steps, " steps")
    return text if connection.dt is None else f"{text} of {connection.dt:g} ms"


def _memory(connection: Stored) -> str:
    arrays = [connection.indices, connection.indptr, u.get_mantissa(connection.weight.value), connection.delay]
    size = sum(array.nbytes for array in arrays if hasattr(array, "nbytes"))
    return f"{readable(size)}, {size / max(connection.num_synapses, 1):.3g} bytes per synapse"
