"""Kernels whose derivatives are native too: a kernel, one for its tangents and one for its cotangents.

    tangents:   (operands, tangents of the `active` ones) -> tangents of the smooth results
    cotangents: (operands, cotangents of the smooth results) -> cotangents of the `active` operands

`active` are the operands that have tangents. The references of both are JAX's derivatives of the kernel's reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._jax import ad, zero_tangent
from . import _rules
from ._kernel import ByName, Kernel, Operands, tangents
from ._rules import Structure, is_zero

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
    target: Callable[..., str]
    attributes: Callable[..., dict[str, Any]]

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
        """JAX's cotangents of the active operands, each of the shape of the population."""
        primals, cts = self._split(args, structure)
        shape = primals[self.states(structure)[0]].shape
        at = [jnp.broadcast_to(primals[name], shape) for name in active]
        return list(jax.vjp(self._function(primals, active, structure), *at)[1](cts))

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
    """Declare a kernel, and its derivatives under its name and target with `.jvp` and `.vjp`; returns the three."""

    def derivative(suffix: str, reference: Any, given: Any, made: Any, **rules: Any) -> Kernel:
        return Kernel(
            own.name + suffix,
            reference,
            structure=(*own.structure, "active"),
            operands=lambda active, **rest: (*own.operands(**rest), *tangents(*given(active, rest))),
            outputs=lambda o, active, **rest: dict.fromkeys(made(active, rest), _like(o, own.states(rest)[0])),
            in_place=False,
            batch=_rules.elementwise,
            attributes=lambda o, active, **rest: {
                **own.attributes(o, **rest),
                "active": np.array([own.names(rest).index(name) for name in active], np.int32),
            },
            target=lambda active, **rest: own.target(**rest) + suffix,
            **rules,
        )

    before = lambda active, rest: [f"d {name}" for name in active]  # noqa: E731
    after = lambda active, rest: [f"d new {name}" for name in own.smooth(**rest).results]  # noqa: E731
    vjp = derivative(".vjp", own.cotangents, after, before)
    jvp = derivative(
        ".jvp", own.tangents, before, after, transpose=lambda _, cts, o, structure: _transposed(vjp, cts, o, structure)
    )
    step = Kernel(
        own.name, own.reference, own.operands, own.structure, batch=_rules.elementwise, attributes=own.attributes,
        target=own.target, jvp=lambda _, o, slopes, structure: _jvp(own, step, jvp, o, slopes, structure),
    )  # fmt: skip
    return step, jvp, vjp


def _like(o: ByName, name: str) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(getattr(o, name).shape, getattr(o, name).dtype)


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
    return {name: _sum_to(found[name], x.aval.shape) for name, x in wanted.items() if ad.is_undefined_primal(x)}


def _sum_to(value: Any, shape: tuple[int, ...]) -> Any:
    """Add up the axes along which an operand of this shape was repeated."""
    if value.shape == shape:
        return value
    value = value.sum(tuple(range(value.ndim - len(shape))))
    axes = tuple(i for i, (a, b) in enumerate(zip(value.shape, shape, strict=True)) if a != b)
    return value.sum(axes, keepdims=True) if axes else value
