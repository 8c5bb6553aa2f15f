"""Compiled programs, kept and found again by what they compute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jax

from .._jax import ClosedJaxpr, is_wide, run_jaxpr
from .._mesh import Placement
from ._signature import Signature, signature

# The memory that kept programs may take together, and what one takes, measured as the growth of the process.
LIMIT_BYTES = 256 << 20
_BYTES_PER_PROGRAM = 3 << 19
_BYTES_PER_ENTRY = 1 << 10  # of the key, whose length follows the number of operations


class Executable:
    """A program as a function of flat arrays; those whose entry in `donates` is set may be overwritten.

    It holds no State and no captured array: all are arguments. So one executable serves every model of the same form.
    """

    def __init__(self, jaxpr: ClosedJaxpr, donates: Sequence[bool], nbytes: int, placement: Placement | None = None):
        self._jaxpr, self._donates, self.nbytes = jaxpr, tuple(donates), nbytes
        self._placement = placement  # on several devices
        self._compiled = jax.jit(self._run, donate_argnums=0)

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """The results, as flat arrays."""
        if not any(self._donates):
            return self._compiled((), arrays)
        given = [x for x, donate in zip(arrays, self._donates, strict=True) if donate]
        kept = [x for x, donate in zip(arrays, self._donates, strict=True) if not donate]
        return self._compiled(given, kept)

    def _run(self, given: Sequence[Any], kept: Sequence[Any]) -> list[Any]:
        handed, rest = iter(given), iter(kept)
        arrays = [next(handed) if donate else next(rest) for donate in self._donates]
        return run_jaxpr(self._jaxpr, arrays) if self._placement is None else self._placement.run(self._jaxpr, arrays)

    def lower(self, arrays: Sequence[Any]) -> Any:
        """The program for arrays like these before XLA compiles it."""
        given = [x for x, donate in zip(arrays, self._donates, strict=True) if donate]
        kept = [x for x, donate in zip(arrays, self._donates, strict=True) if not donate]
        return self._compiled.lower(given, kept)


class Store:
    """The executables used last, as many as fit into a number of bytes."""

    def __init__(self, limit: int = LIMIT_BYTES):
        self.limit = limit
        self.nbytes = 0
        self._kept: OrderedDict[Signature, Executable] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget every program."""
        with self._lock:
            self._kept.clear()
            self.nbytes = 0

    def find(
        self, jaxpr: ClosedJaxpr, donates: Sequence[bool], placement: Placement | None = None
    ) -> tuple[Executable, Signature, bool]:
        """(the executable of `jaxpr`, its key, whether it is new); `jaxpr` has no constants left."""
        key = signature(jaxpr, tuple(donates), is_wide(), *(() if placement is None else (placement,)))
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found, key, False
            made = self._kept[key] = Executable(jaxpr, donates, _nbytes(key), placement)
            self.nbytes += made.nbytes
            while self.nbytes > self.limit and len(self._kept) > 1:
                self.nbytes -= self._kept.popitem(last=False)[1].nbytes
            return made, key, True


def _nbytes(key: Signature) -> int:
    return _BYTES_PER_PROGRAM + _BYTES_PER_ENTRY * len(key.operations)


store = Store()
