"""Arrays of other libraries, in which channels come first."""

from __future__ import annotations

import numpy as np


def first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with the channels in front."""
    return (shape[-1], *shape[:-1])


def flat_order(size: tuple[int, ...]) -> np.ndarray:
    """Of each feature of an image that was flattened with channels first, our index."""
    return np.moveaxis(np.arange(np.prod(size)).reshape(size), -1, 0).ravel()


def kernel_there(weight: np.ndarray) -> np.ndarray:
    """Our weights of a convolution, (*kernel, in, out), as (out, in, *kernel)."""
    return np.moveaxis(weight, (-1, -2), (0, 1)).copy()


def kernel_here(weight: np.ndarray) -> np.ndarray:
    """The inverse of `kernel_there`."""
    return np.moveaxis(weight, (0, 1), (-1, -2))
