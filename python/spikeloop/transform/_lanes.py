"""One call of a function for many lanes, with States that have one value for each lane."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._errors import BatchAxisError
from .._flushed_state import BackendState
from .._jax import differ_between_lanes, named_axis
from .._state import State
from .._trace import store, stored
from ..random import RandomState
from ..util.filter import to_predicate
from ._traced import Traced, trace_function


class Axes(NamedTuple):
    """The lanes of arguments and results, as in `jax.vmap`."""

    ins: Any = 0
    outs: Any = 0
    size: int | None = None
    options: tuple[tuple[str, Any], ...] = (("axis_name", None),)


class Chosen(Mapping[State, int]):
    """{State: axis of its lanes}; a State that is chosen by a filter is found when it is first asked for."""

    def __init__(self, groups: Sequence[Any], axes: Sequence[int | None]):
        self._known: dict[State, int | None] = {}
        self._filters: list[tuple[Any, int | None]] = []
        for group, axis in zip(groups, axes, strict=True):
            if isinstance(group, list):
                self._known = {**dict.fromkeys(group, axis), **self._known}
            else:
                self._filters.append((to_predicate(group), axis))

    def __getitem__(self, state: State) -> int:
        if isinstance(state, BackendState):
            return self[state.of]
        if state not in self._known:
            passed = (axis for passes, axis in self._filters if passes((), state))
            # A random state is split, so that every lane draws its own numbers.
            self._known[state] = None if isinstance(state, RandomState) else next(passed, None)
        axis = self._known[state]
        if axis is None:
            raise KeyError(state)
        return axis

    def __iter__(self) -> Iterator[State]:
        return (state for state, axis in self._known.items() if axis is not None)

    def __len__(self) -> int:
        return sum(axis is not None for axis in self._known.values())


AxisOf = Callable[[State, Traced], int | None]


def never(_state: State, _traced: Traced) -> None:
    """No State has lanes."""


def map_lanes(
    fn: Any,
    lanes: Mapping[State, int],
    axis_of: AxisOf,
    axes: Axes,
    call: tuple,
    if_they_differ: AxisOf = never,
    gain_lanes: Container[State] = (),
) -> Any:
    """`fn(*args, **kwargs)` for each lane.

    Of the States that it reads, those in `lanes` have lanes; `axis_of(state, traced)` tells where a written State gets
    them, if at all, and `if_they_differ` where others get them whose new values differ between lanes. States in
    `gain_lanes` may have lanes, or not, before the call.
    """
    args, kwargs = call
    arg_axes = _all_axes(_flat_axes(axes.ins, args), kwargs)
    leaves, tree = jax.tree.flatten((args, kwargs))
    size = _axis_size(axes, leaves, arg_axes, lanes)
    example = jax.tree.unflatten(tree, _drop_axes(leaves, arg_axes))
    with named_axis(dict(axes.options)["axis_name"], size):
        traced = trace_function(fn, *example, keep_created=True, lanes=lanes, unformed=gain_lanes)
    _axis_size(axes, leaves, arg_axes, lanes)  # again, now that filters have chosen their States
    values, state_axes, keys = _split_keys(traced, traced.state_values(), [lanes.get(s) for s in traced.states], size)
    written_axes = [0 if state in keys else axis_of(state, traced) for state in traced.written]
    outs, new = _mapped(traced, axes, size, (arg_axes, state_axes), written_axes, if_they_differ)(leaves, values)
    for state, value in zip(traced.written, new, strict=True):
        store(state, keys.get(state, value))
    return traced.result(outs)


def made_anew(state: State, traced: Traced) -> bool:
    """Whether the function makes the State or gives it a value that does not depend on the one before."""
    return state not in traced.states


def _mapped(
    traced: Traced, axes: Axes, size: int, ins: Any, written_axes: list[int | None], if_they_differ: AxisOf
) -> Callable:
    settings, options = traced.setting_values(), dict(axes.options)
    out_axes = _spread(axes.outs, traced.result(range(traced.num_out)))

    def lane(leaves: Any, states: Any) -> Any:
        outs, new = traced.run(leaves, states, settings)
        return outs, traced.unpack(new)

    def run(leaves: Any, states: Any) -> Any:
        differ = _written_differ(traced, ins, states, size, options)
        written = _with_late_ones(traced, written_axes, differ, if_they_differ)
        return jax.vmap(lane, ins, (out_axes, written), axis_size=size, **options)(leaves, states)

    return run


def _written_differ(traced: Traced, ins: Any, states: Sequence[Any], size: int, options: dict[str, Any]) -> list[bool]:
    """For each written State whether its new value differs between lanes."""
    arg_axes, state_axes = ins
    axes = [*arg_axes]
    for value, axis in zip(states, state_axes, strict=True):
        axes += [axis] * len(jax.tree.leaves(value))
    axes += [None] * (len(traced.jaxpr.in_avals) - len(axes))  # settings
    found = differ_between_lanes(traced.jaxpr, axes, size, options["axis_name"], options.get("spmd_axis_name"))
    new = traced.unpack(found[traced.num_out :])
    return [any(jax.tree.leaves(value)) for value in new]


def _with_late_ones(
    traced: Traced, written_axes: Sequence[int | None], differ: Sequence[bool], if_they_differ: AxisOf
) -> list[int | None]:
    """The axes of written States, with those of States that get lanes as their values differ."""
    axes, undeclared = [*written_axes], []
    for i, state in enumerate(traced.written):
        if axes[i] is None and differ[i]:
            axes[i] = if_they_differ(state, traced)
            undeclared += [state.path] * (axes[i] is None)
    if undeclared:
        raise _undeclared(undeclared)
    return axes


def _undeclared(names: list[str]) -> BatchAxisError:
    return BatchAxisError(
        f"Inside vmap {', '.join(names)} {'receives' if len(names) == 1 else 'receive'} values that differ between "
        "lanes, but one value is kept. Name such States in out_states (and in in_states if they hold lanes already); "
        "in vmap2 these are state_out_axes and state_in_axes."
    )


def _split_keys(traced: Traced, values: list[Any], axes: list[int | None], size: int) -> Any:
    """Random keys, one for each lane, and the keys that the random States hold afterwards."""
    keys = {}
    for i, state in enumerate(traced.states):
        if isinstance(state, RandomState) and axes[i] is None:
            keys[state], lane_keys = state.split_lanes(values[i], size)
            values[i], axes[i] = lane_keys, 0
    return values, axes, keys


def _flat_axes(in_axes: Any, args: tuple) -> list[int | None]:
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ValueError(f"vmap: in_axes={in_axes} has {len(in_axes)} entries for {len(args)} arguments.")
    return _spread(in_axes, args)


def _spread(axes: Any, tree: Any) -> list[int | None]:
    """An axis for each leaf of `tree`; an entry of `axes` stands for all leaves below its place."""
    lists = jax.tree.map(lambda axis, part: [axis] * len(jax.tree.leaves(part)), axes, tree, is_leaf=_is_none)
    return jax.tree.leaves(lists, is_leaf=_is_none)


def _is_none(x: Any) -> bool:
    return x is None


def _all_axes(arg_axes: list[Any], kwargs: dict) -> list[Any]:
    return [*arg_axes, *[0] * len(jax.tree.leaves(kwargs))]


def _drop_axes(leaves: Sequence[Any], axes: Sequence[int | None]) -> list[Any]:
    return [leaf if axis is None else _drop(leaf, axis) for leaf, axis in zip(leaves, axes, strict=True)]


def _drop(leaf: Any, axis: int) -> jax.ShapeDtypeStruct:
    shape = list(jnp.shape(leaf))
    del shape[axis]
    return jax.ShapeDtypeStruct(tuple(shape), jnp.result_type(leaf))


def _axis_size(axes: Axes, leaves: Sequence[Any], arg_axes: Sequence[int | None], lanes: Mapping[State, int]) -> int:
    mapped = [*zip(leaves, arg_axes, strict=True)]
    mapped += [(leaf, axis) for state, axis in lanes.items() for leaf in jax.tree.leaves(stored(state))]
    sizes = {_size_along(leaf, axis) for leaf, axis in mapped if axis is not None}
    if axes.size is not None:
        if not hasattr(axes.size, "__index__") or axes.size < 0:
            raise ValueError(f"vmap: axis_size must be a number of lanes, not negative; given {axes.size!r}.")
        sizes.add(axes.size)
    if len(sizes) != 1:
        raise ValueError(
            f"vmap: the number of lanes is not clear, found {sorted(sizes)}. Pass axis_size=n, or mend in_axes."
        )
    return sizes.pop()


def _size_along(leaf: Any, axis: int) -> int:
    shape = jnp.shape(leaf)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"vmap: an array of shape {shape} has no axis {axis}. Mend in_axes or in_states.")
    return shape[axis]
