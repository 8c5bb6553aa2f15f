"""Kernels whose derivatives are native too: a kernel, one for its tangents and one for its cotangents.

    tangents:   (operands, tangents of the `active` ones) -> tangents of the smooth results
    cotangents: (operands, cotangents of the smooth results) -> cotangents of the `active` operands

`active` are the operands that have tangents. The references of both are JAX's derivatives of the kernel's reference.
The cotangent of an operand that is one number for all neurons is the sum over them; those of others have the shape of
the population.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._jax import ad, zero_tangent
from . import _rules
from ._kernel import ByName, Kernel, Operands, tangents
from ._rules import Structure, is_zero
from .program._call import is_uniform

Active = tuple[str, ...]


class Smooth(NamedTuple):
    """What may carry tangents, by name, in the order of the declaration."""

    operands: tuple[str, ...]
    results: tuple[str, ...]


class Step(NamedTuple):
    """An elementwise kernel, all results of which replace operands, with what its derivatives need to know."""

    name: str
    reference: Callable[..., list[Any]]
    structure: tuple[str, ...]
    operands: Callable[..., Operands]
    smooth: Callable[..., Smooth]
    label: Callable[..., str]
    returned: tuple[str, ...] = ()

    def names(self, structure: Structure) -> list[str]:
        """The operands."""
        return [operand.name for operand in self.operands(**structure)]

    def states(self, structure: Structure) -> list[str]:
        """The operands that the results replace; the first has the shape of the population."""
        return [operand.name for operand in self.operands(**structure) if operand.group == "state"]

    # --- references of the derivatives -------------------------------------------------------------------------------

    def tangents(self, *args: Any, active: Active, **structure: Any) -> list[Any]:
        """JAX's tangents of the smooth results."""
        primals, slopes = self._split(args, structure)
        varied = dict(zip(active, slopes, strict=True))
        for name, slope in varied.items():  # either may be repeated: vmap batches one and not the other
            shape = jnp.broadcast_shapes(primals[name].shape, slope.shape)
            primals[name], varied[name] = jnp.broadcast_to(primals[name], shape), jnp.broadcast_to(slope, shape)
        at = [primals[name] for name in active]
        return jax.jvp(self._function(primals, active, structure), at, list(varied.values()))[1]

    def cotangents(self, *args: Any, active: Active, **structure: Any) -> list[Any]:
        """JAX's cotangents of the active operands."""
        primals, cts = self._split(args, structure)
        shape = primals[self.states(structure)[0]].shape
        at = [jnp.broadcast_to(primals[name], shape) for name in active]
        found = jax.vjp(self._function(primals, active, structure), *at)[1](cts)
        return [sum_to(ct, gradient_shape(primals[name], shape)) for name, ct in zip(active, found, strict=True)]

    def _split(self, args: Sequence[Any], structure: Structure) -> tuple[dict[str, Any], list[Any]]:
        names = self.names(structure)
        return dict(zip(names, args, strict=False)), list(args[len(names) :])

    def _function(self, primals: dict[str, Any], active: Active, structure: Structure) -> Callable[..., list[Any]]:
        """The smooth results as a function of the active operands."""

        def run(*values: Any) -> list[Any]:
            operands = {**primals, **dict(zip(active, values, strict=True))}
            results = dict(zip(self.states(structure), self.reference(*operands.values(), **structure), strict=True))
            return [results[name] for name in self.smooth(**structure).results]

        return run


