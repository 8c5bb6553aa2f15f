"""Changes of weights by events of sources, along rows, and of targets, down columns.

    rows:    w[i, j] ← clip(w[i, j] + s[i] a[j] F(w[i, j]))     for s[i] ≠ 0
    columns: w[i, j] ← clip(w[i, j] + r[j] b[i] F(w[i, j]))     for r[j] ≠ 0

A law holds five numbers: the bounds, and origin, scale and exponent of F(w) = max(0, (w − origin)·scale)^exponent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from ._event import Rows, sources_of
from ._kernel import FLOATS, Kernel, inputs, params, state
from ._mesh_axes import ByTarget

ADDITIVE, LINEAR, POWER = 0, 1, 2  # F = 1, F = (w − origin)·scale, and the whole of F


class Columns(NamedTuple):
    """The synapses of each target.

    `sources` holds the source of each synapse in 16 bits; or, in 32 bits, the row in which every 2^`shift`-th place
    lies.
    """

    places: Any  # of the synapses among the weights, target after target
    ends: Any  # indptr of the places
    sources: Any
    shift: int


class Side(NamedTuple):
    """The events of one side, with one coefficient for each neuron of the other, and the law of what they change."""

    events: Any
    coefficient: Any
    law: Any
    dependence: int


def update_rows(pre: Side, indices: Any, indptr: Any, weight: Any) -> Any:
    """The weights after events of sources."""
    return rows_p(**pre._asdict(), indices=indices, indptr=indptr, weight=weight)[0]


def update_columns(post: Side, columns: Columns, indptr: Any, weight: Any) -> Any:
    """The weights after events of targets."""
    return columns_p(**post._asdict(), **columns._asdict(), indptr=indptr, weight=weight)[0]


# --- reference -------------------------------------------------------------------------------------------------------


def along_rows(events: Any, coefficient: Any, indices: Any, indptr: Any) -> tuple[Any, Any]:
    """For each synapse its event and coefficient."""
    sources = sources_of(indices, indptr, Rows(0, events.size))
    return events[sources], coefficient[indices]


def down_columns(events: Any, coefficient: Any, columns: Columns, indptr: Any) -> tuple[Any, Any]:
    """For each synapse, in the order of the weights, its event and coefficient."""
    places, ends, sources, _ = columns
    order = jnp.argsort(places)  # the place in the columns of each weight
    targets = jnp.repeat(jnp.arange(events.size), jnp.diff(ends), total_repeat_length=places.size)
    sources = sources[order] if sources.dtype == jnp.uint16 else sources_of(places, indptr, Rows(0, coefficient.size))
    return events[targets[order]], coefficient[sources]


def clipped(weight: Any, event: Any, new: Any, low: Any, high: Any) -> Any:
    """`new` within the bounds where there is an event, else the weight."""
    return jnp.where(event != 0, jnp.clip(new, low, high), weight)


def changed(weight: Any, event: Any, coefficient: Any, law: Any, dependence: int) -> Any:
    """The weights after an event and a coefficient for each synapse, where the event is not 0."""
    low, high, origin, scale, exponent = law
    change = event.astype(weight.dtype) * coefficient
    if dependence != ADDITIVE:
        distance = jnp.maximum((weight - origin) * scale, 0)
        change = change * (distance if dependence == LINEAR else distance**exponent)
    return clipped(weight, event, weight + change, low, high)


def _rows_reference(
    events: Any, coefficient: Any, law: Any, indices: Any, indptr: Any, weight: Any, *, dependence: int
) -> list[Any]:
    return [changed(weight, *along_rows(events, coefficient, indices, indptr), law, dependence)]


def _columns_reference(
    events: Any, coefficient: Any, law: Any, places: Any, ends: Any, sources: Any, indptr: Any, weight: Any,
    *, dependence: int, shift: int,
) -> list[Any]:  # fmt: skip
    columns = Columns(places, ends, sources, shift)
    return [changed(weight, *down_columns(events, coefficient, columns, indptr), law, dependence)]


# --- declarations: lanes have weights of their own, so they come one after the other ---------------------------------

_EVENTS = (*inputs("events", "coefficient"), *params("law"))
COLUMNS = params("places", "ends", "sources", "indptr")

rows_p = Kernel(
    "plastic_rows",
    _rows_reference,
    structure=("dependence",),
    operands=(*_EVENTS, *params("indices", "indptr"), *state("weight")),
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
    mesh=ByTarget({"coefficient": -1}, ("indices", "indptr", "weight")),
)
columns_p = Kernel(
    "plastic_columns",
    _columns_reference,
    structure=("dependence", "shift"),
    operands=(*_EVENTS, *COLUMNS, *state("weight")),
    dtypes={"weight": FLOATS},
    attributes=lambda o, **structure: structure,
    mesh=ByTarget({"events": -1}, ("places", "ends", "sources", "indptr", "weight")),
)
