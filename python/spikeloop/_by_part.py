"""Arrays that are made element by element, of which every device may make its own part."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

Part = Callable[[int, int], Any]  # (start, stop) -> those elements of the flat array
Place = Callable[[tuple[int, ...], Part], Any]  # (shape, part) -> the array, or None if devices do not share it


class _Here(threading.local):
    place: Place | None = None


_here = _Here()


@contextlib.contextmanager
def by_part(place: Place | None) -> Iterator[None]:
    """Arrays inside the block are made by `place`, where it does so."""
    before, _here.place = _here.place, place
    try:
        yield
    finally:
        _here.place = before


def cut(shape: tuple[int, ...], part: Part) -> Any:
    """The array of which every device has made its part; None outside of `by_part`."""
    return None if _here.place is None else _here.place(shape, part)


def array(shape: tuple[int, ...], part: Part) -> Any:
    """The array; outside of `by_part` all of it."""
    made = cut(shape, part)
    return jax.device_put(part(0, math.prod(shape)).reshape(shape)) if made is None else made


def elements(value: Any, shape: tuple[int, ...], start: int, stop: int) -> Any:
    """Those elements of a number or an array that is repeated to `shape`; None stays None."""
    if value is None or np.ndim(value) == 0:
        return value
    return np.broadcast_to(value, shape).reshape(-1)[start:stop]
