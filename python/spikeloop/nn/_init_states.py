"""Functions that work on all States of a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, TypeVar

from .._errors import ShapeError
from .._keywords import check_names
from .._state import State, present_values
from .._trace import spec_of
from ._module import Module

M = TypeVar("M", bound=Module)


def init_all_states(target: M, *args: Any, node_to_exclude: Any = None, **kwargs: Any) -> M:
    """Call `init_state(*args, **kwargs)` of every Module in `target` and return `target`.

    With `batch_size=n`, States get a first axis of n samples. Called again it resets the model: the State objects
    stay and receive their initial values, also for functions that were compiled before.
    """
    return call_all_fns(target, "init_state", args, kwargs, node_to_exclude=node_to_exclude)


def reset_all_states(target: M, *args: Any, node_to_exclude: Any = None, **kwargs: Any) -> M:
    """Call `reset_state(*args, **kwargs)` of every Module in `target` and return `target`."""
    return call_all_fns(target, "reset_state", args, kwargs, node_to_exclude=node_to_exclude)


def call_all_fns(
    target: M,
    fn_name: str,
    args: Iterable[Any] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    node_to_exclude: Any = None,
) -> M:
    """Call the method `fn_name` of every Module in `target`, by `call_level` and then in the order they were added."""
    if not isinstance(target, Module):
        raise TypeError(f"Expected a Module (a neuron, a projection, a network); given {target!r}.")
    if kwargs:
        _check_keywords(target, fn_name, kwargs)
    nodes = sorted(target.nodes().values(), key=lambda node: node.call_level)
    for node in nodes:
        if node_to_exclude is None or not _excluded(node, node_to_exclude):
            getattr(node, fn_name)(*args, **(kwargs or {}))
    return target


def _check_keywords(target: Module, fn_name: str, given: Iterable[str]) -> None:
    """Refuse a keyword that no method of this name takes: all of them would ignore it."""
    taken: dict[str, None] = {}
    for node in {type(node): node for node in target.nodes().values()}.values():
        for name, parameter in inspect.signature(_method(node, fn_name)).parameters.items():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD and name.strip("_"):
                return  # it may use any keyword
            if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
                taken[name] = None
    check_names(given, taken, f"{fn_name} of {target.path}")


def _method(node: Module, name: str) -> Any:
    if name == "reset_state" and type(node).reset_state is Module.reset_state:
        return node.init_state  # to which it hands everything on
    return getattr(node, name)


def _excluded(node: Module, criterion: Any) -> bool:
    return isinstance(node, criterion) if isinstance(criterion, (type, tuple)) else bool(criterion(node))


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

    Random initial values differ between lanes. States that pass the filter `state_to_exclude` get no lanes.
    """
    from ..transform._vmap import vmap_call

    for path, state in target.states().items():
        if state.learns_in is not None:
            raise ValueError(
                f"vmap_init_all_states: {_join(path)} learns, and all lanes would share it, so that none could learn "
                "on its own. Run one model after the other."
            )

    def has_lanes(written: Iterable[State]) -> set[State]:
        excluded = set() if state_to_exclude is None else set(target.states(state_to_exclude).values())
        return set(written) - excluded

    def init() -> None:
        init_all_states(target, *args, node_to_exclude=node_to_exclude, **kwargs)

    for state in vmap_call(init, axis_size, has_lanes):
        if state_tag is not None:
            state.add_tag(state_tag)
    return target


def save_states(target: Module, *filters: Any) -> dict[str, Any]:
    """{path: value} of the States of `target`, or of those that pass the filters; a plain dict to store as you like."""
    found = target.states(filters or ...)
    return dict(zip(map(_join, found), present_values(found.values()), strict=True))


def load_states(target: Module, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Put the values of `save_states` back; return (paths that the model lacks, paths that `values` lacks).

    Raises ShapeError, before anything changes, if a value has another structure, unit, shape or dtype than its State.
    """
    states: dict[str, State] = {_join(path): state for path, state in target.states().items()}
    for path in sorted(states.keys() & values.keys()):
        old, new = (spec_of(value, path) for value in (states[path].kept, values[path]))
        if old != new:
            raise ShapeError(f"load_states: {states[path].path} holds {old}; given {new}. Nothing was loaded.")
    present_values(states.values())  # nothing that was put off may change what is loaded
    for path in states.keys() & values.keys():
        states[path].kept = values[path]
    return sorted(values.keys() - states.keys()), sorted(states.keys() - values.keys())


def _join(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))
