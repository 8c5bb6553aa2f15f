"""Kernels on several devices: steps of populations by neuron, event kernels by target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..kernels._draws import KEYS
from ..kernels._kernel import KERNELS, Kernel
from ..kernels._mesh_axes import ByNeuron, ByTarget
from ._value import Layout, Value, first_element

if TYPE_CHECKING:
    from ._partition import Partition

FIRST = KEYS[-1]  # an operand of steps that draw: the number of the first neuron


def rule(equation: Any) -> Any:
    """What to do with a kernel; None for other operations, and for kernels that every device runs as a whole."""
    kernel = kernel_of(equation)
    if kernel is None:
        return None
    if kernel.elementwise:
        return _elementwise
    return _own_neurons if isinstance(kernel.mesh, ByNeuron) else _by_target if kernel.mesh else None


def kernel_of(equation: Any) -> Kernel | None:
    """The kernel that an operation runs."""
    return next((kernel for kernel in KERNELS.values() if kernel.primitive is equation.primitive), None)


# --- steps of populations --------------------------------------------------------------------------------------------


def _elementwise(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """All that has the neurons on its last axis, or samples on one before, is cut there."""
    kernel, structure = kernel_of(equation), equation.params
    assert kernel is not None
    first, axis = next((v.layout, v.layout.axis - len(v.shape)) for v in values if v.layout is not None)
    n = first.n

    def layout(shape: tuple[int, ...]) -> Layout | None:
        has_axis = len(shape) >= -axis and shape[axis] == n
        return first._replace(axis=len(shape) + axis) if has_axis else None

    along = [layout(out.aval.shape) for out in equation.outvars]
    own = [v.layout in (None, layout(v.shape)) for v in values]
    sums_of_padding = None in along and n % partition.shards
    if not all(own) or sums_of_padding or (axis != -1 and not partition.of_batch):
        return None
    given = dict(zip(kernel.names(structure), values, strict=True))
    shape = given[kernel.first_state(structure)].shape
    if KEYS[0] in given and layout(shape) != first._replace(axis=0):
        return None  # what a neuron draws follows from its number in the whole population
    parts = {name: partition.in_layout(value, layout(value.shape)) for name, value in given.items()}
    if FIRST in given:
        parts[FIRST] = parts[FIRST] + first_element(shape, first._replace(axis=0), partition.shards)
    outs = kernel.bind(*parts.values(), **structure)
    return [
        Value(partition.summed([out])[0]) if cut is None else Value(out, cut)
        for out, cut in zip(outs, along, strict=True)
    ]


def _own_neurons(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """A device hands the kernel its own neurons, and the number of the first of them."""
    kernel, structure = kernel_of(equation), equation.params
    assert kernel is not None
    assert isinstance(kernel.mesh, ByNeuron)
    mesh, given = kernel.mesh, dict(zip(kernel.names(structure), values, strict=True))
    if (layout := _by_neuron(given[mesh.own[0]])) is None:
        return None

    def own(name: str, value: Value) -> Any:
        if name == mesh.first:
            return partition.whole(value) + first_element((layout.n,), layout._replace(axis=0), partition.shards)
        if name not in mesh.own or value.shape[-1:] != (layout.n,):
            return partition.whole(value)
        return partition.part(value, layout._replace(axis=len(value.shape) - 1))

    (out,) = kernel.bind(*(own(name, value) for name, value in given.items()), **structure)
    return [Value(out, layout)]


def _by_neuron(value: Value) -> Layout | None:
    """The layout of a value that is cut along its last axis as a whole."""
    layout = value.layout
    is_last = layout is not None and layout.axis == len(value.shape) - 1 and layout.before == 1
    return layout if is_last else None


# --- event kernels ---------------------------------------------------------------------------------------------------


def _by_target(partition: Partition, equation: Any, values: list[Value]) -> list[Value] | None:
    """Every device has its targets and their synapses, and the spikes of all sources."""
    if partition.of_batch:
        return None
    kernel, structure = kernel_of(equation), equation.params
    assert kernel is not None
    assert isinstance(kernel.mesh, ByTarget)
    mesh, given = kernel.mesh, dict(zip(kernel.names(structure), values, strict=True))
    synapses = [name for name in mesh.synapses if name in given and _is_cut(given[name])]
    if mesh.synapses and not synapses:
        return None
    layouts = {
        name: Layout(len(value.shape) + mesh.targets[name], value.shape[mesh.targets[name]])
        for name, value in given.items()
        if name in mesh.targets
    }
    outs = kernel.bind(*(operand(partition, mesh, name, value, layouts) for name, value in given.items()), **structure)
    results = zip(_results(kernel, equation), outs, strict=True)
    return [_result(partition, mesh, name, out, layouts) for name, out in results]


def part_of_sum(partition: Partition, equation: Any, values: list[Value]) -> list[Value]:
    """The results of a kernel, with what a device adds to sums over neurons or synapses in place of these."""
    partition.parts_of_sums = True
    try:
        outs = rule(equation)(partition, equation, values)
    finally:
        partition.parts_of_sums = False
    assert outs is not None, "what it sums over is cut"
    return outs


def _results(kernel: Kernel, equation: Any) -> list[str]:
    """The names of the results."""
    o = kernel.by_name([atom.aval for atom in equation.invars], equation.params)
    return [*kernel.replaced(equation.params), *kernel.outputs(o, **equation.params)]


def _result(partition: Partition, mesh: ByTarget, name: str, out: Any, layouts: dict[str, Layout]) -> Value:
    if name in layouts:
        return Value(out, layouts[name])
    if name in mesh.synapses and out.size > 1:
        return Value(out, Layout(0, out.shape[0] * partition.shards, of_synapses=True))
    return Value(partition.summed([out])[0] if name in (*mesh.sums, *mesh.synapses) else out)


def _is_cut(value: Value) -> bool:
    return value.layout is not None and value.layout.of_synapses


def operand(partition: Partition, mesh: ByTarget, name: str, value: Value, layouts: dict[str, Layout]) -> Any:
    """What a device hands to its kernel."""
    if name in layouts:
        return partition.part(value, layouts[name])
    if name in mesh.synapses:
        return value.array
    return partition.spikes(value) if name in mesh.spikes else partition.whole(value)
