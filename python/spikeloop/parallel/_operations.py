"""Operations of XLA on arrays that are cut by neuron; those that are not here gather their operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._jax import bind_equation
from ._value import Layout, Value

if TYPE_CHECKING:
    from ._partition import Partition

Rule = Callable[["Partition", Any, list[Value]], "list[Value] | None"]

_ELEMENTWISE = frozenset({
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh",
    "atan", "atan2", "atanh", "cbrt", "ceil", "clamp", "convert_element_type", "copy",
    "copy_p", "cos", "cosh", "digamma", "div", "eq", "eq_to", "erf",
    "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "ge", "gt",
    "imag", "integer_pow", "is_finite", "le", "le_to", "lgamma", "log", "log1p", "log2",
    "logistic", "lt", "lt_to", "max", "min", "mul", "ne", "neg",
    "nextafter", "not", "one_minus_square", "or", "poisson_inverse", "polynomial", "population_count", "pow",
    "real", "reduce_precision", "rem",
    "round", "rsqrt", "select_n", "shift_left", "shift_right_arithmetic", "shift_right_logical", "sign", "sin",
    "sinh", "sqrt", "square", "stop_gradient", "sub", "tan", "tanh", "xor",
})  # fmt: skip
_REDUCTIONS = frozenset(
    {
        "reduce_sum",
        "reduce_max",
        "reduce_min",
        "reduce_prod",
        "reduce_and",
        "reduce_or",
        "reduce_xor",
        "argmax",
        "argmin",
    }
)


def rule(equation: Any) -> Rule | None:
    """What to do with an operation of XLA."""
    name = equation.primitive.name
    if name in _ELEMENTWISE:
        return _elementwise
    return _reduced if name in _REDUCTIONS else _RULES.get(name)


def _elementwise(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    layout = next(value.layout for value in values if value.layout is not None)
    if any(value.layout not in (None, layout) for value in values):
        return None
    whole = [not value.shape or value.shape[layout.axis] == 1 < layout.n for value in values]  # one for all
    parts = [v.array if w else partition.part(v, layout) for v, w in zip(values, whole, strict=True)]
    return _cut(equation, parts, layout)


def _cut(equation: Any, parts: Sequence[Any], layout: Layout, **params: Any) -> list[Value]:
    return [Value(out, layout) for out in bind_equation(equation, parts, **params)]


def _only(values: Sequence[Value]) -> tuple[Value, Layout]:
    """The first operand, which is cut; the others are not."""
    assert values[0].layout is not None
    return values[0], values[0].layout


def _size(value: Value) -> int:
    """The neurons that a device has."""
    assert value.layout is not None
    return value.array.shape[value.layout.axis]


def _reduced(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """Sums and the like over other axes than that of the neurons."""
    return _without_axes(equation, values, equation.params["axes"])


def _without_axes(equation: Any, values: list[Value], axes: Sequence[int]) -> list[Value] | None:
    """An operation whose result lacks these axes, which may not be that of the neurons."""
    value, layout = _only(values)
    if layout.axis in axes:
        return None
    moved = layout._replace(axis=layout.axis - sum(axis < layout.axis for axis in axes))
    return _cut(equation, [value.array], moved)


def _broadcast(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    value, layout = _only(values)
    axis, shape = equation.params["broadcast_dimensions"][layout.axis], [*equation.params["shape"]]
    if shape[axis] != layout.n or len(values) > 1:
        return None
    shape[axis] = _size(value)
    return _cut(equation, [value.array], layout._replace(axis=axis), shape=tuple(shape))


def _reshape(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """Axes of length 1 come and go, and other axes change; that of the neurons and what lies behind it do not."""
    value, layout = _only(values)
    old, new = value.shape, equation.params["new_sizes"]
    behind = len(old) - layout.axis
    if equation.params["dimensions"] is not None or len(values) > 1:
        return None
    if layout.of_synapses:
        return [value] if (*old,) == (*new,) else None
    for after in range(len(new)):
        if _without_ones(new[after:]) == _without_ones(old[-behind:]) and new[after] == layout.n:
            sizes = [*new]
            sizes[after] = _size(value)
            return _cut(equation, [value.array], layout._replace(axis=after), new_sizes=tuple(sizes))
    return None


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n != 1]


def _squeeze(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    value, _ = _only(values)
    return _without_axes(equation, values, [axis % len(value.shape) for axis in equation.params["dimensions"]])


def _transpose(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    value, layout = _only(values)
    return _cut(equation, [value.array], layout._replace(axis=equation.params["permutation"].index(layout.axis)))


def _concatenate(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    layout = next(value.layout for value in values if value.layout is not None)
    if layout.axis == equation.params["dimension"] or any(value.layout not in (None, layout) for value in values):
        return None
    return _cut(equation, [partition.part(value, layout) for value in values], layout)


def _slice(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """A slice of other axes."""
    value, layout = _only(values)
    p, axis, size = equation.params, layout.axis, _size(value)
    whole = p["start_indices"][axis] == 0 and p["limit_indices"][axis] == layout.n
    if not whole or (p["strides"] is not None and p["strides"][axis] != 1):
        return None
    limits = tuple(size if k == axis else limit for k, limit in enumerate(p["limit_indices"]))
    return _cut(equation, [value.array], layout, limit_indices=limits)


def _dynamic_slice(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    value, layout = values[0], values[0].layout
    if layout is None or equation.params["slice_sizes"][layout.axis] != layout.n:
        return None
    sizes = tuple(_size(value) if k == layout.axis else n for k, n in enumerate(equation.params["slice_sizes"]))
    return _cut(equation, [value.array, *map(partition.whole, values[1:])], layout, slice_sizes=sizes)


def _dynamic_update_slice(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """A ring whose slots hold all neurons."""
    ring, new, *starts = values
    layout = ring.layout or new.layout
    if layout is None or ring.shape[layout.axis] != layout.n or new.shape[layout.axis] != layout.n:
        return None
    if layout.of_synapses or (ring.layout is None and not partition.of_batch):
        return None  # a ring that all devices have whole stays so
    parts = [partition.part(ring, layout), partition.part(new, layout), *map(partition.whole, starts)]
    return _cut(equation, parts, layout)


def _pad(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """Padding of other axes."""
    value, layout = values[0], values[0].layout
    if layout is None or layout.of_synapses or tuple(equation.params["padding_config"][layout.axis]) != (0, 0, 0):
        return None
    return _cut(equation, [value.array, partition.whole(values[1])], layout)


def _bitcast(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """The bits of numbers as others of the same size."""
    return _elementwise(partition, equation, values) if equation.outvars[0].aval.shape == values[0].shape else None


def _scatter_add(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """`x.at[...].add(y)` of all elements."""
    target, indices, updates = values
    layout = target.layout or updates.layout
    if layout is None or indices.shape != (0,) or target.shape != updates.shape:
        return None
    return _cut(equation, [partition.part(target, layout), indices.array, partition.part(updates, layout)], layout)


_RULES: dict[str, Rule] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _squeeze,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "pad": _pad,
    "bitcast_convert_type": _bitcast,
    "scatter-add": _scatter_add,
}
