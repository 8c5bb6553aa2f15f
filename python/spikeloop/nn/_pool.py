"""Pooling, flattening: layers without parameters, over images and signals whose last axis is that of the channels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .._errors import ShapeError
from .._module import Module, as_size
from ..random._units import attach, split
from ._conv import pads, windows


class _Pool(Module):
    """Base of pooling over `axes` axes: one number for each window and channel."""

    axes: ClassVar[int]

    def __init__(
        self, in_size: Any, kernel_size: Any = 2, stride: Any = None, padding: Any = "VALID", name: str | None = None
    ):
        super().__init__(name)
        what, size = type(self).__name__, as_size(in_size, "in_size")
        if len(size) != self.axes + 1:
            raise ShapeError(f"{what}: in_size must be {self.axes} lengths and the number of channels; given {size}.")
        self.in_size = size
        self.kernel_size = windows(kernel_size, self.axes, what)
        self.stride = self.kernel_size if stride is None else windows(stride, self.axes, what)
        self.padding = pads(padding, self.axes, what)
        self.out_size = jax.eval_shape(self._pooled, jax.ShapeDtypeStruct(size, float)).shape
        if 0 in (self.out_size or ()):
            raise ShapeError(f"{what}: a window of {self.kernel_size} is larger than the input {size}.")

    def update(self, x: Any) -> Any:
        """The pooled values, in the unit of x."""
        x, unit = split(x)
        if x.shape[max(x.ndim - self.axes - 1, 0) :] != self.in_size:
            raise ShapeError(f"{self.path} takes inputs of shape (..., {', '.join(map(str, self.in_size or ()))}); "
                             f"given {x.shape}.")  # fmt: skip
        return attach(self._pooled(x), unit)

    def _pooled(self, x: Any) -> Any:
        raise NotImplementedError

    def _reduced(self, x: Any, start: Any, operation: Any) -> Any:
        """`operation` over each window."""
        front = x.ndim - self.axes - 1
        padding = self.padding if isinstance(self.padding, str) else [(0, 0)] * front + [*self.padding, (0, 0)]
        ones = (1,) * front
        return jax.lax.reduce_window(
            x, start, operation, (*ones, *self.kernel_size, 1), (*ones, *self.stride, 1), padding
        )


class _AvgPool(_Pool):
    def _pooled(self, x: Any) -> Any:
        x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(float)
        ones = jnp.ones(x.shape[x.ndim - self.axes - 1 :], x.dtype)
        return self._reduced(x, 0.0, jax.lax.add) / self._reduced(ones, 0.0, jax.lax.add)


class _MaxPool(_Pool):
    def _pooled(self, x: Any) -> Any:
        if x.dtype == bool:
            return self._reduced(x, False, jax.lax.bitwise_or)
        least = -jnp.inf if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.iinfo(x.dtype).min
        return self._reduced(x, least, jax.lax.max)


_DOCUMENTATION = """The {kind} of each window of {what}, {shape}; batches and time stand in front.{more}

    | name | meaning | default |
    |---|---|---|
    | `in_size` | {shape} | |
    | `kernel_size` | the length of a window, or one for each axis | 2 |
    | `stride` | the distance of two windows, likewise | `kernel_size` |
    | `padding` | "VALID", "SAME", a number at both ends, or a pair for each axis | "VALID" |

    Raises ShapeError if sizes do not fit.
    """
_SHAPES = {
    1: ("a signal", "(length, channels)"),
    2: ("an image", "(height, width, channels)"),
    3: ("a volume", "(depth, height, width, channels)"),
}


def _documented(cls: type[_Pool]) -> type[_Pool]:
    what, shape = _SHAPES[cls.axes]
    mean = issubclass(cls, _AvgPool)
    more = " Padding does not count." if mean else " Of spikes it is whether there is one."
    cls.__doc__ = _DOCUMENTATION.format(kind="mean" if mean else "maximum", what=what, shape=shape, more=more)
    return cls


@_documented
class AvgPool1d(_AvgPool):
    axes = 1


@_documented
class AvgPool2d(_AvgPool):
    axes = 2


@_documented
class AvgPool3d(_AvgPool):
    axes = 3


@_documented
class MaxPool1d(_MaxPool):
    axes = 1


@_documented
class MaxPool2d(_MaxPool):
    axes = 2


@_documented
class MaxPool3d(_MaxPool):
    axes = 3


class Flatten(Module):
    """All axes of `in_size` as one; batches and time stand in front.

    >>> sl.nn.Flatten((4, 4, 2))(jnp.ones((8, 4, 4, 2))).shape
    (8, 32)
    """

    def __init__(self, in_size: Any, name: str | None = None):
        super().__init__(name)
        self.in_size = size = as_size(in_size, "in_size")
        self.out_size = math.prod(size)

    def update(self, x: Any) -> Any:
        """The flat values."""
        size = self.in_size or ()
        front = len(x.shape) - len(size)
        if front < 0 or x.shape[front:] != size:
            raise ShapeError(f"{self.path} takes inputs of shape (..., {', '.join(map(str, size))}); given {x.shape}.")
        return x.reshape(*x.shape[:front], -1)