def with_derivatives(own: Step) -> tuple[Kernel, Kernel, Kernel]:
    """Declare a kernel, and its derivatives under its name with `.jvp` and `.vjp`; returns the three."""

    def derivative(suffix: str, reference: Any, given: Any, outputs: Any, **rules: Any) -> Kernel:
        return Kernel(
            own.name + suffix,
            reference,
            structure=(*own.structure, "active"),
            operands=lambda active, **rest: (*own.operands(**rest), *tangents(*given(active, rest))),
            outputs=outputs,
            in_place=False,
            elementwise=True,
            label=lambda active, **rest: own.label(**rest),
            **rules,
        )

    def slopes_of(o: ByName, active: Active, **rest: Any) -> dict[str, Any]:
        return dict.fromkeys(after(active, rest), _struct(o, own.states(rest)[0]))

    def gradients_of(o: ByName, active: Active, **rest: Any) -> dict[str, Any]:
        shape = getattr(o, own.states(rest)[0]).shape
        return {f"d {name}": _struct(o, name, gradient_shape(getattr(o, name), shape)) for name in active}

    before = lambda active, rest: [f"d {name}" for name in active]  # noqa: E731
    after = lambda active, rest: [f"d new {name}" for name in own.smooth(**rest).results]  # noqa: E731
    vjp = derivative(".vjp", own.cotangents, after, gradients_of, batch=_batched_gradients)
    jvp = derivative(
        ".jvp", own.tangents, before, slopes_of, batch=_rules.elementwise,
        transpose=lambda _, cts, o, structure: _transposed(vjp, cts, o, structure),
    )  # fmt: skip
    step = Kernel(
        own.name, own.reference, own.operands, own.structure, batch=_rules.elementwise, elementwise=True,
        label=own.label, returned=own.returned,
        jvp=lambda _, o, slopes, structure: _jvp(own, step, jvp, o, slopes, structure),
    )  # fmt: skip
    return step, jvp, vjp


def gradient_shape(operand: Any, population: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the cotangent of an operand."""
    return operand.shape if is_uniform(operand, population) else population


def _struct(o: ByName, name: str, shape: tuple[int, ...] | None = None) -> jax.ShapeDtypeStruct:
    like = getattr(o, name)
    return jax.ShapeDtypeStruct(like.shape if shape is None else shape, like.dtype)


def _batched_gradients(kernel: Kernel, o: ByName, axes: ByName, structure: Structure) -> list[Any]:
    """The cotangents of each lane; of numbers for all neurons, those of each row added up."""
    given = _rules.in_rows(kernel, o, axes, structure, repeated=structure["active"])
    lanes, shapes = _rules.lane_count(o, axes), _rules.lane_shapes(o, axes)
    population = shapes[kernel.first_state(structure)]
    results = []
    for name, found in zip(structure["active"], kernel.run(given, structure), strict=True):
        wanted = gradient_shape(jax.ShapeDtypeStruct(shapes[name], found.dtype), population)
        rows = found.reshape(lanes, -1, *wanted)  # several where a number is that of all rows
        results.append(rows.sum(1))
    return results


def _jvp(own: Step, step: Kernel, jvp: Kernel, o: ByName, slopes: ByName, structure: Structure) -> Any:
    """The tangents of the smooth results, from those of the smooth operands."""
    outs = step.run(vars(o), structure)
    smooth = own.smooth(**structure)
    new = {name: zero_tangent(out) for name, out in zip(own.states(structure), outs, strict=True)}
    active = tuple(name for name in smooth.operands if not is_zero(getattr(slopes, name)))
    if active:
        given = {f"d {name}": getattr(slopes, name) for name in active}
        found = jvp.run({**vars(o), **given}, {**structure, "active": active})
        new.update(zip(smooth.results, found, strict=True))
    return outs, list(new.values())


def _transposed(vjp: Kernel, cts: Sequence[Any], o: ByName, structure: Structure) -> dict[str, Any]:
    """The cotangents of the tangents of the active operands."""
    given = list(vars(o).values())[: -len(structure["active"])]
    found = vjp.bind(*given, *map(ad.instantiate_zeros, cts), **structure)
    found = dict(zip((f"d {name}" for name in structure["active"]), found, strict=True))
    wanted = {name: getattr(o, name) for name in found}
    return {name: sum_to(found[name], x.aval.shape) for name, x in wanted.items() if ad.is_undefined_primal(x)}


def sum_to(value: Any, shape: tuple[int, ...]) -> Any:
    """Add up the axes along which an operand of this shape was repeated."""
    if value.shape == shape:
        return value
    value = value.sum(tuple(range(value.ndim - len(shape))))
    axes = tuple(i for i, (a, b) in enumerate(zip(value.shape, shape, strict=True)) if a != b)
    return value.sum(axes, keepdims=True) if axes else value
