"""What layers share: a look at their inputs, and at the sizes of images."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from .. import environ
from .._errors import ShapeError
from .._module import Module, as_size
from ..random._units import split

SHAPES = {
    1: ("a signal", "(length, channels)"),
    2: ("an image", "(height, width, channels)"),
    3: ("a volume", "(depth, height, width, channels)"),
}


def plain_input(layer: Module, x: Any) -> tuple[Any, Any]:
    """(the input as plain numbers, its unit); refuses one whose last axes are not those of the layer."""
    x, unit = split(x)
    size = layer.in_size or ()
    if x.shape[max(x.ndim - len(size), 0) :] != size:
        expected = ", ".join(map(str, ("...", *size)))
        raise ShapeError(f"{layer.path} takes inputs of shape ({expected}); given {x.shape}.")
    return x, unit


def rounds(weight: Any) -> bool:
    """Whether products with this weight are of factors rounded to bfloat16."""
    return weight.dtype == jnp.float32 and environ.get("matmul_precision", 32) == "bf16"


def image_size(in_size: Any, axes: int, what: str) -> tuple[int, ...]:
    """The size of a signal, an image or a volume, with its channels."""
    size = as_size(in_size, "in_size")
    if len(size) != axes + 1:
        raise ShapeError(f"{what}: in_size must be {axes} lengths and the number of channels; given {size}.")
    return size


def check_window(size: tuple[int, ...] | None, what: str) -> None:
    """Refuse a window that fits nowhere, of which `what` tells."""
    if 0 in (size or ()):
        raise ShapeError(f"{what}.")


def windows(value: Any, axes: int, what: str) -> tuple[int, ...]:
    """A length for each axis."""
    lengths = as_size(value, f"{what}: a length of a window")
    lengths = lengths * axes if len(lengths) == 1 else lengths
    if len(lengths) != axes or min(lengths) < 1:
        raise ShapeError(f"{what}: give one positive length, or {axes}; given {value!r}.")
    return lengths


def pads(value: Any, axes: int, what: str) -> Any:
    """Padding as JAX takes it."""
    if isinstance(value, str):
        if value.upper() not in ("SAME", "VALID"):
            raise ValueError(f"{what}: padding must be 'SAME', 'VALID' or numbers; given {value!r}.")
        return value.upper()
    pairs = [(value, value)] * axes if isinstance(value, int) else [tuple(pair) for pair in value]
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ShapeError(f"{what}: padding must be a number or {axes} pairs; given {value!r}.")
    return pairs
