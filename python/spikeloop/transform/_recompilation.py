"""One warning where the same code is compiled again and again, because a number in it changes."""

from __future__ import annotations

import threading
import types
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from .._state import State
from ._signature import Signature

_LIMIT = 3  # programs of the same code and States that differ in their numbers alone
_MOST_KEPT = 256

_last: OrderedDict[Any, tuple[Signature, int]] = OrderedDict()  # key of the last program, number of such programs
_lock = threading.Lock()


def note(functions: Sequence[Any], states: Sequence[State], key: Signature) -> None:
    """Count a program of `functions`, compiled under `key`; the third that differs in numbers alone gives a warning.

    Models with other constants, as in a sweep of parameters, have other States and do not count as the same.
    """
    who = tuple(_code(fun) for fun in functions), tuple(weakref.ref(state) for state in states)
    with _lock:
        before, count = _last.pop(who, (None, 0))
        same = before is not None and key[:2] == before[:2]
        _last[who] = key, count + 1 if same else 1
        if len(_last) > _MOST_KEPT:
            _last.popitem(last=False)
    if before is not None and same and count + 1 == _LIMIT:
        warnings.warn(_message(functions, before, key), RuntimeWarning, stacklevel=5)


def forget() -> None:
    """Start counting anew."""
    with _lock:
        _last.clear()


def _code(fun: Any) -> Any:
    fun = getattr(fun, "__func__", fun)
    return getattr(fun, "__code__", type(fun))


def _message(functions: Sequence[Any], before: Signature, key: Signature) -> str:
    pairs = [(_number(a), _number(b)) for a, b in zip(before.numbers, key.numbers, strict=True) if a != b]
    changes = ", ".join(f"{a} became {b}" for a, b in pairs[:3]) + (", ..." if len(pairs) > 3 else "")
    return (
        f"{_where(functions[0])} was compiled {_LIMIT} times, because a number that it uses changes from call to call "
        f"({changes}), and a plain number is part of the program. Each new value compiles again. Make it an input: "
        "give it as an argument of the loop, keep it in a State, or turn it into an array with jnp.asarray."
    )


def _where(fun: Any) -> str:
    code = _code(fun)
    name = getattr(fun, "__qualname__", type(fun).__name__)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if isinstance(code, types.CodeType) else name


def _number(content: Any) -> str:
    if content[0] == "array":
        import numpy as np

        _, shape, dtype, raw = content
        return str(np.frombuffer(raw, dtype).reshape(shape))
    return str(content[1])
