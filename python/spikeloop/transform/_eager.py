"""Transformations called outside every compiled function: they run as compiled programs, kept and found again."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from .. import _trace
from .._state import State
from ._fingerprint import CannotFingerprint, Fingerprint
from ._program import ProgramCache

_LIMIT = 256
_caches: OrderedDict[Hashable, tuple[ProgramCache, list[weakref.ref[Any]]]] = OrderedDict()
_lock = threading.RLock()


def run(transform: Callable[..., Any], functions: tuple[Any, ...], config: Hashable, args: tuple) -> Any:
    """`transform(functions, config, args)`, compiled once for the same functions and configuration."""
    if _trace.current() is not None:
        return transform(functions, config, args)
    return Kept(transform, functions, config)(*args)


class Kept:
    """`transform(functions, config, args)` as a function of `args`, with the programs kept for it."""

    def __init__(self, transform: Callable[..., Any], functions: tuple[Any, ...], config: Hashable):
        self._whole = lambda *args: transform(functions, config, args)
        self._cache = _cache_of(transform, functions, config)

    def __call__(self, *args: Any) -> Any:
        return self._cache.call(self._whole, None, (args, {}, {}, {}))

    def written(self, *args: Any) -> list[State]:
        """The States that a call writes, found without compiling."""
        program = self._cache.program(self._whole, None, (args, {}, {}, {}))
        return [state for ref in program.writes if (state := ref()) is not None]


def clear_caches() -> None:
    """Forget the programs of all transformations called outside `jit`."""
    with _lock:
        _caches.clear()


def num_kept() -> int:
    """The number of functions whose programs are kept."""
    return len(_caches)


def _cache_of(transform: Any, functions: tuple[Any, ...], config: Hashable) -> ProgramCache:
    try:
        found = Fingerprint((functions, config))
    except CannotFingerprint:
        return ProgramCache()
    key = transform, found.key
    with _lock:
        if key in _caches:
            _caches.move_to_end(key)
            return _caches[key][0]
        # The arrays that the functions capture are held weakly, so that a kept program keeps no model alive.
        cache = ProgramCache(borrowed=frozenset(found.anchors))
        _caches[key] = cache, found.weak_anchors(_Forget(key))
        while len(_caches) > _LIMIT:
            _caches.popitem(last=False)
        return cache


class _Forget:
    """Drop the programs under `key` when one of the objects that it names is gone."""

    def __init__(self, key: Hashable):
        self.key = key

    def __call__(self, _: weakref.ref[Any]) -> None:
        _caches.pop(self.key, None)
