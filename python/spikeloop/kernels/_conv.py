"""Spikes or numbers convolved with a kernel: where few inputs of a sample are not 0, work for these only.

product: y[…, p, k] = Σ_q Σ_c s[…, input(p, q), c] W[q, c, k]
outer:   W'[q, c, k] = Σ_… Σ_p s[…, input(p, q), c] y'[…, p, k]     the cotangent of W

Element q of the kernel lies in window p over the input `(p · stride + q · dilation − before) / spacing` of each axis.
The cotangent of s is a product with the mirrored kernel, in which outputs are inputs, and stride is spacing.

With `rounded` both factors of each are rounded to bfloat16 first; sums have the precision of W.
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


def convolution(spikes: Any, weight: Any, windows: Windows, rounded: bool = False) -> Any:
    """Spikes (..., *axes, channels), bool or graded, convolved with a kernel (*axes, channels, outputs)."""
    return product_p(spikes=spikes, weight=weight, windows=windows, rounded=rounded)[0]


def _batches(x: Any, windows: Windows, dtype: Any) -> Any:
    """`x` with one axis for all batches."""
    return x.astype(dtype).reshape(-1, *x.shape[x.ndim - len(windows) - 1 :])


def _product_reference(spikes: Any, weight: Any, *, windows: Windows, rounded: bool) -> list[Any]:
    space, dtype = "DHW"[-len(windows) :], jnp.bfloat16 if rounded else weight.dtype
    y = jax.lax.conv_general_dilated(
        _batches(spikes, windows, dtype), weight.astype(dtype), [a.stride for a in windows],
        [a.padding() for a in windows], [a.spacing for a in windows], [a.dilation for a in windows],
        (f"N{space}C", f"{space}IO", f"N{space}C"), preferred_element_type=weight.dtype,
    )  # fmt: skip
    return [y.reshape(*spikes.shape[: spikes.ndim - len(windows) - 1], *y.shape[1:])]


def _outer_reference(spikes: Any, ct: Any, *, windows: Windows, rounded: bool) -> list[Any]:
    weight = jax.ShapeDtypeStruct(_kernel_shape(spikes, ct, windows), ct.dtype)
    spikes, ct = (_batches(x, windows, ct.dtype) for x in (spikes, ct))
    if rounded:  # in their own dtype: JAX transposes no convolution that sums with more precision than its factors have
        spikes, ct = (jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7) for x in (spikes, ct))
    pull = jax.linear_transpose(lambda w: _product_reference(spikes, w, windows=windows, rounded=False)[0], weight)
    return [*pull(ct)]


def _kernel_shape(spikes: Any, ct: Any, windows: Windows) -> tuple[int, ...]:
    return *(a.window for a in windows), spikes.shape[-1], ct.shape[-1]


def _product_shape(o: ByName, windows: Windows, rounded: bool) -> dict[str, Any]:
    del rounded
    front = o.spikes.shape[: len(o.spikes.shape) - len(windows) - 1]
    shape = *front, *(a.n_out for a in windows), o.weight.shape[-1]
    return {"product": jax.ShapeDtypeStruct(shape, o.weight.dtype)}


def _outer_shape(o: ByName, windows: Windows, rounded: bool) -> dict[str, Any]:
    del rounded
    return {"product": jax.ShapeDtypeStruct(_kernel_shape(o.spikes, o.ct, windows), o.ct.dtype)}


def _mirrored(ct: Any, weight: Any, windows: Windows, rounded: bool) -> Any:
    """The cotangent of the spikes."""
    weight = jnp.flip(weight, range(len(windows))).swapaxes(-1, -2)
    return convolution(ct, weight, tuple(a.mirrored() for a in windows), rounded)


def _outer(spikes: Any, ct: Any, windows: Windows, rounded: bool) -> Any:
    return outer_p(spikes=spikes, ct=ct, windows=windows, rounded=rounded)[0]


def _attributes(o: ByName, windows: Windows, rounded: bool) -> dict[str, Any]:
    del o
    return {"windows": np.asarray(windows, np.int32).ravel(), "rounded": rounded}


product_p = Kernel(
    "conv_product",
    _product_reference,
    structure=("windows", "rounded"),
    operands=(*inputs("spikes"), *params("weight")),
    outputs=_product_shape,
    linear={
        "spikes": lambda ct, o, **structure: _mirrored(ct, o.weight, **structure),
        "weight": lambda ct, o, **structure: _outer(o.spikes, ct, **structure),
    },
    batch=leading_axes("spikes"),
    dtypes={"weight": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
outer_p = Kernel(
    "conv_outer",
    _outer_reference,
    structure=("windows", "rounded"),
    operands=inputs("spikes", "ct"),
    outputs=_outer_shape,
    linear={
        "spikes": lambda ct, o, **structure: _mirrored(o.ct, ct, **structure),
        "ct": lambda ct, o, **structure: convolution(o.spikes, ct, **structure),
    },
    dtypes={"ct": FLOATS},
    attributes=_attributes,
    platforms=("cpu",),
)
