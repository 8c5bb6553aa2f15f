"""When are two functions the same? So that a loop over a lambda written anew is not traced and compiled again.

A function is its code and what the code can see: defaults, closure cells, the globals that it names, and the classes,
modules and objects that it reaches through them, with all their attributes. Plain values and NumPy arrays count by
content; JAX arrays, which cannot change, and States, whose values are inputs, count by identity. Functions and classes
of installed libraries count by identity too. What cannot be compared, such as a random generator, has no fingerprint.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import logging
import pathlib
import random
import sys
import sysconfig
import threading
import types
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from .._jax import is_tracer
from .._state import State

_BY_VALUE = (type(None), bool, int, str, bytes, enum.Enum, type(Ellipsis), type(NotImplemented), np.dtype, range)
_BY_IDENTITY = (jax.Device, logging.Logger, type(threading.Lock()), type(threading.RLock()))
_CHANGING = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator, Iterator)
_BUILT_IN = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    np.ufunc,
)
# Class attributes that say nothing about what an instance does; ABCs and dataclasses keep theirs in other members too.
_CLASS_NOISE = frozenset(dir(types.new_class("Empty"))) - frozenset(dir(object)) | {
    *(
        "__qualname__",
        "__annotations__",
        "__annotate__",
        "__annotations_cache__",
        "__annotate_func__",
        "__parameters__",
    ),
    *("__orig_bases__", "__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__", "__doc__"),
}


class CannotFingerprint(Exception):
    """The value may change without notice."""


class Fingerprint:
    """The key of a function, and the objects that must stay alive for the key to mean it."""

    def __init__(self, fun: Any):
        self.anchors: dict[int, Any] = {}
        self._seen: dict[Any, tuple[int, Any]] = {}  # kept alive meanwhile, so that no id is used twice
        self._names: tuple[str, ...] = ()  # what the function that is being looked at names
        self.key = self._of(fun)

    def weak_anchors(self, on_death: Any) -> list[weakref.ref[Any]]:
        """Weak references that call `on_death` when the fingerprint has lost its meaning."""
        return [weakref.ref(anchor, on_death) for anchor in self.anchors.values()]

    def _of(self, value: Any) -> Hashable:
        kind = type(value)
        if isinstance(value, _BY_VALUE):
            return kind, value
        if kind is float or kind is complex:
            return kind, repr(value)  # tells 0.0 from -0.0, and finds nan again
        known = (id(value), self._names) if kind is types.ModuleType else id(value)
        if known in self._seen:
            return "seen", self._seen[known][0]
        self._seen[known] = len(self._seen), value
        look = _LOOKS.get(kind)
        if look is None:
            look = _LOOKS[kind] = next(look for base, look in _KINDS if issubclass(kind, base))
        return look(self, value)

    def _each(self, values: Iterable[Any]) -> Hashable:
        return tuple([self._of(value) for value in values])

    def _anchor(self, value: Any) -> Hashable:
        self.anchors[id(value)] = value
        return "id", id(value)

    def _array(self, value: Any) -> Hashable:
        if is_tracer(value):
            raise CannotFingerprint
        return self._anchor(value)

    def _numpy(self, value: Any) -> Hashable:
        if value.dtype.hasobject:
            raise CannotFingerprint
        return type(value), value.shape, value.dtype.str, hashlib.blake2b(value.tobytes()).digest()

    def _function(self, fun: types.FunctionType) -> Hashable:
        cells = [_contents(cell) for cell in fun.__closure__ or ()]
        if _is_library(fun.__globals__.get("__name__")):
            is_global = "<locals>" not in fun.__qualname__ and _is_library(fun.__module__)
            return self._anchor(fun) if is_global or not cells else (fun.__code__, self._each(cells))
        outer, self._names = self._names, _names(fun.__code__)
        try:
            seen = [(name, self._of(fun.__globals__[name])) for name in self._names if name in fun.__globals__]
            rest = self._each((fun.__defaults__, fun.__kwdefaults__, fun.__dict__, *cells))
            return fun.__code__, tuple(seen), rest
        finally:
            self._names = outer

    def _built_in_function(self, fun: Any) -> Hashable:
        owner = fun.__self__
        return fun if owner is None or isinstance(owner, types.ModuleType) else (fun.__name__, self._of(owner))

    def _class(self, cls: type) -> Hashable:
        if _is_library(cls.__module__):
            return self._anchor(cls)
        members = [(name, self._of(value)) for name, value in vars(cls).items() if name not in _CLASS_NOISE]
        return self._anchor(cls), self._of(cls.__bases__), tuple(members)

    def _module(self, module: types.ModuleType) -> Hashable:
        if _is_library(module.__name__):
            return self._anchor(module)
        named = [(name, self._of(vars(module)[name])) for name in self._names if name in vars(module)]
        return self._anchor(module), tuple(named)

    def _mapping(self, value: Any) -> Hashable:
        items = [(self._of(key), self._of(item)) for key, item in value.items()]
        return type(value), tuple(items), self._attributes(value)

    def _sequence(self, value: Any) -> Hashable:
        return type(value), self._each(value), self._attributes(value)

    def _set(self, value: Any) -> Hashable:
        return type(value), frozenset(self._of(item) for item in value), self._attributes(value)

    def _weakref(self, ref: weakref.ref[Any]) -> Hashable:
        return "weakref", self._of(ref())

    def _refuse(self, _: Any) -> Hashable:
        raise CannotFingerprint

    def _object(self, value: Any) -> Hashable:
        kind = type(value)
        if hasattr(kind, "__fingerprint__"):
            return self._of(kind), self._each(value.__fingerprint__())
        node = jax.tree_util.default_registry.flatten_one_level(value)
        if node is not None:
            return kind, self._each(node[0]), node[1]
        attributes = self._attributes(value)
        if attributes is not None:
            return self._of(kind), attributes
        if kind.__hash__ in (object.__hash__, None):
            raise CannotFingerprint
        return kind, value

    def _attributes(self, value: Any) -> Hashable:
        """All instance attributes; None where there can be none."""
        slots = [name for cls in type(value).__mro__ for name in _slots(cls)]
        if not slots and not hasattr(value, "__dict__"):
            return None
        items = [*getattr(value, "__dict__", {}).items(), *((k, getattr(value, k)) for k in slots if hasattr(value, k))]
        return tuple([(name, self._of(item)) for name, item in items])


_KINDS: tuple[tuple[Any, Callable[[Fingerprint, Any], Hashable]], ...] = (
    (types.FunctionType, Fingerprint._function),
    (types.BuiltinFunctionType, Fingerprint._built_in_function),
    (types.MethodType, lambda self, m: ("method", self._each((m.__func__, m.__self__)))),
    (functools.partial, lambda self, p: ("partial", self._each((p.func, p.args, p.keywords)))),
    (property, lambda self, p: ("property", self._each((p.fget, p.fset, p.fdel)))),
    ((staticmethod, classmethod), lambda self, m: (type(m), self._of(m.__func__))),
    (functools.cached_property, lambda self, p: ("cached", self._of(p.func))),
    (slice, lambda self, s: ("slice", self._each((s.start, s.stop, s.step)))),
    ((jax.Array, State), Fingerprint._array),
    ((np.ndarray, np.generic), Fingerprint._numpy),
    (_CHANGING, Fingerprint._refuse),
    (_BY_IDENTITY, Fingerprint._anchor),
    (_BUILT_IN, lambda _, value: value),
    (types.ModuleType, Fingerprint._module),
    (type, Fingerprint._class),
    ((dict, types.MappingProxyType), Fingerprint._mapping),
    ((list, tuple), Fingerprint._sequence),
    ((set, frozenset), Fingerprint._set),
    (weakref.ref, Fingerprint._weakref),
    (object, Fingerprint._object),
)
_LOOKS: weakref.WeakKeyDictionary[type, Callable[[Fingerprint, Any], Hashable]] = weakref.WeakKeyDictionary()


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet assigned
        return None


@functools.lru_cache(maxsize=4096)
def _names(code: types.CodeType) -> tuple[str, ...]:
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return tuple(dict.fromkeys((*code.co_names, *(name for const in inner for name in _names(const)))))


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    names = (slots,) if isinstance(slots, str) else tuple(slots)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


@functools.cache
def _is_library(module: str | None) -> bool:
    """Whether `module` belongs to Python, to an installed package or to this one."""
    root = (module or "").partition(".")[0]
    if root in sys.stdlib_module_names or root in ("builtins", __name__.partition(".")[0]):
        return True
    file = getattr(sys.modules.get(root), "__file__", None)
    return file is not None and any(pathlib.Path(file).is_relative_to(place) for place in _library_places())


@functools.cache
def _library_places() -> frozenset[str]:
    paths = sysconfig.get_paths()
    return frozenset(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
