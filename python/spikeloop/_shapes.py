"""Which shapes go together."""

from __future__ import annotations

import numpy as np


def fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be repeated to the shape `into`."""
    try:
        return np.broadcast_shapes(shape, into) == into
    except ValueError:
        return False
