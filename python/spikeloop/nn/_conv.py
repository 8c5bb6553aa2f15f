"""Convolutions over images and signals whose last axis is that of the channels."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import init
from .._errors import ShapeError
from .._module import Module
from .._state import ParamState
from ..kernels._conv import Axis, Windows, convolution
from ._layer import SHAPES, check_window, image_size, pads, rounds, windows
from ._linear import Dense

_KAIMING, _ZERO = init.KaimingNormal(), init.ZeroInit()


class _Conv(Dense):
    """Base of convolutions over `axes` axes."""

    axes: ClassVar[int]
    in_size: tuple[int, ...]

    def __init__(
        self,
        in_size: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = "SAME",
        rhs_dilation: Any = 1,
        groups: int = 1,
        w_init: Any = _KAIMING,
        b_init: Any = _ZERO,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        Module.__init__(self, name)
        what = type(self).__name__
        size = image_size(in_size, self.axes, what)
        if size[-1] % groups or out_channels % groups:
            raise ShapeError(
                f"{what}: {size[-1]} input and {out_channels} output channels do not make {groups} groups."
            )
        self.in_size = size
        self.stride, self.rhs_dilation = (windows(x, self.axes, what) for x in (stride, rhs_dilation))
        self.padding, self.groups = pads(padding, self.axes, what), groups
        self._shape = *windows(kernel_size, self.axes, what), size[-1] // groups, out_channels
        self._hold(param_type, self._parameters(w_init, b_init, (out_channels,)))
        self.out_size = *(axis.n_out for axis in self._windows()), out_channels
        check_window(self.out_size, f"{what}: a kernel of {self._shape[: self.axes]} is larger than the input {size}")

    def _windows(self) -> Windows:
        size, kernel = self.in_size[:-1], self._shape[: self.axes]
        padding = self.padding
        if isinstance(padding, str):
            covered = [(n - 1) * d + 1 for n, d in zip(kernel, self.rhs_dilation, strict=True)]
            padding = jax.lax.padtype_to_pads(size, covered, self.stride, padding)
        return tuple(map(Axis.of, size, kernel, self.stride, padding, self.rhs_dilation))

    def _product(self, x: Any, weight: Any) -> Any:
        """The convolution. Where few of the inputs of a sample are not 0, only their weights are touched."""
        is_plain = x.dtype in (jnp.bool_, weight.dtype)
        if self.groups == 1 and is_plain:
            return convolution(x, weight, self._windows(), rounds(weight))
        if is_plain and self._shape[-2] > 1:  # on CPUs XLA takes five to ten times as long
            return jax.lax.platform_dependent(x, weight, cpu=self._by_group, default=self._by_xla)
        return self._by_xla(x, weight)

    def _by_group(self, x: Any, weight: Any) -> Any:
        """The convolutions of all groups, one after the other."""
        x, weight = (z.reshape(*z.shape[:-1], self.groups, z.shape[-1] // self.groups) for z in (x, weight))
        one = lambda x, weight: convolution(x, weight, self._windows(), rounds(weight))  # noqa: E731
        y = jax.vmap(one, in_axes=-2, out_axes=-2)(x, weight)
        return y.reshape(*y.shape[:-2], self._shape[-1])

    def _by_xla(self, x: Any, weight: Any) -> Any:
        spatial = "DHW"[-self.axes :]
        many = jnp.reshape(x.astype(weight.dtype) if x.dtype == jnp.bool_ else x, (-1, *self.in_size))
        layout = f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"
        y = jax.lax.conv_general_dilated(
            many, weight, self.stride, self.padding, rhs_dilation=self.rhs_dilation, dimension_numbers=layout,
            feature_group_count=self.groups,
        )  # fmt: skip
        return y.reshape(*x.shape[: x.ndim - len(self.in_size)], *y.shape[1:])


_DOCUMENTATION = """A convolution over {0}, {1}; batches and time stand in front.

    y[p, k] = Σ W[q, c, k] x[p · stride + q · dilation − padding, c] + b[k], as in deep learning a correlation.
    Of spikes, bool or numbers, work grows with their number while it is small, as in `Linear`, but not in groups of one
    channel.

    | name | meaning | default |
    |---|---|---|
    | `in_size` | {1} | |
    | `out_channels` | the number of output channels | |
    | `kernel_size` | the length of the kernel, or one for each axis | |
    | `stride` | the distance of two windows, likewise | 1 |
    | `padding` | "SAME", "VALID", a number of zeros at both ends, or a pair for each axis | "SAME" |
    | `rhs_dilation` | the distance of two elements of the kernel | 1 |
    | `groups` | groups of channels that do not see each other | 1 |
    | `w_init` | W: an initializer, or an array (*kernel, channels / groups, out_channels) | `KaimingNormal()` |
    | `b_init` | b: an initializer, an array, or None for no bias | `ZeroInit()` |
    | `param_type` | the kind of State that holds {{'weight', 'bias'}} | ParamState |

    Raises ShapeError if sizes do not fit.
    """


class Conv1d(_Conv):
    __doc__ = _DOCUMENTATION.format(*SHAPES[1])
    axes = 1


class Conv2d(_Conv):
    __doc__ = _DOCUMENTATION.format(*SHAPES[2])
    axes = 2


class Conv3d(_Conv):
    __doc__ = _DOCUMENTATION.format(*SHAPES[3])
    axes = 3
