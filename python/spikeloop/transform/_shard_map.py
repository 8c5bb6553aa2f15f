"""`shard_map`: a function of parts of arrays, run by every device of a mesh on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from .. import _trace, environ
from .._errors import ShapeError
from .._jax import Aval, current_trace, named_axes, varying_axes
from .._same_form import in_form_of
from .._state import State
from .._trace import Spec, Trace, store, stored
from . import _eager

Specs = P | Mapping[State, P] | None


def shard_map(
    fun: Callable[..., Any],
    mesh: Mesh,
    in_specs: Any,
    out_specs: Any,
    *,
    state_in_specs: Specs = None,
    state_out_specs: Specs = None,
    check_vma: bool = True,
) -> Callable[..., Any]:
    """`fun` as a function of whole arrays, of which every device of `mesh` gets its part.

    States are parts, too, if a spec says so, and else the same on every device. What devices tell each other, the
    function says itself, by `jax.lax.all_gather` and the like; for networks there is `sl.parallel.mesh`.

    | name | meaning | default |
    |---|---|---|
    | `mesh` | devices and the names of their axes: `jax.make_mesh((4,), ("x",), axis_types=(AxisType.Auto,))` | |
    | `in_specs`, `out_specs` | along which axis arguments and results are cut, as in `jax.shard_map` | |
    | `state_in_specs` | the same of States: one spec for all, or {State: spec} | all of it |
    | `state_out_specs` | of the States that are written | `state_in_specs` |
    | `check_vma` | refuse what differs between devices where a spec says that it does not | True |

    >>> import jax
    >>> mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    >>> total, spec = sl.State(jnp.zeros(4)), jax.sharding.PartitionSpec("x")
    >>> def add(x):
    ...     total.value = total.value + x
    ...     return jax.lax.psum(x.sum(), "x")
    >>> mapped = sl.transform.shard_map(add, mesh, spec, jax.sharding.PartitionSpec(), state_in_specs={total: spec})
    >>> float(mapped(jnp.arange(4.0))), total.value.tolist()
    (6.0, [0.0, 1.0, 2.0, 3.0])
    """
    states = _StateSpecs(state_in_specs), _StateSpecs(state_in_specs if state_out_specs is None else state_out_specs)
    mapping = Mapped(mesh, in_specs, out_specs, *states, check_vma)

    def mapped(*args: Any) -> Any:
        return _eager.run(_shard_map, (fun,), mapping, args)

    mapped.__name__ = getattr(fun, "__name__", type(fun).__name__)
    return mapped


class _StateSpecs:
    """The spec of each State."""

    def __init__(self, given: Specs):
        self._given = given

    def of(self, state: State) -> P:
        """How a State is cut."""
        if self._given is None or isinstance(self._given, P):
            return self._given or P()
        return self._given.get(state, P())


@dataclass(frozen=True, eq=False)
class Mapped:
    """How a function is mapped."""

    mesh: Mesh
    in_specs: Any
    out_specs: Any
    states_in: _StateSpecs
    states_out: _StateSpecs
    check_vma: bool


class _PartTrace(Trace):
    """The trace of a function that sees parts of States."""

    shows_parts = True

    def __init__(self, parent: Trace | None, mapping: Mapped):
        super().__init__(parent)
        self._mapping = mapping

    def _seen(self, state: State, spec: Spec) -> Spec:
        cut = self._mapping.states_in.of(state)
        avals = (Aval(part_shape(aval.shape, cut, self._mapping.mesh, state.path), aval.dtype) for aval in spec.avals)
        return Spec(spec.tree, tuple(avals))


def part_shape(shape: tuple[int, ...], spec: P, mesh: Mesh, where: str) -> tuple[int, ...]:
    """The shape of a part of an array."""
    sizes = list(shape)
    for axis, names in enumerate(spec):
        parts = math.prod(mesh.shape[name] for name in ((names,) if isinstance(names, str) else names or ()))
        if axis >= len(sizes) or sizes[axis] % parts:
            raise ShapeError(
                f"{where} has the shape {shape}, which {spec} cannot cut into {parts} equal parts along axis {axis}."
            )
        sizes[axis] //= parts
    return tuple(sizes)


def _shard_map(functions: tuple[Any], mapping: Mapped, args: tuple) -> Any:
    (fun,), outer = functions, _trace.current()
    assert outer is not None
    found = _found(fun, mapping, args, outer)
    for key in found.setting_keys:
        environ.get(key)  # the program around holds only as long as this one does
    states, written = [*found.inputs], [*found.written]
    settings = {key: environ.get(key) for key in found.setting_inputs}

    def body(args: tuple, values: list[Any], settings: dict[str, Any]) -> Any:
        trace = _PartTrace(outer, mapping)
        trace.base, trace.settings = current_trace(), dict(settings)
        trace.values.update(zip(states, values, strict=True))
        with _trace.running(trace):
            out = fun(*args)
            new = [trace.values[state] for state in written]
        if mapping.check_vma:
            for state, value in zip(written, new, strict=True):
                _check_same(state, value, mapping.states_out.of(state))
        return out, new

    values = [stored(state) for state in states]
    specs_in = [_tree(value, mapping.states_in.of(state)) for state, value in zip(states, values, strict=True)]
    specs_out = [mapping.states_out.of(state) for state in written]
    run = jax.shard_map(
        body, mesh=mapping.mesh, in_specs=(_of_args(mapping.in_specs, args), specs_in, P()),
        out_specs=(mapping.out_specs, specs_out), check_vma=mapping.check_vma,
    )  # fmt: skip
    out, new = run(args, values, settings)
    for state, value in zip(written, new, strict=True):
        store(state, in_form_of(state, value))
    return out


def _found(fun: Callable[..., Any], mapping: Mapped, args: tuple, outer: Trace) -> Trace:
    """What the function reads and writes: it runs once on the shapes of parts."""
    trace = _PartTrace(outer, mapping)
    specs = jax.tree.broadcast(_of_args(mapping.in_specs, args), args, is_leaf=lambda x: isinstance(x, P))
    parts = jax.tree.map(
        lambda x, spec: jax.ShapeDtypeStruct(part_shape(x.shape, spec, mapping.mesh, "an argument"), x.dtype),
        args, specs,
    )  # fmt: skip

    def run(*parts: Any) -> Any:
        trace.base = current_trace()
        with _trace.running(trace):
            return fun(*parts)

    with named_axes(dict(mapping.mesh.shape)):
        jax.make_jaxpr(run)(*parts)
    return trace


def _of_args(in_specs: Any, args: tuple) -> tuple[Any, ...]:
    return (in_specs,) * len(args) if isinstance(in_specs, P) else tuple(in_specs)


def _tree(value: Any, spec: P) -> Any:
    return jax.tree.map(lambda _: spec, value)


def _check_same(state: State, value: Any, spec: P) -> None:
    """Refuse a State that is the same on all devices by its spec, but not by how it was written."""
    named = {name for names in spec for name in ((names,) if isinstance(names, str) else names or ())}
    for leaf in jax.tree.leaves(value):
        if more := varying_axes(leaf) - named:
            raise ValueError(
                f"{state.path} was given a value that differs between devices along {sorted(map(str, more))}, but "
                f"by its spec {spec} it is the same on all of them. Combine the parts, by jax.lax.psum or all_gather, "
                "or name the axis in state_out_specs."
            )
