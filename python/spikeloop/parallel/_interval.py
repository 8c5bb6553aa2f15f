"""Loops in which spikes travel for several steps: their devices exchange them once in that time.

A projection with a delay of d steps delivers what it was given d steps before. So d steps can run on what is known at
their start; the spikes made meanwhile are exchanged together afterwards, and put into the rings of past spikes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from ..kernels._event import Rows, scatter_p
from ..kernels._ring import look, put, relay_p
from ._value import Layout, Value

if TYPE_CHECKING:
    from ._control import Scan
    from ._partition import Partition


class Relay(NamedTuple):
    """A delivery of past spikes in the step of a loop."""

    equation: Any
    carried: int  # the place of its ring in what the loop carries
    steps: int  # of the delay


class Deferred:
    """Deliveries whose spikes are exchanged after several steps."""

    def __init__(self, relays: list[Relay]):
        self._relays = {id(relay.equation): relay for relay in relays}
        self.rows: list[tuple[Any, Layout]] = []  # spikes of this device in one step
        self.puts: list[tuple[Relay, int, Any]] = []  # (delivery, which of the rows, slot of the ring)

    def takes(self, equation: Any) -> bool:
        """Whether this delivery is one of them."""
        return id(equation) in self._relays

    def relay(
        self, partition: Partition, equation: Any, given: dict[str, Value], layouts: dict[str, Layout]
    ) -> list[Value]:
        """A delivery by what the ring holds already; what is to be put into it is noted."""
        rows: Rows = equation.params["rows"]
        past, cursor = partition.whole(given["past"]), partition.whole(given["cursor"])
        self.puts.append((self._relays[id(equation)], self._row(partition, given["spikes"]), cursor))
        (target,) = scatter_p(
            spikes=look(past, (cursor + 1) % past.shape[0]),
            weight=given["weight"].array,
            indices=given["indices"].array,
            indptr=given["indptr"].array,
            target=partition.part(given["target"], layouts["target"]),
            rows=rows._replace(offset=0, slots=None),
        )
        return [Value(past), Value(target, layouts["target"])]

    def _row(self, partition: Partition, spikes: Value) -> int:
        n = spikes.shape[-1]
        array = partition.part(spikes, Layout(0, n))
        for k, (known, _) in enumerate(self.rows):
            if known is array:
                return k
        self.rows.append((array, Layout(0, n)))
        return len(self.rows) - 1

    def noted(self) -> list[Any]:
        """What a step returns beside its results: spikes, and the slots where they belong."""
        return [*(array for array, _ in self.rows), *(cursor for *_, cursor in self.puts)]


def find(loop: Scan) -> Blocks | None:
    """How the loop runs in blocks of steps, if it has projections whose spikes travel for more than one step."""
    jaxpr, first = loop.body.jaxpr, len(loop.consts) - len(loop.body.consts)
    carried = jaxpr.invars[first : first + len(loop.init)]
    uses = [atom for e in jaxpr.eqns for atom in e.invars if not hasattr(atom, "val")]
    uses += [atom for atom in jaxpr.outvars if not hasattr(atom, "val")]
    relays = []
    for equation in jaxpr.eqns:
        if equation.primitive is not relay_p.primitive:
            continue
        place = relay_p.names(equation.params).index("past")
        ring, new = equation.invars[place], equation.outvars[0]
        if equation.params["rows"].slots != 0 or ring.aval.ndim != 2 or ring not in carried:
            continue
        k = carried.index(ring)
        if jaxpr.outvars[k] is new and uses.count(ring) == uses.count(new) == 1:
            relays.append(Relay(equation, k, ring.aval.shape[0] - 1))
    steps = min((relay.steps for relay in relays), default=1)
    return Blocks(loop, relays, steps) if steps > 1 else None


class Blocks:
    """A loop that runs in blocks of `steps`, after each of which spikes are exchanged."""

    def __init__(self, loop: Scan, relays: list[Relay], steps: int):
        self.loop, self.relays, self.steps = loop, relays, steps

    def run(self, length: int) -> list[Value] | None:
        """The results of the loop; None if its steps need spikes of other devices at once, too."""
        partition, loop = self.loop.partition, self.loop
        before, partition.deferred = len(partition.exchanges), Deferred(self.relays)
        settled = loop.traced, loop.found
        try:
            loop.traced, loop.found = loop.trace()
            self.deferred = partition.deferred
        finally:
            partition.deferred = None
        if len(partition.exchanges) > before or not self.deferred.puts:
            loop.traced, loop.found = settled
            return None
        whole, rest = divmod(length, self.steps)
        xs = [x.array for x in loop.xs]
        blocks = [x[: whole * self.steps].reshape(whole, self.steps, *x.shape[1:]) for x in xs]
        carry, parts = loop.start(), []
        if whole:
            carry, ys = jax.lax.scan(lambda c, x: self._block(c, x, self.steps), carry, blocks, whole)
            parts.append([y.reshape(whole * self.steps, *y.shape[2:]) for y in ys])
        if rest:
            carry, ys = self._block(carry, [x[whole * self.steps :] for x in xs], rest)
            parts.append(ys)
        ys = parts[0] if len(parts) == 1 else [jnp.concatenate(pair) for pair in zip(*parts, strict=True)]
        return loop.results(carry, ys)

    def _block(self, carry: Any, xs: Any, steps: int) -> tuple[list[Any], list[Any]]:
        """Some steps, and the exchange after them."""
        loop, rows, puts = self.loop, self.deferred.rows, self.deferred.puts
        carry, ys = jax.lax.scan(loop.step, carry, xs, steps)
        results = len(loop.found) - len(loop.init)
        ys, made, slots = ys[:results], ys[results : results + len(rows)], ys[results + len(rows) :]
        spikes = [loop.partition.exchanged(x, layout) for x, (_, layout) in zip(made, rows, strict=True)]
        carry = list(carry)
        for (relay, row, _), at in zip(puts, slots, strict=True):
            own: Rows = relay.equation.params["rows"]
            part = jax.lax.slice_in_dim(spikes[row], own.offset, own.offset + own.n_pre, axis=1)
            carry[relay.carried] = _filled(carry[relay.carried], at, part)
        return carry, ys


def _filled(ring: Any, slots: Any, rows: Any) -> Any:
    """The ring with rows in these slots."""
    return jax.lax.fori_loop(0, rows.shape[0], lambda k, ring: put(ring, slots[k], rows[k]), ring)
