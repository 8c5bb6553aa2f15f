"""Functions that work on all States of a model."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from . import _mesh
from ._errors import ShapeError
from ._flushed_state import flush
from ._keywords import check_names
from ._module import Module
from ._state import State
from ._trace import spec_of, stored
from .util.filter import to_predicate

M = TypeVar("M", bound=Module)
F = TypeVar("F", bound=Callable[..., Any])


def init_all_states(target: M, *args: Any, node_to_exclude: Any = None, **kwargs: Any) -> M:
    """Call `init_state(*args, **kwargs)` of every Module in `target` and return `target`.

    With `batch_size=n`, States get a first axis of n samples. Called again it resets the model: the State objects
    stay and receive their initial values, also for functions that were compiled before. Modules that pass the filter
    `node_to_exclude` are left out.

    >>> neuron = sl.nn.init_all_states(sl.LIF(3), batch_size=2)
    >>> neuron.V.value.shape
    (2, 3)
    """
    return call_all_fns(target, "init_state", args, kwargs, node_to_exclude)


def reset_all_states(target: M, *args: Any, node_to_exclude: Any = None, **kwargs: Any) -> M:
    """Call `reset_state(*args, **kwargs)` of every Module in `target` and return `target`."""
    return call_all_fns(target, "reset_state", args, kwargs, node_to_exclude)


def call_order(level: int = 0, check_order_boundary: bool = True) -> Callable[[F], F]:
    """A decorator: `call_all_fns` and its relatives call this method after those of lower levels.

    Methods without it come before those of level 0; those of projections have level 2, those of delays level 3. With
    `check_order_boundary`, a level outside of 0 to 9 is a ValueError.
    """
    if check_order_boundary and not 0 <= level <= 9:
        raise ValueError(f"call_order: a level is a whole number from 0 to 9; given {level!r}.")

    def mark(fun: F) -> F:
        fun.call_order = level  # type: ignore[attr-defined]
        return fun

    return mark


def call_all_fns(
    target: M,
    fn_name: str,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    node_to_exclude: Any = None,
    fn_if_not_exist: str = "raise",
) -> M:
    """Call the method `fn_name` of every Module in `target` and return `target`.

    | name | meaning | default |
    |---|---|---|
    | `args`, `kwargs` | arguments of the method; one that is no tuple is the only one | none |
    | `node_to_exclude` | Modules that pass this filter are left out | none |
    | `fn_if_not_exist` | what a Module without the method does: 'raise', 'warn', 'pass' or 'none' | 'raise' |

    Lower levels of `call_order` come first, then the order in which the Modules were added.
    """
    if not isinstance(target, Module):
        raise TypeError(f"Expected a Module (a neuron, a projection, a network); given {target!r}.")
    if fn_if_not_exist not in ("raise", "warn", "pass", "none"):
        raise ValueError(f"fn_if_not_exist must be 'raise', 'warn', 'pass' or 'none'; given {fn_if_not_exist!r}.")
    if kwargs:
        _check_keywords(target, fn_name, kwargs)
    args = args if isinstance(args, (tuple, list)) else (args,)
    excluded = to_predicate(node_to_exclude)
    calls = [
        (_level(node, method), method)
        for path, node in target.nodes().items()
        if not excluded(path, node) and (method := _method(node, fn_name, fn_if_not_exist)) is not None
    ]
    for _, method in sorted(calls, key=lambda call: call[0]):
        method(*args, **(kwargs or {}))
    return target


def _check_keywords(target: Module, fn_name: str, given: Iterable[str]) -> None:
    """Refuse a keyword that no method of this name takes: all of them would ignore it."""
    taken: dict[str, None] = {}
    for node in {type(node): node for node in target.nodes().values()}.values():
        handler = _handler(node, fn_name)
        for name, parameter in inspect.signature(handler).parameters.items() if handler else ():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD and name.strip("_"):
                return  # it may use any keyword
            if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
                taken[name] = None
    check_names(given, taken, f"{fn_name} of {target.path}")


def _handler(node: Module, name: str) -> Any:
    if name == "reset_state" and type(node).reset_state is Module.reset_state:
        return node.init_state  # to which it hands everything on
    return getattr(node, name, None)


def _method(node: Module, name: str, if_not_exist: str) -> Callable[..., Any] | None:
    method = getattr(node, name, None)
    if callable(method):
        return method
    message = f"{node.path} ({type(node).__name__}) has no method {name!r}."
    if if_not_exist == "raise":
        raise AttributeError(f"{message} Write one, or pass fn_if_not_exist='pass'.")
    if if_not_exist == "warn":
        warnings.warn(message, stacklevel=4)
    return None


def _level(node: Module, method: Any) -> tuple[int, bool]:
    level = getattr(method, "call_order", None)
    return (node.call_level, False) if level is None else (level, True)


def save_states(target: Module, *filters: Any) -> dict[str, Any]:
    """{path: value} of the States of `target`, or of those that pass the filters; a plain dict to store as you like.

    Inside of `sl.parallel.mesh()` the values are whole, as those of one device, and on every process; so they can be
    loaded on any number of devices.
    """
    found, mesh = target.states(filters or ...), _mesh.current()
    flush(found.values())
    return {join(path): stored(state) if mesh is None else mesh.read(state) for path, state in found.items()}


def load_states(target: Module, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Put the values of `save_states` back; return (paths that the model lacks, paths that `values` lacks).

    Raises ShapeError, before anything changes, if a value has another structure, unit, shape or dtype than its State.
    """
    states: dict[str, State] = {join(path): state for path, state in target.states().items()}
    mesh = _mesh.current()
    for path in sorted(states.keys() & values.keys()):
        present = stored(states[path]) if mesh is None else mesh.read(states[path])
        old, new = (spec_of(value, path) for value in (present, values[path]))
        if old != new:
            raise ShapeError(f"load_states: {states[path].path} holds {old}; given {new}. Nothing was loaded.")
    for path in sorted(states.keys() & values.keys()):  # processes do so together
        states[path].value = values[path] if mesh is None else mesh.cut_value(states[path], values[path])
    return sorted(values.keys() - states.keys()), sorted(states.keys() - values.keys())


def assign_state_values(target: Module, *state_by_abs_path: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
    """`load_states` from one or more {path: value}, of which a later one wins; arrays may be those of NumPy.

    A path is a text such as `'layers.0.weight'`, or a tuple as in `Module.states`.
    """
    given = {
        join(path) if isinstance(path, tuple) else str(path): jax.tree.map(jnp.asarray, value)
        for values in state_by_abs_path
        for path, value in values.items()
    }
    return load_states(target, given)


def join(path: tuple[Any, ...]) -> str:
    """A path in a model as a text."""
    return ".".join(map(str, path))
