"""The two halves of operations that turn a ring: what a device takes out at once, and what all put in later.

What goes into a ring of k slots comes out k − 1 steps later, so that the second half may wait for as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from ..kernels._event import Rows, scatter_p
from ..kernels._ring import relay_p
from ..kernels._turned_ring import add, after, look, own, put, turn_p, unturn_p
from ._value import Layout, Value

if TYPE_CHECKING:
    from ._partition import Partition

Half = Callable[["Partition", Any, list[Value]], list[Value]]


def first_half(equation: Any) -> Half:
    """What takes out of the ring, and puts nothing in."""
    return _HALVES[equation.primitive][0]


def second_half(equation: Any) -> Half:
    """What puts into the ring."""
    return _HALVES[equation.primitive][1]


def _named(partition: Partition, kernel: Any, equation: Any, values: Sequence[Value]) -> tuple[Any, Any, Any, Rows]:
    """(operands by name, the ring, its cursor, rows)."""
    given = dict(zip(kernel.names(equation.params), values, strict=True))
    return given, partition.whole(given["past"]), partition.whole(given["cursor"]), equation.params["rows"]


def _deliver_past(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    """The delivery of what the ring holds already."""
    given, past, cursor, rows = _named(partition, relay_p, equation, values)
    target, of = given["target"], given["indices"].layout
    layout = Layout(0, target.shape[-1]) if of is not None and of.of_synapses else None
    (target,) = scatter_p(
        spikes=look(past, after(cursor, past)),
        weight=given["weight"].array,
        indices=given["indices"].array,
        indptr=given["indptr"].array,
        target=partition.in_layout(target, layout),
        rows=rows._replace(offset=0, slots=None),
    )
    return [Value(past), Value(target, layout)]


def _keep_past(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    """New spikes go into the ring; nothing is delivered."""
    given, past, cursor, rows = _named(partition, relay_p, equation, values)
    return [Value(put(past, cursor, own(partition.whole(given["spikes"]), rows))), given["target"]]


def _take(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    _, past, cursor, _ = _named(partition, turn_p, equation, values)
    return [Value(past), Value(look(past, after(cursor, past)))]


def _put(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    given, past, cursor, rows = _named(partition, turn_p, equation, values)
    spikes = own(partition.whole(given["spikes"]), rows)
    return [Value(put(past, cursor, spikes)), Value(spikes)]


def _take_back(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    _, past, cursor, _ = _named(partition, unturn_p, equation, values)
    newest = look(past, cursor)
    return [Value(put(past, cursor, jnp.zeros_like(newest))), Value(newest)]


def _add_back(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    given, past, cursor, _ = _named(partition, unturn_p, equation, values)
    ct = partition.whole(given["ct"])
    return [Value(add(past, after(cursor, past), ct)), Value(ct)]


_HALVES = {
    relay_p.primitive: (_deliver_past, _keep_past),
    turn_p.primitive: (_take, _put),
    unturn_p.primitive: (_take_back, _add_back),
}
