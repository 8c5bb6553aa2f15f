"""Dynamics: a Module of a given size, with functions that run before and after each of its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from .._desc import Desc
from .._module import Module

T = TypeVar("T")


class Dynamics(Module):
    """Base of Modules that have a size and are stepped by calls.

    | name | meaning | default |
    |---|---|---|
    | `in_size` | the shape of the population; also `out_size` and `varshape` | None |
    | `name` | a name for messages | the attribute that holds it |

    A call runs the functions of `before_updates` without arguments, then `update`, then the functions of
    `after_updates` with what `update` returned, each in the order in which they were added. Modules among them are
    part of the model: `init_all_states` makes their States.
    """

    before_updates: Mapping[Any, Callable[..., Any]] = MappingProxyType({})
    after_updates: Mapping[Any, Callable[..., Any]] = MappingProxyType({})

    def __init__(self, in_size: Any = None, name: str | None = None):
        super().__init__(name)
        if in_size is not None:
            self.in_size = self.out_size = in_size

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for before in self.before_updates.values():
            before(*args, **kwargs) if getattr(before, "_receive_update_input", False) else before()
        output = super().__call__(*args, **kwargs)
        for after in self.after_updates.values():
            after() if getattr(after, "_not_receive_update_output", False) else after(output)
        return output

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of the population."""
        if self.in_size is None:
            raise AttributeError(f"{self.path} has no varshape, as it was given no in_size.")
        return self.in_size

    def add_before_update(self, key: Any, fun: Callable[..., Any]) -> None:
        """Run `fun` at the start of every call."""
        self.before_updates = _added(self.before_updates, key, fun, f"{self.path}.before_updates")

    def add_after_update(self, key: Any, fun: Callable[..., Any]) -> None:
        """Run `fun` at the end of every call."""
        self.after_updates = _added(self.after_updates, key, fun, f"{self.path}.after_updates")

    def get_before_update(self, key: Any) -> Callable[..., Any]:
        """The function under `key` that runs at the start of every call."""
        return _found(self.before_updates, key, f"{self.path}.before_updates")

    def get_after_update(self, key: Any) -> Callable[..., Any]:
        """The function under `key` that runs at the end of every call."""
        return _found(self.after_updates, key, f"{self.path}.after_updates")

    def has_before_update(self, key: Any) -> bool:
        """Whether a function runs under `key` at the start of every call."""
        return key in self.before_updates

    def has_after_update(self, key: Any) -> bool:
        """Whether a function runs under `key` at the end of every call."""
        return key in self.after_updates

    def align_pre(self, dyn: Any) -> Any:
        """Run `dyn` on the output of every call; equal descriptions share one Module."""
        key = dyn if isinstance(dyn, Desc) else id(dyn)
        if not self.has_after_update(key):
            self.add_after_update(key, dyn() if isinstance(dyn, Desc) else dyn)
        return self.get_after_update(key)


def _added(functions: Mapping[Any, Any], key: Any, fun: Any, where: str) -> dict[Any, Any]:
    if not callable(fun):
        raise TypeError(f"{where}[{key!r}] must be a function; given {fun!r}.")
    if key in functions:
        raise KeyError(f"{where} has a function under {key!r} already; choose another key.")
    return {**functions, key: fun}


def _found(functions: Mapping[Any, Any], key: Any, where: str) -> Any:
    if key not in functions:
        raise KeyError(f"{where} has no function under {key!r}; it has {', '.join(map(repr, functions)) or 'none'}.")
    return functions[key]


def receive_update_input(function: T) -> T:
    """Mark a function of `before_updates`: it is called with the arguments of the call."""
    function._receive_update_input = True  # type: ignore[attr-defined]
    return function


def not_receive_update_input(function: T) -> T:
    """Mark a function of `before_updates`: it is called without arguments, which is the default."""
    function._receive_update_input = False  # type: ignore[attr-defined]
    return function


def receive_update_output(function: T) -> T:
    """Mark a function of `after_updates`: it is called with the result of `update`, which is the default."""
    function._not_receive_update_output = False  # type: ignore[attr-defined]
    return function


def not_receive_update_output(function: T) -> T:
    """Mark a function of `after_updates`: it is called without arguments."""
    function._not_receive_update_output = True  # type: ignore[attr-defined]
    return function
