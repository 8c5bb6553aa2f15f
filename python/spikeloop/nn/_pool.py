"""Pooling, flattening: layers without parameters, over images and signals whose last axis is that of the channels."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .._module import Module, as_size
from ..random._units import attach
from ._layer import SHAPES, check_window, image_size, pads, plain_input, windows


class _Pool(Module):
    """Base of pooling over `axes` axes: one number for each window and channel."""

    axes: ClassVar[int]

    def __init__(
        self, in_size: Any, kernel_size: Any = 2, stride: Any = None, padding: Any = "VALID", name: str | None = None
    ):
        super().__init__(name)
        what = type(self).__name__
        self.in_size = size = image_size(in_size, self.axes, what)
        self.kernel_size = windows(kernel_size, self.axes, what)
        self.stride = self.kernel_size if stride is None else windows(stride, self.axes, what)
        self.padding = pads(padding, self.axes, what)
        sums = partial(self._reduced, start=0.0, operation=jax.lax.add)
        self.out_size = jax.eval_shape(sums, jax.ShapeDtypeStruct(size, jnp.float32)).shape
        check_window(self.out_size, f"{what}: a window of {self.kernel_size} is larger than the input {size}")

    def update(self, x: Any) -> Any:
        """The pooled values, in the unit of x."""
        x, unit = plain_input(self, x)
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
        if not jnp.issubdtype(x.dtype, jnp.inexact):
            return self._reduced(x, jnp.iinfo(x.dtype).min, jax.lax.max)
        front = x.ndim - self.axes - 1
        size, widths = x.shape[front:-1], self.padding
        if isinstance(widths, str):
            widths = jax.lax.padtype_to_pads(size, self.kernel_size, self.stride, widths)
        if any(map(any, widths)):
            x = jnp.pad(x, [(0, 0)] * front + [*widths, (0, 0)], constant_values=-jnp.inf)
        if self.stride == self.kernel_size:
            whole = [n // window * window for n, window in zip(x.shape[front:-1], self.kernel_size, strict=True)]
            x = jax.lax.slice(x, [0] * x.ndim, [*x.shape[:front], *whole, x.shape[-1]])
            return _maxima_of_tiles(x, self.kernel_size)
        for axis in reversed(range(self.axes)):
            x = _maxima(x, front + axis, self.kernel_size[axis], self.stride[axis])
        return x


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _maxima(x: Any, axis: int, window: int, stride: int) -> Any:
    """The greatest value of each window along one axis. Its gradient is that of the first element that has it."""
    first, *others = _elements(x, axis, window, stride)
    for other in others:
        first = jnp.maximum(first, other)
    return first


@_maxima.defjvp
def _slopes_of_maxima(axis: int, window: int, stride: int, primals: Any, tangents: Any) -> tuple[Any, Any]:
    # XLA's own derivative is a scatter, several times as slow on a CPU.
    y = _maxima(*primals, axis, window, stride)
    elements, slopes = (_elements(x, axis, window, stride) for x in (*primals, *tangents))
    slope = slopes[-1]
    for element, own in zip(elements[-2::-1], slopes[-2::-1], strict=True):
        slope = jnp.where(element == y, own, slope)
    return y, slope


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _maxima_of_tiles(x: Any, tile: tuple[int, ...]) -> Any:
    """The greatest value of each tile of the axes before the last one. Its gradient is as that of `_maxima`."""
    for k in reversed(range(len(tile))):
        x = _maxima(x, x.ndim - 1 - len(tile) + k, tile[k], tile[k])
    return x


@_maxima_of_tiles.defjvp
def _slopes_of_tiles(tile: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Any, Any]:
    # Backward each element is written once. As slices, axis by axis, they would be filled up with zeros and added.
    (x,), (slopes,) = primals, tangents
    y, first = _maxima_of_tiles(x, tile), x.ndim - 1 - len(tile)
    split = [(n // window, window) for n, window in zip(x.shape[first:-1], tile, strict=True)]
    apart = lambda z: z.reshape(*z.shape[:first], *(n for pair in split for n in pair), z.shape[-1])  # noqa: E731
    own_axes = tuple(range(first + 1, first + 2 * len(tile), 2))
    count = math.prod(tile)
    places = np.arange(count, dtype=np.int32).reshape([n for window in tile for n in (1, window)] + [1])
    elements, place = apart(x), jnp.full(y.shape, count - 1, np.int32)
    for k in reversed(range(count - 1)):
        at = [slice(None)] * elements.ndim
        for axis, n in zip(own_axes, np.unravel_index(k, tile), strict=True):
            at[axis] = int(n)
        place = jnp.where(elements[tuple(at)] == y, k, place)
    wide = jnp.expand_dims(place, own_axes)
    return y, jnp.where(wide == places, apart(slopes), 0).sum(own_axes)


def _elements(x: Any, axis: int, window: int, stride: int) -> list[Any]:
    """The first elements of all windows along an axis, the second ones, and so on."""
    last = (x.shape[axis] - window) // stride * stride
    return [jax.lax.slice_in_dim(x, k, k + last + 1, stride, axis) for k in range(window)]


_DOCUMENTATION = """The {kind} of each window of {0}, {1}; batches and time stand in front. {more}

    | name | meaning | default |
    |---|---|---|
    | `in_size` | {1} | |
    | `kernel_size` | the length of a window, or one for each axis | 2 |
    | `stride` | the distance of two windows, likewise | `kernel_size` |
    | `padding` | "VALID", "SAME", a number at both ends, or a pair for each axis | "VALID" |

    Raises ShapeError if sizes do not fit.
    """
_MEAN = {"kind": "mean", "more": "Padding does not count."}
_MAXIMUM = {"kind": "maximum", "more": "Of spikes it is whether there is one."}


class AvgPool1d(_AvgPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[1], **_MEAN)
    axes = 1


class AvgPool2d(_AvgPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[2], **_MEAN)
    axes = 2


class AvgPool3d(_AvgPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[3], **_MEAN)
    axes = 3


class MaxPool1d(_MaxPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[1], **_MAXIMUM)
    axes = 1


class MaxPool2d(_MaxPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[2], **_MAXIMUM)
    axes = 2


class MaxPool3d(_MaxPool):
    __doc__ = _DOCUMENTATION.format(*SHAPES[3], **_MAXIMUM)
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
        x, unit = plain_input(self, x)
        return attach(x.reshape(*x.shape[: x.ndim - len(self.in_size or ())], -1), unit)
