"""Descriptions of Modules: a class and its arguments, to be made later by whoever knows the rest."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from typing import Any

from ._value_key import value_key


class Desc:
    """A class and its arguments. Calling it makes the object; two that would make equal objects compare equal."""

    def __init__(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.cls, self.args, self.kwargs = cls, args, kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.cls(*self.args, *args, **{**self.kwargs, **kwargs})

    def key(self) -> Hashable:
        """The class and the values of its arguments, given or default.

        Numbers, arrays and Quantities count by value, also inside lists, dicts and other descriptions; States and
        what has no value of its own count by identity.
        """
        signature = inspect.signature(self.cls)
        try:
            given = signature.bind_partial(*self.args, **self.kwargs)
        except TypeError:  # the call will say what is wrong with the arguments
            return self.cls, value_key(self.args), value_key(self.kwargs)
        given.apply_defaults()
        return self.cls, value_key(dict(given.arguments))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Desc) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        args = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        return f"{self.cls.__name__}.desc({', '.join(args)})"
