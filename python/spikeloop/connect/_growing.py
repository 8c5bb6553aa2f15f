"""Arrays that parts are appended to, in memory that XLA need not copy."""

from __future__ import annotations

from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes; XLA copies memory that is aligned worse


class Growing:
    """An array with room for so many numbers; for more, or wider ones, it moves."""

    def __init__(self, dtype: Any, room: int):
        self._values, self._size = empty(room, np.dtype(dtype)), 0

    def append(self, part: np.ndarray) -> None:
        """Add numbers at the end."""
        end, dtype = self._size + part.size, np.result_type(self._values, part)
        if end > self._values.size or dtype != self._values.dtype:
            moved = empty(max(end, self._values.size * 5 // 4), dtype)
            moved[: self._size] = self.whole
            self._values = moved
        self._values[self._size : end] = part
        self._size = end

    @property
    def whole(self) -> np.ndarray:
        """All numbers."""
        return self._values[: self._size]


def empty(size: int, dtype: np.dtype) -> np.ndarray:
    """An array whose numbers are still to be written."""
    room = np.empty(size * dtype.itemsize + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size * dtype.itemsize].view(dtype)


def joined(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    """The parts one after the other."""
    whole, at = empty(sum(part.size for part in parts), np.dtype(dtype)), 0
    for part in parts:
        whole[at : at + part.size] = part
        at += part.size
    return whole
