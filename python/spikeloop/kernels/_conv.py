"""Spikes or numbers convolved with a kernel: where few inputs of a sample are not 0, work for these only.

product: y[…, p, k] = Σ_q Σ_c s[…, input(p, q), c] W[q, c, k]
outer:   W'[q, c, k] = Σ_… Σ_p s[…, input(p, q), c] y'[…, p, k]     the cotangent of W

Element q of the kernel lies in window p over the input `(p · stride + q · dilation − before) / spacing` of each axis.
The cotangent of s is a product with the mirrored kernel, in which outputs are inputs, and stride is spacing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._kernel import FLOATS, ByName, Kernel, inputs, params
from ._rules import leading_axes


class Axis(NamedTuple):
    """The windows along one axis."""

    n_in: int
    n_out: int
    window: int
    stride: int
    before: int  # zeros before the first input, or, below 0, inputs left out
    spacing: int  # the distance of two inputs, with zeros between them
    dilation: int

    @classmethod
    def of(cls, n_in: int, window: int, stride: int, padding: Sequence[int], dilation: int) -> Axis:
        """The windows over `n_in` inputs with zeros at both ends."""
        n_out = max((n_in + sum(padding) - (window - 1) * dilation - 1) // stride + 1, 0)
        return cls(n_in, n_out, window, stride, padding[0], 1, dilation)

    def mirrored(self) -> Axis:
        """Those that lead from outputs to inputs."""
        before = (self.window - 1) * self.dilation - self.before
        return Axis(self.n_out, self.n_in, self.window, self.spacing, before, self.stride, self.dilation)

    def padding(self) -> tuple[int, int]:
        """Zeros at both ends."""
        covered = (self.n_out - 1) * self.stride + (self.window - 1) * self.dilation + 1
        return self.before, covered - self.before - ((self.n_in - 1) * self.spacing + 1)


Windows = tuple[Axis, ...]


def convolution(spikes: Any, weight: Any, windows: Windows) -> Any:
    """Spikes (..., *axes, channels), bool or graded, convolved with a kernel (*axes, channels, outputs)."""
    return product_p(spikes=spikes, weight=weight, windows=windows)[0]


def _batches(x: Any, windows: Windows, dtype: Any) -> Any:
    """`x` with one axis for all batches."""
    return x.astype(dtype).reshape(-1, *x.shape[x.ndim - len(windows) - 1 :])


def _product_reference(spikes: Any, weight: Any, *, windows: Windows) -> list[Any]:
    space = "DHW"[-len(windows) :]
    y = jax.lax.conv_general_dilated(
        _batches(spikes, windows, weight.dtype), weight, [a.stride for a in windows], [a.padding() for a in windows],
        [a.spacing for a in windows], [a.dilation for a in windows], (f"N{space}C", f"{space}IO", f"N{space}C"),
    )  # fmt: skip
    return [y.reshape(*spikes.shape[: spikes.ndim - len(windows) - 1], *y.shape[1:])]


def _outer_reference(spikes: Any, ct: Any, *, windows: Windows) -> list[Any]:
    weight = jax.ShapeDtypeStruct(_kernel_shape(spikes, ct, windows), ct.dtype)
    spikes, ct = (_batches(x, windows, ct.dtype) for x in (spikes, ct))
    pull = jax.linear_transpose(lambda w: _product_reference(spikes, w, windows=windows)[0], weight)
    return [*pull(ct)]


def _kernel_shape(spikes: Any, ct: Any, windows: Windows) -> tuple[int, ...]:
    return *(a.window for a in windows), spikes.shape[-1], ct.shape[-1]


def _product_shape(o: ByName, windows: Windows) -> dict[str, Any]:
    front = o.spikes.shape[: len(o.spikes.shape) - len(windows) - 1]
    shape = *front, *(a.n_out for a in windows), o.weight.shape[-1]
    return {"product": jax.ShapeDtypeStruct(shape, o.weight.dtype)}


def _outer_shape(o: ByName, windows: Windows) -> dict[str, Any]:
    return {"product": jax.ShapeDtypeStruct(_kernel_shape(o.spikes, o.ct, windows), o.ct.dtype)}


def _mirrored(ct: Any, weight: Any, windows: Windows) -> Any:
    """The cotangent of the spikes."""
    weight = jnp.flip(weight, range(len(windows))).swapaxes(-1, -2)
    return convolution(ct, weight, tuple(a.mirrored() for a in windows))


def _attributes(o: ByName, windows: Windows) -> dict[str, Any]:
    del o
    return {"windows": np.asarray(windows, np.int32).ravel()}


product_p = Kernel(
    "conv_product",
    _product_reference,
    structure=("windows",),
    operands=(*inputs("spikes"), *params("weight")),
    outputs=_product_shape,
    linear={
        "spikes": lambda ct, o, windows: _mirrored(ct, o.weight, windows),
        "weight": lambda ct, o, windows: outer_p(spikes=o.spikes, ct=ct, windows=windows)[0],
    },
    batch=leading_axes("spikes"),
    dtypes={"weight": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
outer_p = Kernel(
    "conv_outer",
    _outer_reference,
    structure=("windows",),
    operands=inputs("spikes", "ct"),
    outputs=_outer_shape,
    linear={
        "spikes": lambda ct, o, windows: _mirrored(o.ct, ct, windows),
        "ct": lambda ct, o, windows: convolution(o.spikes, ct, windows),
    },
    dtypes={"ct": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
