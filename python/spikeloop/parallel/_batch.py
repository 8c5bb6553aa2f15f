"""Operations on a batch that is cut by sample: what sums over samples is added up among the devices.

Sums then have another order than on one device, so that losses and gradients agree to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax

from .._jax import bind_equation
from ..kernels import _conv, _dense, _event, _procedural, _ring, _turned_ring
from ._value import AXIS, Layout, Value

if TYPE_CHECKING:
    from ..kernels._kernel import Kernel
    from ._partition import Partition

Rule = Callable[["Partition", Any, list[Value]], "list[Value] | None"]


def rule(equation: Any) -> Rule | None:
    """What to do with an operation, if it is among those here."""
    return _RULES.get(equation.primitive.name)


def _combined(combine: Callable[..., Any]) -> Rule:
    """A reduction, over samples or other axes."""

    def reduce(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
        (value,) = values
        if value.layout is None or value.layout.axis not in equation.params["axes"]:
            return None
        return [Value(combine(out, AXIS)) for out in bind_equation(equation, [value.array])]

    return reduce


def _dot_general(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """A product of two arrays, whose samples are multiplied one by one, summed over, or on one side alone."""
    (contracted, batch), shapes = equation.params["dimension_numbers"], [value.shape for value in values]
    side = 0 if values[0].layout is not None else 1
    layout = values[side].layout
    assert layout is not None
    for pairs, summed in ((contracted, True), (batch, False)):
        if layout.axis in pairs[side]:
            k = pairs[side].index(layout.axis)
            parts = [partition.part(v, layout._replace(axis=axes[k])) for v, axes in zip(values, pairs, strict=True)]
            outs = bind_equation(equation, parts)
            return [Value(jax.lax.psum(x, AXIS)) if summed else Value(x, layout._replace(axis=k)) for x in outs]
    free = [axis for axis in range(len(shapes[side])) if axis not in (*contracted[side], *batch[side])]
    before = len(batch[0]) + side * (len(shapes[0]) - len(contracted[0]) - len(batch[0]))
    parts = [v.array if k == side else partition.whole(v) for k, v in enumerate(values)]
    moved = layout._replace(axis=before + free.index(layout.axis))
    return [Value(x, moved) for x in bind_equation(equation, parts)]


def _convolution(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """A convolution of samples, or the sum over samples that is the gradient of its weights."""
    p, (x, kernel) = equation.params, values
    numbers, groups = p["dimension_numbers"], (p["feature_group_count"], p["batch_group_count"])
    if x.layout is None or groups != (1, 1):
        return None
    if x.layout.axis == numbers.lhs_spec[0]:
        outs = bind_equation(equation, [x.array, partition.whole(kernel)])
        return [Value(out, x.layout._replace(axis=numbers.out_spec[0])) for out in outs]
    if x.layout.axis != numbers.lhs_spec[1]:
        return None
    part = partition.part(kernel, x.layout._replace(axis=numbers.rhs_spec[1]))
    return [Value(jax.lax.psum(out, AXIS)) for out in bind_equation(equation, [x.array, part])]


def _pooled(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """The sums or greatest values of windows within a sample."""
    p, layout = equation.params, values[0].layout
    if len(values) != 1 or layout is None or not _is_apart(p, layout.axis):
        return None
    return [Value(out, layout) for out in bind_equation(equation, [values[0].array])]


def _is_apart(p: dict[str, Any], axis: int) -> bool:
    """Whether windows hold one element along an axis."""
    single = p["window_dimensions"][axis] == p["window_strides"][axis] == 1
    return single and tuple(p["padding"][axis]) == (0, 0)


def _product(kernel: Kernel) -> Rule:
    """A product of samples, cut along one of the axes before those of a sample."""

    def rule(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
        spikes, weight = values
        if spikes.layout is None or not _is_of_samples(equation, spikes):
            return None
        (out,) = kernel.bind(spikes.array, partition.whole(weight), **equation.params)
        return [Value(out, spikes.layout)]

    return rule


def _outer(kernel: Kernel) -> Rule:
    """The sum over samples that is the gradient of the weights of a product."""

    def rule(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
        cut = next(value for value in values if value.layout is not None)
        assert cut.layout is not None
        if not _is_of_samples(equation, cut):
            return None
        (out,) = kernel.bind(*(partition.part(value, cut.layout) for value in values), **equation.params)
        return [Value(jax.lax.psum(out, AXIS))]

    return rule


def _is_of_samples(equation: Any, value: Value) -> bool:
    """Whether an operand of a product is cut along an axis of samples or steps: those of a sample come after."""
    assert value.layout is not None
    return value.layout.axis < len(value.shape) - 1 - len(equation.params.get("windows", ()))


def _reshape(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """Every device has as many elements of each run, in the same order as before, in whatever axes they stand."""
    (value, *_), new = values, equation.params["new_sizes"]
    layout = value.layout
    if layout is None or equation.params["dimensions"] is not None or len(values) > 1 or 0 in new:
        return None
    runs = layout.before * math.prod(value.shape[: layout.axis])
    for axis, n in enumerate(new):
        before, rest = divmod(runs, math.prod(new[:axis]))
        if not rest and before and not n % (before * partition.shards):
            sizes = tuple(n // partition.shards if k == axis else size for k, size in enumerate(new))
            outs = bind_equation(equation, [value.array], new_sizes=sizes)
            return [Value(out, Layout(axis, n, before=before)) for out in outs]
    return None


# --- sparse connections ----------------------------------------------------------------------------------------------

# The arrays of samples of each kernel: those without and those that may have an axis of slots.
_SAMPLES: dict[Kernel, tuple[tuple[str, ...], tuple[str, ...]]] = {
    _event.scatter_p: (("spikes",), ("target",)),
    _event.gather_p: ((), ("ct",)),
    _event.outer_p: (("spikes",), ("ct",)),
    _procedural.scatter_p: (("values",), ("target",)),
    _procedural.gather_p: ((), ("ct",)),
    _ring.relay_p: (("spikes", "target"), ("past",)),
    _ring.collect_p: (("target",), ("ring",)),
    _turned_ring.turn_p: (("spikes",), ("past",)),
    _turned_ring.unturn_p: (("ct",), ("past",)),
    _turned_ring.oldest_p: ((), ("past",)),
}


def _sparse(kernel: Kernel) -> Rule:
    """A kernel of a connection, which does the same with each sample; weights get a sum over all of them."""
    plain, turning = _SAMPLES[kernel]

    def run(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
        structure = equation.params
        given = dict(zip(kernel.names(structure), values, strict=True))
        slots = structure["slots"] if "slots" in structure else structure["rows"].slots
        layouts = _of_samples({name: given[name] for name in (*plain, *turning)}, turning, slots)
        if layouts is None:
            return None
        result = layouts[turning[0]]
        if slots is not None and result.axis > slots:
            result = result._replace(axis=result.axis - 1)
        if "cursor" in given and math.prod(given["cursor"].shape) > 1:  # one for each sample
            layouts["cursor"] = Layout(0, result.n)
        others = [value for name, value in given.items() if name not in layouts]
        if any(value.layout is not None for value in others):
            return None
        parts = [partition.in_layout(value, layouts.get(name)) for name, value in given.items()]
        names = [*kernel.replaced(structure), *[""] * len(equation.outvars)]
        outs = zip(names, kernel.bind(*parts, **structure), strict=False)
        if kernel is _event.outer_p:
            return [Value(jax.lax.psum(out, AXIS)) for _, out in outs]
        return [Value(out, layouts.get(name, result)) for name, out in outs]

    return run


def _of_samples(arrays: dict[str, Value], turning: Sequence[str], slots: int | None) -> dict[str, Layout] | None:
    """The layouts of arrays that are cut by sample; with slots, samples are lanes or stand behind. None if none is."""
    name, first = next(((name, v.layout) for name, v in arrays.items() if v.layout is not None), ("", None))
    if first is None or (slots is not None and first.before > 1):
        return None
    rings = () if slots is None else turning
    axis = first.axis - (name in rings and first.axis > (slots or 0))
    layouts = {k: first._replace(axis=axis + (k in rings and axis >= (slots or 0))) for k in arrays}
    fits = all(
        v.layout in (None, layouts[k]) and len(v.shape) > layouts[k].axis + 1 and v.shape[layouts[k].axis] == first.n
        for k, v in arrays.items()
    )
    return layouts if fits else None


_RULES: dict[str, Rule] = {
    "reduce_sum": _combined(jax.lax.psum),
    "reduce_max": _combined(jax.lax.pmax),
    "reduce_min": _combined(jax.lax.pmin),
    "dot_general": _dot_general,
    "conv_general_dilated": _convolution,
    "reduce_window_sum": _pooled,
    "reduce_window_max": _pooled,
    "reshape": _reshape,
    _dense.product_p.primitive.name: _product(_dense.product_p),
    _dense.outer_p.primitive.name: _outer(_dense.outer_p),
    _conv.product_p.primitive.name: _product(_conv.product_p),
    _conv.outer_p.primitive.name: _outer(_conv.outer_p),
    **{kernel.primitive.name: _sparse(kernel) for kernel in _SAMPLES},
}
