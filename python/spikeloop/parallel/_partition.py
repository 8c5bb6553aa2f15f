"""A traced program as each of several devices runs it.

A program is written, and traced, for whole populations. Here every operation of it is done again on what one device
holds: arrays that are cut by neuron stay cut through elementwise operations, steps of populations, and spikes that
arrive at targets. Whatever needs other neurons gathers them first, so that each operation computes the same numbers
as on one device, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import Literal, bind_equation
from . import _batch, _control, _drawn, _kernels, _operations
from ._exchange import exchange
from ._value import AXIS, Layout, Value, cut, gather


class Partition:
    """What a device does of a program that `shards` devices run.

    `list_length` is how many spikes a list of spikes has room for, or None. `exchanges` notes what is gathered. Arrays
    `of_batch` are cut by sample: every device sums over its own samples first, and all add up what they found.
    """

    def __init__(self, shards: int, list_length: int | None = None, of_batch: bool = False):
        self.shards, self.list_length, self.of_batch = shards, list_length, of_batch
        self.exchanges: list[Exchanged] = []
        # Operations of which a part comes later, by `id`: rules for what remains of them.
        self.halves: dict[int, Callable[[Partition, Any, list[Value]], list[Value]]] = {}
        self.parts_of_sums = False  # whether sums over devices are left to later

    def run(self, jaxpr: Any, values: Sequence[Value]) -> list[Value]:
        """The results of `jaxpr`, whose inputs, constants first, are `values`."""
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], values, strict=True))

        def read(atom: Any) -> Value:
            return Value(atom.val) if isinstance(atom, Literal) else known[atom]

        for equation in jaxpr.eqns:
            before, given = len(self.exchanges), [read(atom) for atom in equation.invars]
            outs = self.apply(equation, given)
            for exchanged in self.exchanges[before:]:
                exchanged.ask(equation, given, outs)
            known.update(zip(equation.outvars, outs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def apply(self, equation: Any, values: list[Value]) -> list[Value]:
        """The results of one operation."""
        if half := self.halves.get(id(equation)):
            return half(self, equation, values)
        if equation.primitive.name == "reshard":  # where whole arrays would lie
            return values
        if equation.params.get("sharding") is not None:
            equation = equation.replace(params={**equation.params, "sharding": None})
        inner = _control.inlined(equation)
        if inner is not None:
            return self.run(inner.jaxpr, [*map(Value, inner.consts), *values])
        if all(value.layout is None for value in values):
            return _drawn.with_own(self, equation, values)
        if (control := _control.rule(equation)) is not None:
            return control(self, equation, values)
        outs = self.by_rule(equation, values)
        return self.plain(equation, values) if outs is None else outs

    def by_rule(self, equation: Any, values: list[Value]) -> list[Value] | None:
        """The results of one operation on parts of arrays; None if it needs whole ones."""
        of_batch = _batch.rule(equation) if self.of_batch else None
        for rule in (of_batch, _kernels.rule(equation), _operations.rule(equation)):
            if rule is not None and (outs := rule(self, equation, values)) is not None:
                return outs
        return None

    def plain(self, equation: Any, values: Sequence[Value]) -> list[Value]:
        """The operation on whole arrays."""
        for value in values:
            if value.layout is not None and value.layout.of_synapses:
                raise NotImplementedError(
                    f"{equation.primitive.name} of the synapses of a connection: in sl.parallel.mesh() every device "
                    "has those of its own targets only. Do this outside of the mesh."
                )
        return [Value(out) for out in bind_equation(equation, [self.whole(value) for value in values])]

    def whole(self, value: Value) -> Any:
        """All of an array, on every device."""
        if value.layout is not None and value.whole is None:
            self.exchanges.append(Exchanged(value, None))
            value.whole = gather(value.array, value.layout)
        return value.whole

    def spikes(self, value: Value) -> Any:
        """The spikes of all neurons, (..., n): what `whole` gives, exchanged as lists where these are short."""
        if value.layout is not None and value.whole is None:
            rows = value.array.reshape(-1, value.array.shape[-1])
            self.exchanges.append(Exchanged(value, rows.shape[0]))
            (whole,) = exchange([(rows, value.layout.n)], self.shards, self.list_length)
            value.whole = whole.reshape(*value.array.shape[:-1], whole.shape[-1])
        return value.whole

    def exchanged(self, spikes: Sequence[tuple[Any, Layout]]) -> list[Any]:
        """The spikes (steps, n) of all devices, each from those of this one in a step's layout, in one message."""
        if not spikes:
            return []
        self.exchanges.extend(Exchanged(Value(rows, layout), rows.shape[0]) for rows, layout in spikes)
        return exchange([(rows, layout.n) for rows, layout in spikes], self.shards, self.list_length)

    def summed(self, parts: Sequence[Any]) -> list[Any]:
        """The sums over all devices of what each has, in one message; where `parts_of_sums`, those of this device."""
        if not parts or self.parts_of_sums:
            return [*parts]
        flat = jax.lax.psum(jnp.concatenate([part.reshape(-1) for part in parts]), AXIS)
        rows = jnp.split(flat, np.cumsum([part.size for part in parts])[:-1])
        found = [x.reshape(part.shape) for x, part in zip(rows, parts, strict=True)]
        self.exchanges.extend(Exchanged(Value(x), None, is_sum=True) for x in found)
        return found

    def part(self, value: Value, layout: Layout) -> Any:
        """What this device has of an array in `layout`."""
        for held in (value, value.own):
            if held is not None and held.layout == layout:
                return held.array
        return cut(self.whole(value), layout, self.shards)

    def in_layout(self, value: Value, layout: Layout | None) -> Any:
        """The array, whole or as a part."""
        return self.whole(value) if layout is None else self.part(value, layout)


class Exchanged:
    """A note of what a program gathers or adds up: an array of one device, and of how many steps its spikes are.

    `variable` is what the operation `equation`, which needs it or makes the sum, knows it by; None if that is something
    else.
    """

    equation: Any = None
    variable: Any = None

    def __init__(self, value: Value, steps: int | None, *, is_sum: bool = False):
        self.value, self.steps, self.is_sum = value, steps, is_sum
        self.shape, self.dtype = value.array.shape, value.array.dtype

    def ask(self, equation: Any, given: Sequence[Value], outs: Sequence[Value]) -> None:
        """Note the operation that needs it, and by which of the values that it is given; that of a sum makes it."""
        if self.is_sum:
            named = [v for v, out in zip(equation.outvars, outs, strict=True) if out.array is self.value.array]
        else:
            named = [v for v, value in zip(equation.invars, given, strict=True) if value is self.value]
        self.equation, self.variable = equation, next(iter(named), None)
