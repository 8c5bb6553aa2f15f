"""When are two functions the same? So that a loop over a lambda written anew is not traced and compiled again.

A function is its code and what the code can see: defaults, closure cells, globals of its own module. Plain values
count by value, arrays and States by identity, modules by identity together with all their attributes.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import types
import weakref
from collections.abc import Hashable
from typing import Any

import jax
import numpy as np

from .._state import State

_BY_VALUE = (type(None), bool, int, float, complex, str, bytes, enum.Enum, type(Ellipsis), np.dtype, slice, range)
_BY_IDENTITY = (types.BuiltinFunctionType, types.ModuleType, type, types.GenericAlias, weakref.ref)


class CannotFingerprint(Exception):
    """The value may change without notice."""


class Fingerprint:
    """The key of a function, and the objects that must stay alive for the key to mean it."""

    def __init__(self, fun: Any):
        self.anchors: dict[int, Any] = {}
        self._module_globals = getattr(_innermost(fun), "__globals__", None)
        self._open: set[int] = set()
        self.key = self._of(fun)

    def _of(self, value: Any) -> Hashable:
        if isinstance(value, _BY_VALUE):
            return type(value), repr(value) if isinstance(value, slice) else value
        if isinstance(value, _BY_IDENTITY):
            return id(value)
        if id(value) in self._open:
            return "cycle", id(value)
        self._open.add(id(value))
        try:
            return self._of_object(value)
        finally:
            self._open.discard(id(value))

    def _of_object(self, value: Any) -> Hashable:
        if isinstance(value, types.FunctionType):
            return self._of_function(value)
        if isinstance(value, types.MethodType):
            return "method", self._of(value.__func__), self._of(value.__self__)
        if isinstance(value, functools.partial):
            return "partial", self._of(value.func), self._of(value.args), self._of(value.keywords)
        if isinstance(value, np.ndarray):
            return "numpy", value.shape, value.dtype.str, hashlib.blake2b(np.ascontiguousarray(value)).digest()
        if isinstance(value, (jax.Array, State)):
            return self._anchor(value)
        if isinstance(value, (set, frozenset)):
            return "set", frozenset(self._of(item) for item in value)
        return self._of_container(value)

    def _of_container(self, value: Any) -> Hashable:
        try:
            items, tree = jax.tree.flatten(value, is_leaf=lambda x: x is not value)
        except (TypeError, ValueError) as error:
            raise CannotFingerprint from error
        if len(items) != 1 or items[0] is not value:
            return "tree", tree, tuple(self._of(item) for item in items)
        content = tuple((name, self._of(item)) for name, item in getattr(value, "__dict__", {}).items())
        return "object", self._anchor(value), content

    def _of_function(self, fun: types.FunctionType) -> Hashable:
        if fun.__globals__ is not self._module_globals and fun.__closure__ is None:
            return self._anchor(fun)  # a function of another library
        cells = tuple(_contents(cell) for cell in fun.__closure__ or ())
        seen = {name: fun.__globals__[name] for name in _names(fun.__code__) if name in fun.__globals__}
        defaults = (fun.__defaults__, fun.__kwdefaults__)
        return "function", fun.__code__, *(self._of(item) for item in (defaults, cells, seen))

    def _anchor(self, value: Any) -> Hashable:
        if isinstance(value, jax.core.Tracer):
            raise CannotFingerprint
        self.anchors[id(value)] = value
        return "id", id(value)

    def weak_anchors(self, on_death: Any) -> list[weakref.ref[Any]]:
        """Weak references that call `on_death` when the fingerprint has lost its meaning."""
        try:
            return [weakref.ref(anchor, on_death) for anchor in self.anchors.values()]
        except TypeError as error:
            raise CannotFingerprint from error


def _innermost(fun: Any) -> Any:
    while isinstance(fun, (functools.partial, types.MethodType)):
        fun = fun.func if isinstance(fun, functools.partial) else fun.__func__
    return fun


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


def _names(code: types.CodeType) -> tuple[str, ...]:
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return (*code.co_names, *(name for const in inner for name in _names(const)))
