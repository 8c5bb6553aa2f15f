"""`vmap`: one call for many lanes, with States that have one value per lane."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._errors import BatchAxisError
from .._jax import named_axis
from .._state import State
from . import _eager
from ._traced import Traced, trace_function


class _Config(NamedTuple):
    in_axes: Any
    out_axes: Any
    axis_size: int | None
    options: tuple[tuple[str, Any], ...]
    in_state_axes: tuple[int, ...]


def vmap(
    fn: Callable[..., Any] | None = None,
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: str | None = None,
    axis_size: int | None = None,
    spmd_axis_name: str | None = None,
    in_states: Any = None,
    out_states: Any = None,
) -> Any:
    """`fn` for many lanes at once. Also a decorator.

    States named in `in_states` hold one value per lane; those in `out_states` (by default the same) receive one per
    lane. Other States are shared: `fn` may read them, and write them only values that are equal in all lanes.
    A random state is split, so that every lane draws its own numbers.

    | name | meaning |
    |---|---|
    | `in_axes`, `out_axes`, `axis_name`, `axis_size`, `spmd_axis_name` | as in `jax.vmap` |
    | `in_states`, `out_states` | a State, a list or dict of States (lanes on axis 0), or a dict {axis: those} |

    Raises BatchAxisError when a State that is not in `out_states` is written with values that differ between lanes.
    """
    if fn is None:
        return functools.partial(
            vmap,
            in_axes=in_axes,
            out_axes=out_axes,
            axis_name=axis_name,
            axis_size=axis_size,
            spmd_axis_name=spmd_axis_name,
            in_states=in_states,
            out_states=out_states,
        )
    ins = _by_axis(in_states)
    outs = {**ins, **_by_axis(out_states)}
    options = (("axis_name", axis_name), ("spmd_axis_name", spmd_axis_name))
    axes = jax.tree.map(lambda x: x, in_axes) if not isinstance(in_axes, list) else tuple(in_axes)
    config = _Config(axes, out_axes, axis_size, options, tuple(ins.values()))

    @functools.wraps(fn)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _eager.run(_vmap, (fn, list(ins), list(outs), tuple(outs.values())), config, (args, kwargs))

    return mapped


def vmap_call(
    fn: Callable[[], None], axis_size: int, has_lanes: Callable[[Iterable[State]], Collection[State]]
) -> Collection[State]:
    """Call `fn` once per lane; of the States that it writes or makes, those that `has_lanes` chooses get an axis 0."""
    config = _Config(0, 0, axis_size, (("axis_name", None),), ())
    chosen: Collection[State] = ()

    def axes_of(written: Iterable[State]) -> dict[State, int]:
        nonlocal chosen
        chosen = has_lanes(written)
        return dict.fromkeys(chosen, 0)

    _map_lanes(fn, [], axes_of, config, ((), {}))
    return chosen


def _by_axis(states: Any) -> dict[State, int]:
    if states is None:
        return {}
    if isinstance(states, dict) and states and all(isinstance(axis, int) for axis in states):
        return {state: axis for axis, group in states.items() for state in _states_in(group)}
    return dict.fromkeys(_states_in(states), 0)


def _states_in(group: Any) -> list[State]:
    leaves = jax.tree.leaves(group)
    for leaf in leaves:
        if not isinstance(leaf, State):
            raise TypeError(f"vmap: in_states and out_states name States; given {leaf!r}.")
    return leaves


def _vmap(functions: tuple, config: _Config, call: tuple) -> Any:
    fn, in_states, out_states, out_axes = functions
    declared = dict(zip(out_states, out_axes, strict=True))
    return _map_lanes(fn, in_states, lambda _: declared, config, call, [s for s in out_states if s not in in_states])


def _map_lanes(
    fn: Any,
    in_states: list[State],
    axes_of: Callable[..., Any],
    config: _Config,
    call: tuple,
    gain_lanes: Collection[State] = (),
) -> Any:
    """`axes_of` the written States tells where those that have lanes have them; some may `gain_lanes`."""
    args, kwargs = call
    arg_axes = _flat_axes(config.in_axes, args)
    size = _axis_size(config, args, arg_axes, kwargs, in_states)
    lanes = dict(zip(in_states, config.in_state_axes, strict=True))
    example = jax.tree.unflatten(
        jax.tree.structure((args, kwargs)), _drop_axes(jax.tree.leaves((args, kwargs)), _all_axes(arg_axes, kwargs))
    )
    with named_axis(dict(config.options)["axis_name"], size):
        traced = trace_function(fn, *example, keep_created=True, lanes=lanes, unformed=gain_lanes)
    values, state_axes, keys = _split_keys(traced, traced.state_values(), [lanes.get(s) for s in traced.states], size)
    declared = axes_of([state for state in traced.written if state not in keys])
    written_axes = [0 if state in keys else declared.get(state) for state in traced.written]
    ins = (_all_axes(arg_axes, kwargs), state_axes)
    outs, new = _mapped(traced, config, size, ins, written_axes)(jax.tree.leaves((args, kwargs)), values)
    for state, value in zip(traced.written, new, strict=True):
        state.kept = keys.get(state, value)
    return traced.result(outs)


def _mapped(traced: Traced, config: _Config, size: int, ins: Any, written_axes: list[int | None]) -> Callable:
    settings, options = traced.setting_values(), dict(config.options)
    out_axes = _spread(config.out_axes, traced.result(range(traced.num_out)))

    def lane(leaves: Any, states: Any) -> Any:
        outs, new = traced.run(leaves, states, settings)
        return outs, traced.unpack(new)

    def run(leaves: Any, states: Any) -> Any:
        try:
            return jax.vmap(lane, ins, (out_axes, written_axes), axis_size=size, **options)(leaves, states)
        except ValueError as error:
            culprits = [
                state.path
                for i, (state, axis) in enumerate(zip(traced.written, written_axes, strict=True))
                if axis is None and not is_shared(i, leaves, states)
            ]
            raise _undeclared(culprits) if culprits else error from error

    def is_shared(i: int, leaves: Any, states: Any) -> bool:
        one = jax.vmap(lambda *inputs: lane(*inputs)[1][i], ins, None, axis_size=size, **options)
        try:
            jax.eval_shape(one, leaves, states)
        except ValueError:
            return False
        return True

    return run


def _undeclared(names: list[str]) -> BatchAxisError:
    return BatchAxisError(
        f"Inside vmap {', '.join(names)} {'receives' if len(names) == 1 else 'receive'} values that differ between "
        "lanes, but one value is kept. Name such States in out_states (and in in_states if they hold lanes already)."
    )


def _split_keys(traced: Traced, values: list[Any], axes: list[int | None], size: int) -> Any:
    """Random keys, one for each lane, and the keys that the random States hold afterwards."""
    from ..random import RandomState

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


def _axis_size(config: _Config, args: tuple, axes: list[Any], kwargs: dict, in_states: list[State]) -> int:
    mapped = list(zip(jax.tree.leaves((args, kwargs)), _all_axes(axes, kwargs), strict=True))
    for state, axis in zip(in_states, config.in_state_axes, strict=True):
        mapped += [(leaf, axis) for leaf in jax.tree.leaves(state.kept)]
    sizes = {_size_along(leaf, axis) for leaf, axis in mapped if axis is not None}
    if config.axis_size is not None:
        if not hasattr(config.axis_size, "__index__") or config.axis_size < 0:
            raise ValueError(f"vmap: axis_size must be a number of lanes, not negative; given {config.axis_size!r}.")
        sizes.add(config.axis_size)
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
