"""Rules that a `Kernel` can name: its derivatives, and how it takes a batch.

Rules get the kernel, its operands by name, what belongs to each operand (tangent, batch axis), and the structure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from .._jax import ad, zero_tangent
from .program._call import is_uniform

if TYPE_CHECKING:
    from ._kernel import ByName, Kernel

Structure = Mapping[str, Any]


# --- derivatives -----------------------------------------------------------------------------------------------------


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is symbolically zero, or that of whole numbers."""
    return type(tangent) is ad.Zero or getattr(tangent, "dtype", None) == jax.dtypes.float0


def constant(kernel: Kernel, o: ByName, tangents: ByName, structure: Structure) -> Any:
    """The results are constants to differentiation."""
    del tangents
    outs = kernel.run(vars(o), structure)
    return outs, [zero_tangent(out) for out in outs]


def by_reference(kernel: Kernel, o: ByName, tangents: ByName, structure: Structure) -> Any:
    """JAX differentiates the reference."""
    outs = kernel.run(vars(o), structure)
    live = {name: t for name, t in vars(tangents).items() if not is_zero(t)}
    if not live:
        return outs, [zero_tangent(out) for out in outs]
    names = kernel.names(structure)

    def results(varied: dict[str, Any]) -> list[Any]:
        return kernel.reference(*({**vars(o), **varied}[name] for name in names), **structure)

    _, slopes = jax.jvp(results, ({name: getattr(o, name) for name in live},), (live,))
    return outs, slopes


def product_rule(kernel: Kernel, o: ByName, tangents: ByName, structure: Structure) -> Any:
    """For sums of products, f(da, b) + f(a, db), added to the tangent of `adds_to`; other results are constants."""
    outs = kernel.run(vars(o), structure)
    slopes = [zero_tangent(out) for out in outs]
    sums = kernel.adds_to
    slope: Any = getattr(tangents, sums) if sums else slopes[0]
    for name in kernel.linear:
        tangent = getattr(tangents, name)
        if is_zero(tangent):
            continue
        varied = {**vars(o), name: tangent}
        if sums:
            varied[sums] = jnp.zeros_like(varied[sums]) if is_zero(slope) else slope
        part = kernel.run(varied, structure)[result_index(kernel, structure)]
        slope = part if sums or is_zero(slope) else slope + part
    if not is_zero(slope):
        slopes[result_index(kernel, structure)] = slope
    return outs, slopes


def transposed_product(kernel: Kernel, cts: Sequence[Any], o: ByName, structure: Structure) -> dict[str, Any]:
    """Cotangents of the operands that a sum of products is linear in."""
    ct = ad.instantiate_zeros(cts[result_index(kernel, structure)])
    found = {kernel.adds_to: ct} if kernel.adds_to else {}
    for name, cotangent in kernel.linear.items():
        if ad.is_undefined_primal(factor := getattr(o, name)):
            found[name] = cotangent(ct, o, **structure).reshape(factor.aval.shape)
    return {name: ct for name, ct in found.items() if ad.is_undefined_primal(getattr(o, name))}


def result_index(kernel: Kernel, structure: Structure) -> int:
    """Which result is the sum of products."""
    return kernel.replaced(structure).index(kernel.adds_to) if kernel.adds_to else 0


# --- batches ---------------------------------------------------------------------------------------------------------


def lane_count(o: ByName, axes: ByName) -> int:
    """The number of lanes of mapped operands."""
    return next(x.shape[d] for x, d in zip(vars(o).values(), vars(axes).values(), strict=True) if d is not None)


def lane_axis(x: Any, axis: int | None, lanes: int) -> Any:
    """`x` with the lanes as its first axis."""
    return jnp.broadcast_to(x, (lanes, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)


def one_by_one(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> list[Any]:
    """One lane after the other."""
    mapped = {name: jnp.moveaxis(getattr(o, name), d, 0) for name, d in vars(axes).items() if d is not None}
    return list(jax.lax.map(lambda lane: kernel.run({**vars(o), **lane}, structure), mapped))


def leading_axes(*names: str) -> Callable[..., list[Any]]:
    """The kernel takes leading axes of the operands `names`; if others have lanes, one lane after the other."""

    def rule(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> list[Any]:
        if any(d is not None and name not in names for name, d in vars(axes).items()):
            return one_by_one(kernel, o, axes, structure)
        lanes = lane_count(o, axes)
        moved = {name: lane_axis(getattr(o, name), getattr(axes, name), lanes) for name in names}
        return kernel.run({**vars(o), **moved}, structure)

    return rule


def elementwise(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> list[Any]:
    """Lanes become rows of states and tangents, (lanes · rows, n); what is equal in all of them is not repeated."""
    shapes = lane_shapes(o, axes)
    whole = (lane_count(o, axes), *shapes[kernel.first_state(structure)])
    return [out.reshape(whole) for out in kernel.run(in_rows(kernel, o, axes, structure), structure)]


def in_rows(
    kernel: Kernel,
    o: ByName,
    axes: ByName,
    structure: Structure,
    repeated: Sequence[str] = (),
    timed: Sequence[str] = (),
) -> dict[str, Any]:
    """The operands with lanes as rows; one number for all neurons becomes one for each row, (lanes · rows, 1).

    That is so if it has lanes, or if its name is among the `repeated`. Operands that are `timed` keep their first axis.
    """
    lanes, shapes = lane_count(o, axes), lane_shapes(o, axes)
    population = shapes[kernel.first_state(structure)]
    whole = (lanes, *population)
    group = dict(kernel.declared(structure))

    def rows(name: str, x: Any, axis: int | None, shape: tuple[int, ...]) -> Any:
        uniform = is_uniform(jax.ShapeDtypeStruct(shape, x.dtype), population)
        per_neuron = group[name] in ("parameter", "input") and shape == population[-1:]
        if axis is None and name not in repeated and (per_neuron or (uniform and x.size == 1)):
            return x
        x = x[None] if axis is None else jnp.moveaxis(x, axis, 0)
        x = x.reshape(x.shape[0], *[1] * (len(whole) - x.ndim), *x.shape[1:])
        full = (*whole[:-1], 1) if uniform else whole
        return jnp.broadcast_to(x, full).reshape(-1, full[-1])

    def all_rows(name: str) -> Any:
        x, axis, shape = getattr(o, name), getattr(axes, name), shapes[name]
        if name not in timed:
            return rows(name, x, axis, shape)
        times, own = (1, 0) if axis == 0 else (0, axis and axis - 1)
        return jax.vmap(lambda x: rows(name, x, own, shape[1:]), times)(x)

    return {name: all_rows(name) for name in kernel.names(structure)}


def lane_shapes(o: ByName, axes: ByName) -> dict[str, tuple[int, ...]]:
    """The shape of one lane of each operand."""
    pairs = zip(vars(o).items(), vars(axes).values(), strict=True)
    return {name: tuple(s for i, s in enumerate(x.shape) if i != axis) for (name, x), axis in pairs}
