"""Looking at a function without running it: its program, its shapes, the States that it uses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import jax

from .._flushed_state import BackendState
from .._jax import ClosedJaxpr
from .._state import State
from .._trace import Spec
from ..util.filter import to_predicate
from ._static import fix_static, resolve
from ._traced import Traced, trace_function


def make_jaxpr(
    fun: Callable[..., Any],
    static_argnums: int | Sequence[int] | None = None,
    static_argnames: str | Sequence[str] | None = None,
) -> Callable[..., tuple[ClosedJaxpr, tuple[State, ...]]]:
    """A function that returns (the program of `fun` for these arguments, the States that it reads or writes).

    `static_argnums` and `static_argnames` name arguments used by value, as in `jit`.
    """
    nums, names = resolve(fun, (static_argnums, static_argnames), "static")

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> tuple[ClosedJaxpr, tuple[State, ...]]:
        dynamic, _, args, kwargs = fix_static(fun, nums, names, args, kwargs)
        traced = trace_function(dynamic, args, kwargs)
        return traced.jaxpr, _states_of(traced)

    return wrapped


def eval_shape(fun: Callable[..., Any], *args: Any, return_state_shapes: bool = False, **kwargs: Any) -> Any:
    """The structure, shapes and dtypes of `fun(*args, **kwargs)`; no State changes.

    With `return_state_shapes` the result is ({State: its structure, shapes and dtypes afterwards}, that of `fun`), for
    every State that `fun` reads or writes.
    """
    traced = trace_function(fun, args, kwargs)
    out = _structs(traced.out_tree, traced.jaxpr.out_avals[: traced.num_out])
    if not return_state_shapes:
        return out
    specs: dict[State, Spec] = dict(zip(traced.states, traced.state_specs, strict=True))
    specs.update(zip(traced.written, traced.written_specs, strict=True))
    return {state: _structs(spec.tree, spec.avals) for state, spec in specs.items()}, out


class StateFinder:
    """Finds the States that a function uses: `StateFinder(f)(*args)` traces `f(*args)` and changes no State.

    | name | meaning | default |
    |---|---|---|
    | `fn` | the function | |
    | `filter` | only States that pass it, as in `Module.states`; its path is empty | all |
    | `usage` | 'read': used but not written; 'write': written; 'all': both; 'both': {'read': …, 'write': …} | 'all' |
    | `return_type` | 'dict', 'list' or 'tuple' | 'dict' |
    | `key_fn` | the key of a State in the dict: `key_fn(index, state)` | the index |

    Keys that occur twice, or are None, become the name of the State, with a number where that occurs twice.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        filter: Any = ...,
        *,
        usage: Literal["all", "read", "write", "both"] = "all",
        return_type: Literal["dict", "list", "tuple"] = "dict",
        key_fn: Callable[[int, State], Hashable] | None = None,
    ):
        for name, given, choices in (("usage", usage, _USAGES), ("return_type", return_type, _CONTAINERS)):
            if given not in choices:
                raise ValueError(f"StateFinder: {name} must be one of {choices}; given {given!r}.")
        self.fn = fn
        self._passes = to_predicate(... if filter is None else filter)
        self._usage, self._return_type, self._key_fn = usage, return_type, key_fn

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.find(*args, **kwargs)

    def find(self, *args: Any, **kwargs: Any) -> Any:
        """The States that `fn(*args, **kwargs)` uses."""
        traced = trace_function(self.fn, args, kwargs)
        found = [state for state in _states_of(traced) if not isinstance(state, BackendState)]
        states = [state for state in found if self._passes((), state)]
        written = [state for state in states if state in traced.written]
        read = [state for state in states if state not in traced.written]
        by_usage = {"all": states, "read": read, "write": written}
        if self._usage == "both":
            return {usage: self._arrange(by_usage[usage]) for usage in ("read", "write")}
        return self._arrange(by_usage[self._usage])

    def _arrange(self, states: list[State]) -> Any:
        if self._return_type != "dict":
            return states if self._return_type == "list" else tuple(states)
        found: dict[Hashable, State] = {}
        for index, state in enumerate(states):
            key = index if self._key_fn is None else self._key_fn(index, state)
            if key is None or key in found:
                name = state.name or f"state_{index}"
                key = next(k for k in (name, *(f"{name}_{n}" for n in range(1, len(states) + 1))) if k not in found)
            found[key] = state
        return found


_USAGES = ("all", "read", "write", "both")
_CONTAINERS = ("dict", "list", "tuple")


def _states_of(traced: Traced) -> tuple[State, ...]:
    return (*traced.states, *(s for s in traced.written if s not in traced.states))


def _structs(tree: Any, avals: Sequence[Any]) -> Any:
    return jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals])
