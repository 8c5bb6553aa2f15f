"""Functions that work on all States of a model, once for each of many lanes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from .._flushed_state import BackendState
from .._init_states import call_all_fns, join
from .._module import Module
from .._state import State
from .._weights import Weights
from ..transform._vmap import vmap_call

M = TypeVar("M", bound=Module)


def vmap_init_all_states(
    target: M,
    *args: Any,
    axis_size: int,
    node_to_exclude: Any = None,
    state_to_exclude: Any = None,
    state_tag: str | None = None,
    **kwargs: Any,
) -> M:
    """`init_all_states` once for each of `axis_size` lanes; States get the lanes as their first axis.

    Random initial values differ between lanes. States that pass the filter `state_to_exclude` get no lanes; the others
    get the tag `state_tag`.
    """
    return _call_in_lanes(
        target, "init_state", args, kwargs, axis_size, node_to_exclude, state_tag, state_to_exclude=state_to_exclude
    )


def vmap_reset_all_states(
    target: M, *args: Any, axis_size: int, node_to_exclude: Any = None, state_tag: str | None = None, **kwargs: Any
) -> M:
    """`reset_all_states` once for each of `axis_size` lanes; options as in `vmap_init_all_states`."""
    return _call_in_lanes(target, "reset_state", args, kwargs, axis_size, node_to_exclude, state_tag)


def vmap_call_all_fns(
    target: M,
    fn_name: str,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    axis_size: int | None = None,
    node_to_exclude: Any = None,
    state_tag: str | None = None,
    fn_if_not_exist: str = "raise",
) -> M:
    """`call_all_fns` once for each of `axis_size` lanes: States that are made, or given a value unread, get lanes."""
    return _call_in_lanes(target, fn_name, args, kwargs, axis_size, node_to_exclude, state_tag, fn_if_not_exist)


def _call_in_lanes(
    target: M,
    fn_name: str,
    args: Any,
    kwargs: Mapping[str, Any] | None,
    axis_size: int | None,
    node_to_exclude: Any,
    state_tag: str | None,
    fn_if_not_exist: str = "raise",
    state_to_exclude: Any = None,
) -> M:
    if isinstance(axis_size, bool) or not hasattr(axis_size, "__index__") or int(axis_size) < 1:  # type: ignore[arg-type]
        raise ValueError(f"axis_size must be a whole number of at least 1; given {axis_size!r}.")
    for path, state in target.states().items():
        if isinstance(state, Weights) and state.learned_in is not None:
            raise ValueError(
                f"{join(path)} learns, and all lanes would share it, so that none could learn on its own. "
                "Run one model after the other."
            )

    def has_lanes(written: Iterable[State]) -> set[State]:
        excluded = set(target.states(state_to_exclude).values())
        return {s for s in written if (s.of if isinstance(s, BackendState) else s) not in excluded}

    def call() -> None:
        call_all_fns(target, fn_name, args, kwargs, node_to_exclude, fn_if_not_exist)

    vmap_call(call, int(axis_size), has_lanes, state_tag)  # type: ignore[arg-type]
    return target
