"""`vmap` and its relatives: one call of a function for many lanes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable
from typing import Any

import jax

from .._state import State
from ..util.filter import to_predicate
from . import _eager
from ._lanes import Axes, Chosen, made_anew, map_lanes
from ._loops import check_length, for_loop
from ._traced import Traced


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
    | `in_states`, `out_states` | a State, a pytree of States or a filter (see `sl.util`), on axis 0; or {axis: such} |

    With filters alone the number of lanes follows from the arguments or `axis_size`. Raises BatchAxisError when a
    State that is not in `out_states` is written with values that differ between lanes.

    >>> sl.transform.vmap(lambda x, y: x * y, in_axes=(0, None))(jnp.arange(3), 2).tolist()
    [0, 2, 4]
    """
    if fn is None:
        given = {k: v for k, v in locals().items() if k != "fn"}
        return functools.partial(vmap, **given)
    axes = _axes(in_axes, out_axes, axis_name, axis_size, spmd_axis_name)
    return _with_states(fn, axes, in_states, out_states, overwrites=False)


def vmap2(
    fn: Callable[..., Any] | None = None,
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: str | None = None,
    axis_size: int | None = None,
    spmd_axis_name: str | None = None,
    state_in_axes: Any = None,
    state_out_axes: Any = None,
    unexpected_out_state_mapping: str = "auto",
) -> Any:
    """`vmap` that also gives lanes to States that `fn` overwrites without reading them, where their values differ.

    | name | meaning | default |
    |---|---|---|
    | `state_in_axes`, `state_out_axes` | `in_states`, `out_states` of `vmap` | |
    | `unexpected_out_state_mapping` | 'auto', or 'raise': no State gets lanes unless it is named | 'auto' |
    | others | as in `vmap` | |
    """
    if unexpected_out_state_mapping not in ("auto", "raise"):
        raise ValueError(
            "vmap2: unexpected_out_state_mapping must be 'auto' or 'raise': a State that is read and written needs to "
            f"be named in state_in_axes and state_out_axes; given {unexpected_out_state_mapping!r}."
        )
    if fn is None:
        given = {k: v for k, v in locals().items() if k != "fn"}
        return functools.partial(vmap2, **given)
    axes = _axes(in_axes, out_axes, axis_name, axis_size, spmd_axis_name)
    return _with_states(fn, axes, state_in_axes, state_out_axes, overwrites=unexpected_out_state_mapping == "auto")


def vmap_new_states(
    fun: Callable[..., Any] | None = None,
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: str | None = None,
    axis_size: int | None = None,
    spmd_axis_name: str | None = None,
    state_tag: str | None = None,
    state_to_exclude: Any = None,
) -> Any:
    """`fun` for many lanes at once, where the States that it makes get lanes on their axis 0. Also a decorator.

    An existing State that `fun` assigns without reading it, as `init_state` does, counts as made by `fun`.
    Other States are shared, as in `vmap`. Every call runs `fun` once on abstract values.

    | name | meaning | default |
    |---|---|---|
    | `state_tag` | a tag for the States that get lanes | none |
    | `state_to_exclude` | States that pass this filter get no lanes; its path is empty | none |
    | others | as in `jax.vmap` | |
    """
    if fun is None:
        given = {k: v for k, v in locals().items() if k != "fun"}
        return functools.partial(vmap_new_states, **given)
    if axis_size is not None and axis_size < 1:
        raise ValueError(f"vmap_new_states: axis_size must be at least 1; given {axis_size}.")
    axes, excluded = _axes(in_axes, out_axes, axis_name, axis_size, spmd_axis_name), to_predicate(state_to_exclude)

    def has_lanes(states: Iterable[State]) -> set[State]:
        return {state for state in states if not excluded((), state)}

    @functools.wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _map_new(fun, axes, (args, kwargs), has_lanes, state_tag)

    return mapped


def vmap_call(
    fn: Callable[[], None],
    axis_size: int,
    has_lanes: Callable[[Iterable[State]], Collection[State]],
    state_tag: str | None,
) -> None:
    """Call `fn` once per lane; of the States that it makes, those that `has_lanes` chooses get lanes and the tag."""
    _map_new(fn, Axes(size=axis_size), ((), {}), has_lanes, state_tag)


