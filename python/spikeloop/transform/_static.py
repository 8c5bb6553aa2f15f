"""Static arguments: used by value, not traced."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any


def resolve(fun: Callable[..., Any], given: tuple[Any, Any], kind: str) -> tuple[tuple[int, ...], frozenset[str]]:
    """Positions and names of arguments; each one given by position may be passed by name, and the reverse."""
    nums, names = given
    nums = () if nums is None else (nums,) if isinstance(nums, int) else tuple(nums)
    names = () if names is None else (names,) if isinstance(names, str) else tuple(names)
    if any(i < 0 for i in nums):
        raise ValueError(f"{kind}_argnums must not be negative; given {nums}.")
    if not nums and not names:
        return (), frozenset()
    parameters = list(inspect.signature(fun).parameters)
    by_name = tuple(parameters.index(name) for name in names if name in parameters)
    by_num = (parameters[i] for i in nums if i < len(parameters))
    return tuple(sorted({*nums, *by_name})), frozenset({*names, *by_num})


def fix_static(
    fun: Callable[..., Any],
    nums: tuple[int, ...],
    names: frozenset[str],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Callable[..., Any], Hashable, tuple[Any, ...], dict[str, Any]]:
    """(function of the other arguments, key of the static ones, args, kwargs); static positions hold None."""
    fixed = {i: args[i] for i in nums if i < len(args)}
    named = {k: v for k, v in kwargs.items() if k in names}
    if not fixed and not named:
        return fun, None, args, kwargs

    def dynamic(*rest: Any, **others: Any) -> Any:
        return fun(*(fixed.get(i, arg) for i, arg in enumerate(rest)), **{**others, **named})

    functools.update_wrapper(dynamic, fun)
    key = _key({**fixed, **named}, getattr(fun, "__name__", type(fun).__name__))
    kept = tuple(None if i in fixed else arg for i, arg in enumerate(args))
    return dynamic, key, kept, {k: v for k, v in kwargs.items() if k not in named}


def _key(static: dict[Any, Any], name: str) -> Hashable:
    for where, value in static.items():
        try:
            hash(value)
        except TypeError as error:
            what = f"argument {where!r}" if isinstance(where, str) else f"argument number {where}"
            msg = f"The static {what} of {name} must be hashable, a number or a tuple say; given {value!r}."
            raise TypeError(msg) from error
    return frozenset((where, type(value), value) for where, value in static.items())
