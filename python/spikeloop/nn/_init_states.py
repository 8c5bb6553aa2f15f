"""Functions that work on all States of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import jax

from .._errors import ShapeError
from .._state import State
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
    nodes = sorted(target.nodes().values(), key=lambda node: node.call_level)
    for node in nodes:
        if node_to_exclude is None or not _excluded(node, node_to_exclude):
            getattr(node, fn_name)(*args, **(kwargs or {}))
    return target


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

    shared = target.states(state_to_exclude).values() if state_to_exclude is not None else ()
    vmap_call(lambda: _no_result(init_all_states, target, args, kwargs, node_to_exclude), axis_size, shared)
    if state_tag is not None:
        for state in target.states().values():
            state.add_tag(state_tag)
    return target


def _no_result(fun: Callable[..., Any], target: Module, args: Any, kwargs: Any, excluded: Any) -> None:
    fun(target, *args, node_to_exclude=excluded, **kwargs)


def save_states(target: Module, *filters: Any) -> dict[str, Any]:
    """{path: value} of the States of `target`, or of those that pass the filters; a plain dict to store as you like."""
    return {_join(path): state.value for path, state in target.states(*filters or (...,)).items()}


def load_states(target: Module, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Put the values of `save_states` back; return (paths that the model lacks, paths that `values` lacks).

    Raises ShapeError, before anything is changed, if a value has another structure, unit or shape than its State.
    """
    states: dict[str, State] = {_join(path): state for path, state in target.states().items()}
    for path in states.keys() & values.keys():
        old, new = (_shape(v) for v in (states[path].value, values[path]))
        if old != new:
            raise ShapeError(
                f"load_states: {states[path].path} holds {old[1]} as {old[0]}; given {new[1]} as {new[0]}."
            )
    for path in states.keys() & values.keys():
        states[path].value = values[path]
    return sorted(values.keys() - states.keys()), sorted(states.keys() - values.keys())


def _join(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _shape(value: Any) -> tuple[Any, list[tuple[int, ...]]]:
    leaves, tree = jax.tree.flatten(value)
    return tree, [jax.numpy.shape(leaf) for leaf in leaves]