def map(f: Callable[..., Any], *xs: Any, batch_size: int | None = None) -> Any:
    """The results of `f` for each slice of `xs` along their first axis, stacked.

    Without `batch_size` it is `for_loop`. With it, as many slices are computed at once, and `f` may draw random
    numbers but write no other State.
    """
    if batch_size is None:
        return for_loop(f, *xs)
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
        raise ValueError(f"map: batch_size must be a whole number of at least 1; given {batch_size!r}.")
    return _eager.run(_map_batches, (f,), (check_length(xs, None), int(batch_size)), xs)


def _axes(in_axes: Any, out_axes: Any, axis_name: Any, axis_size: int | None, spmd_axis_name: Any) -> Axes:
    ins = tuple(in_axes) if isinstance(in_axes, list) else jax.tree.map(lambda x: x, in_axes)
    return Axes(ins, out_axes, axis_size, (("axis_name", axis_name), ("spmd_axis_name", spmd_axis_name)))


def _with_states(fn: Callable[..., Any], axes: Axes, in_states: Any, out_states: Any, overwrites: bool) -> Any:
    in_groups, in_axes = _groups(in_states)
    out_groups, out_axes = _groups(out_states)
    functions = fn, in_groups, [*out_groups, *in_groups]
    config = axes, in_axes, (*out_axes, *in_axes), overwrites

    @functools.wraps(fn)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _eager.run(_vmap, functions, config, (args, kwargs))

    return mapped


def _groups(states: Any) -> tuple[list[Any], tuple[int | None, ...]]:
    """(lists of States and filters, the axis of each)."""
    if states is None:
        return [], ()
    by_axis = isinstance(states, dict) and states and all(isinstance(axis, int | None) for axis in states)
    given = states if by_axis else {0: states}
    return [_group(group) for group in given.values()], tuple(given)


def _group(group: Any) -> Any:
    leaves = jax.tree.leaves(group)
    if leaves and all(isinstance(leaf, State) for leaf in leaves):
        return leaves
    return to_predicate(group)


def _vmap(functions: tuple, config: tuple, call: tuple) -> Any:
    fn, in_groups, out_groups = functions
    axes, in_axes, out_axes, overwrites = config
    declared = Chosen(out_groups, out_axes)

    def axis_of(state: State, _: Traced) -> int | None:
        return declared.get(state)

    def if_they_differ(state: State, traced: Traced) -> int | None:
        return 0 if overwrites and made_anew(state, traced) else None

    gain_lanes = _EveryState() if overwrites else declared
    return map_lanes(fn, Chosen(in_groups, in_axes), axis_of, axes, call, if_they_differ, gain_lanes)


class _EveryState:
    def __contains__(self, _: object) -> bool:
        return True


def _map_new(
    fn: Any, axes: Axes, call: tuple, has_lanes: Callable[[Iterable[State]], Collection[State]], tag: str | None
) -> Any:
    chosen: Collection[State] = ()

    def axis_of(state: State, traced: Traced) -> int | None:
        nonlocal chosen
        chosen = chosen or has_lanes(s for s in traced.written if made_anew(s, traced))
        return 0 if state in chosen else None

    result = map_lanes(fn, {}, axis_of, axes, call, gain_lanes=_EveryState())
    for state in chosen:
        if tag is not None:
            state.add_tag(tag)
    return result


def _map_batches(functions: tuple[Any], config: tuple[int, int], xs: tuple) -> Any:
    (f,), (length, size) = functions, config
    whole = length // size * size

    def batch(*parts: Any) -> Any:
        return map_lanes(f, {}, _refuse, Axes(), (parts, {}))

    if whole == 0:
        return batch(*xs)
    head = jax.tree.map(lambda x: x[:whole].reshape(-1, size, *x.shape[1:]), xs)
    ys = jax.tree.map(lambda y: y.reshape(whole, *y.shape[2:]), for_loop(batch, *head))
    if whole == length:
        return ys
    rest = batch(*jax.tree.map(lambda x: x[whole:], xs))
    return jax.tree.map(lambda a, b: jax.numpy.concatenate([a, b]), ys, rest)


def _refuse(state: State, traced: Traced) -> None:
    raise ValueError(
        f"map: {traced.name} writes {state.path}, so its calls must follow each other. "
        "Leave out batch_size, or use vmap."
    )
