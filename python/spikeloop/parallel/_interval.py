"""Loops in which spikes travel for several steps: their devices exchange them once in that time.

Where the first spikes arrive d steps after they were delivered, a device can run d steps on what it knows at their
start: it notes the spikes that it makes, and all devices exchange, deliver and record them together afterwards. If it
knows the spikes that the first of these steps delivers, those of the last step before, it can run d + 1 steps.

Backward it takes the same time from what spikes have caused to the steps that made them: each device notes its part of
what they have caused, and all add their parts up after each block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from . import _kernels
from ._halves import first_half, second_half
from ._split import Split, Step
from ._value import Layout, Value

if TYPE_CHECKING:
    from ._control import Scan
    from ._partition import Exchanged


def find(loop: Scan, length: int, exchanges: Sequence[Exchanged], reverse: bool) -> Blocks | None:
    """How the loop runs in blocks of steps, if this saves some of the `exchanges` of a step."""
    if loop.body.jaxpr.effects:
        return None
    step, partition = Step(loop), loop.partition
    before, halves = len(partition.exchanges), partition.halves
    try:
        found = _of_several_steps(loop, step, length, reverse)
        found = found if found or reverse else _of_one_step(loop, step, exchanges)
    finally:
        partition.halves = halves
        del partition.exchanges[before:]
    return found


def _of_several_steps(loop: Scan, step: Step, length: int, reverse: bool) -> Blocks | None:
    """Blocks of as many steps as spikes travel."""
    ahead = length > step.delay and all(step.next(delivery.spikes) is not None for delivery in step.deliveries)
    ahead = ahead and not reverse
    if not step.delay or min(step.delay + ahead, length) < 2:
        return None
    blocks = Blocks(loop, step, step.delay + ahead, ahead, reverse=reverse)
    return blocks if blocks.settle() else None


def _of_one_step(loop: Scan, step: Step, exchanges: Sequence[Exchanged]) -> Blocks | None:
    """Blocks of one step, for records of spikes that the next step needs: they are exchanged once for both."""
    asked = {x.variable for x in exchanges} - {None}
    at_once = [(x.equation, x.variable) for x in exchanges if step.next(x.variable) in asked and x.steps is not None]
    if not at_once:
        return None
    step.deliveries = []
    blocks = Blocks(loop, step, 1, True, at_once)
    return blocks if blocks.settle() else None


class Blocks:
    """A loop that runs in blocks of `steps`, after each of which spikes are exchanged.

    `ahead`: a block knows the spikes that its first step needs, which are the last ones of the block before. `at_once`
    are operations that need these, with their variables, beside deliveries. `reverse`: from the last step to the first.
    """

    first: Scan
    early: Scan

    def __init__(
        self,
        loop: Scan,
        step: Step,
        steps: int,
        ahead: bool,
        at_once: Sequence[tuple[Any, Any]] = (),
        *,
        reverse: bool = False,
    ):
        self.loop, self.partition, self.step, self.steps, self.ahead = loop, loop.partition, step, steps, ahead
        self._asked: dict[tuple[int, Any], tuple[Any, Any]] = {}  # what records need of all devices
        self._at_once, self.reverse = [*at_once], reverse
        self._sums = {d.spikes: d.sum for d in step.deliveries if d.sum is not None}  # what devices know in parts
        spikes = [*(delivery.spikes for delivery in step.deliveries), *(v for _, v in at_once)]
        self._spikes = {self._sent(v) for v in spikes}

    def _sent(self, v: Any) -> Any:
        """The variable of the spikes that a block tells to others, for those that a delivery has."""
        return self.step.next(v) if self.ahead else v

    # --- programs ----------------------------------------------------------------------------------------------------

    def settle(self) -> bool:
        """Find the programs of the parts; False if steps need more of other devices at once."""
        own = {*map(id, self.step.equations)}
        while True:
            self.split = Split(self.step, [*self._asked.values()], self._at_once)
            if not self.split.is_possible:
                return False
            asked = self._programs()
            if not asked:
                return self._fits()
            known = {*self._asked, *((id(equation), v) for equation, v in self._at_once)}
            for x in asked:
                if x.is_sum:
                    if not self._add_later(x.equation, x.variable):
                        return False
                    continue
                key = id(x.equation), x.variable
                if x.variable is None or id(x.equation) not in own or key in known:
                    return False
                if x.variable in {v for _, v in self._at_once}:
                    self._at_once.append((x.equation, x.variable))
                    continue
                self._asked[key] = x.equation, x.variable
                if x.steps is not None or self.step.is_spike(x.variable):
                    self._spikes.add(x.variable)

    def _add_later(self, equation: Any, v: Any) -> bool:
        """Let devices add up a sum after the block; False if the step needs it before."""
        is_own = any(equation is e for e in self.step.equations)
        readers = self.step.readers(v) if is_own and v is not None and v not in self._sums else None
        self._sums[v] = equation
        self._asked |= {(id(reader), v): (reader, v) for reader in readers or ()}
        return readers is not None

    def _programs(self) -> list[Any]:
        """Make the programs of the parts; returns notes of what they would exchange in every step."""
        split, exchanges = self.split, self.partition.exchanges
        self.sent = [*dict.fromkeys([*map(self._sent, split.spikes), *split.asked])]
        self.noted = [*dict.fromkeys([*self.sent, *split.timing, *split.recorded])]
        self.partition.halves = {id(e): first_half(e) for e in split.turns}
        self.partition.halves |= {id(e): second_half(e) for e in split.puts}
        self.partition.halves |= dict.fromkeys(map(id, self._sums.values()), _kernels.part_of_sum)
        xs = [_stacked(jax.ShapeDtypeStruct(x.array.shape[1:], x.array.dtype), x.layout, 0) for x in self.loop.xs]
        before = len(exchanges)
        whole = lambda names: [_stacked(v.aval) for v in names]  # noqa: E731
        if self.ahead:
            self.first = self._scan(split.first(self.noted), split.places, [*xs, *whole(split.spikes)])
        self.early = self._scan(split.early(self.noted), split.places, xs) if self.steps > 1 else self.first
        if asked := exchanges[before:]:
            return asked
        number = len(self.noted)
        self.layouts = dict(zip(self.noted, self.early.found[-number:], strict=True))
        avals = dict(zip(self.noted, self.early.traced.out_avals[-number:], strict=True))
        parts = lambda names: [_stacked(avals[v], self.layouts[v]) for v in names]  # noqa: E731
        self.deliver = self._scan(split.deliver(), split.filled, [*whole(split.spikes), *parts(split.timing)])
        self.record = self._scan(split.record(), split.late_places, [*whole(split.asked), *parts(split.recorded)])
        return exchanges[before:]

    def _scan(self, program: Any, places: Sequence[int], xs: Sequence[Value]) -> Scan:
        loop = self.loop
        start = dict(enumerate(zip(loop.start(), loop.layouts, strict=True)))
        return type(loop)(self.partition, program, (loop.consts, [Value(*start[k]) for k in places], [*xs]), loop.joins)

    def _fits(self) -> bool:
        """Whether devices share what the loop carries as they do in single steps, and spikes are cut by neuron."""
        split = self.split
        parts = [(self.early, split.places), (self.deliver, split.filled), (self.record, split.late_places)]
        parts += [(self.first, split.places)] if self.ahead else []
        kept = all(scan.layouts == [self.loop.layouts[k] for k in places] for scan, places in parts)
        rows = [self.layouts[v] for v in self.sent if v in self._spikes]
        cut = all(layout is None or (layout.axis, layout.before) == (0, 1) for layout in rows)
        return kept and cut and (not self.ahead or self.first.found == self.early.found)

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self, length: int) -> list[Value]:
        """The results of the loop."""
        loop, split = self.loop, self.split
        start, xs = loop.start(), [x.array for x in loop.xs]
        heads = [*map(self.step.carried.index, split.spikes)] if self.ahead else []
        known = [self.partition.spikes(Value(start[k], loop.layouts[k])) for k in heads]
        carry = [start[k] for k in split.places], [start[k] for k in split.late_places], known
        blocks, rest = divmod(length, self.steps)
        whole = slice(rest, None) if self.reverse else slice(0, length - rest)
        last, parts = slice(0, rest) if self.reverse else slice(length - rest, None), []
        if blocks:
            cut = [x[whole].reshape(blocks, self.steps, *x.shape[1:]) for x in xs]
            run = lambda c, x: self._block(c, x, self.steps)  # noqa: E731
            carry, ys = jax.lax.scan(run, carry, cut, blocks, self.reverse)
            parts.append([y.reshape(length - rest, *y.shape[2:]) for y in ys])
        if rest:
            carry, ys = self._block(carry, [x[last] for x in xs], rest)
            parts.append(ys)
        parts = parts[::-1] if self.reverse else parts
        return self._results(carry, parts[0] if len(parts) == 1 else [*map(_joined, *parts)])

    def _block(self, carry: Any, xs: Sequence[Any], steps: int) -> tuple[Any, list[Any]]:
        """Some steps, and the exchange, deliveries and records after them."""
        own, late, heads = carry
        split = self.split
        own, rows = self._alone(own, heads, xs, steps)
        ys, noted = rows[: len(split.ys)], dict(zip(self.noted, rows[len(split.ys) :], strict=True))
        sent = self._exchanged(noted)
        own = self._delivered(own, sent, noted, steps)
        records = [*(sent[v] for v in split.asked), *(noted[v] for v in split.recorded)]
        late, more = jax.lax.scan(self.record.step, late, records, steps, self.reverse)
        heads = [sent[self.step.next(v)][-1] for v in split.spikes] if self.ahead else []
        return ([*own], [*late], heads), [*ys, *more]

    def _alone(self, own: Any, heads: Sequence[Any], xs: Sequence[Any], steps: int) -> tuple[Any, list[Any]]:
        """The steps of a device, and what it has noted in each."""
        if not self.ahead:
            return jax.lax.scan(self.early.step, own, xs, steps, self.reverse)
        own, row = self.first.step(own, [*(x[0] for x in xs), *heads])
        if steps == 1:
            return own, [x[None] for x in row]
        own, rows = jax.lax.scan(self.early.step, [*own], [x[1:] for x in xs], steps - 1)
        return own, [_joined(x[None], more) for x, more in zip(row, rows, strict=True)]

    def _exchanged(self, noted: dict[Any, Any]) -> dict[Any, Any]:
        """What all devices have noted: spikes in one message, other arrays as they are."""
        cut = {v: layout for v in self.sent if (layout := self.layouts[v]) is not None}
        spikes = [v for v in cut if v in self._spikes]
        rows = self.partition.exchanged([(noted[v], cut[v]) for v in spikes])
        found = dict(zip(spikes, rows, strict=True))
        sums = [v for v in self.sent if v in self._sums]
        found |= zip(sums, self.partition.summed([noted[v] for v in sums]), strict=True)
        for v in self.sent:
            if v in self._sums:
                continue
            if v not in cut:
                found[v] = noted[v]
            elif v not in found:
                found[v] = self.partition.whole(Value(noted[v], cut[v]._replace(axis=cut[v].axis + 1)))
        return found

    def _delivered(self, own: Sequence[Any], sent: dict[Any, Any], noted: dict[Any, Any], steps: int) -> list[Any]:
        """What the loop carries, with the spikes of all devices delivered."""
        split, late = self.split, steps - self.ahead
        if not late:
            return [*own]
        rows = [*(sent[self._sent(v)][:late] for v in split.spikes), *(noted[v][steps - late :] for v in split.timing)]
        places = [split.places.index(k) for k in split.filled]
        filled, _ = jax.lax.scan(self.deliver.step, [own[k] for k in places], rows, late, self.reverse)
        changed = dict(zip(places, filled, strict=True))
        return [changed.get(k, x) for k, x in enumerate(own)]

    def _results(self, carry: Any, ys: list[Any]) -> list[Value]:
        """The values of the loop in their order."""
        split, (own, late, _) = self.split, carry
        early = self.early.results(own, ys[: len(split.ys)] + [None] * len(self.noted))
        record = self.record.results(late, ys[len(split.ys) :])
        carried = dict(zip(split.places, early, strict=False)) | dict(zip(split.late_places, record, strict=False))
        made = dict(zip(split.ys, early[len(split.places) :], strict=False))
        made |= dict(zip(split.late_ys, record[len(split.late_places) :], strict=True))
        return [*(carried[k] for k in sorted(carried)), *(made[k] for k in sorted(made))]


def _joined(before: Any, after: Any) -> Any:
    return jnp.concatenate([before, after])


def _stacked(aval: Any, layout: Layout | None = None, axis: int = 1) -> Value:
    """An array of all steps of a block, of which only the form is known; the `layout` is that of one step."""
    array = jax.ShapeDtypeStruct((1, *aval.shape), aval.dtype)
    return Value(array, None if layout is None else layout._replace(axis=layout.axis + axis))
