"""Transformations called outside every compiled function: they run as compiled programs that are kept and found again."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from .. import _trace
from ._fingerprint import CannotFingerprint, Fingerprint
from ._program import ProgramCache

_LIMIT = 256
_caches: OrderedDict[Hashable, tuple[ProgramCache, list[weakref.ref[Any]]]] = OrderedDict()
_lock = threading.RLock()


def run(transform: Callable[..., Any], functions: tuple[Any, ...], config: Hashable, args: tuple) -> Any:
    """`transform(functions, config, args)`, compiled once for the same functions and configuration."""
    if _trace.current() is not None:
        return transform(functions, config, args)

    def whole(*args: Any) -> Any:
        return transform(functions, config, args)

    return _cache_of(transform, functions, config).call(whole, None, args, {})


def clear() -> None:
    """Forget the programs of all transformations called outside `jit`."""
    with _lock:
        _caches.clear()


def _cache_of(transform: Any, functions: tuple[Any, ...], config: Hashable) -> ProgramCache:
    try:
        prints = [Fingerprint(fun) for fun in functions]
        key = (transform, config, *(p.key for p in prints))
        with _lock:
            if key in _caches:
                _caches.move_to_end(key)
                return _caches[key][0]
            forget = _Forget(key)
            anchors = [ref for p in prints for ref in p.weak_anchors(forget)]
            _caches[key] = (cache := ProgramCache(), anchors)
            while len(_caches) > _LIMIT:
                _caches.popitem(last=False)
            return cache
    except CannotFingerprint:
        return ProgramCache()


class _Forget:
    """Drop the programs under `key` when one of the objects that it names is gone."""

    def __init__(self, key: Hashable):
        self.key = key

    def __call__(self, _: weakref.ref[Any]) -> None:
        _caches.pop(self.key, None)
