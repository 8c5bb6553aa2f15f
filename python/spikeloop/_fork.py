"""A process that was forked after JAX has started: its threads are gone, and a computation would wait for ever."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from . import _trace
from ._errors import ForkedError
from ._jax import has_started


class _NoStack:
    """Stands in for the stack of traces, which everything looks at that reads a State or runs a program."""

    @property
    def top(self) -> NoReturn:
        raise ForkedError(
            "This process was forked from one in which JAX had started. The threads of JAX and of the native kernels "
            "do not exist here, so that a computation would never end. Start workers by "
            "multiprocessing.get_context('spawn') or joblib, or fork before anything is computed or built."
        )


def _refuse_to_compute() -> None:
    if has_started():
        stack: Any = _NoStack()
        _trace.stack = stack


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_to_compute)
