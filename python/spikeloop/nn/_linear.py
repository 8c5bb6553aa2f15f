"""Layers that multiply by a dense matrix."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import init
from .._errors import ShapeError, UnitError
from .._state import ParamState
from ._module import Module, as_size

_KAIMING, _ZERO, _NORMAL = init.KaimingNormal(), init.ZeroInit(), init.Normal()


class Linear(Module):
    """y = x W + b, over the last axis.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of input and output, alike but for the last axis | |
    | `w_init` | W: an initializer, or an array (in, out) | `KaimingNormal()` |
    | `b_init` | b: an initializer, an array, or None for no bias. Zeros without unit take W's | `ZeroInit()` |
    | `w_mask` | what W is multiplied by in every call, an array (in, out) or a function of that shape | none |
    | `param_type` | the kind of State that holds {'weight', 'bias'} | ParamState |

    Raises ShapeError if sizes do not fit, UnitError if x W and b differ in dimension.
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        w_init: Any = _KAIMING,
        b_init: Any = _ZERO,
        w_mask: Any = None,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        super().__init__(name)
        shape = _set_sizes(self, in_size, out_size)
        self.w_mask = init.param(w_mask, shape, name="Linear: w_mask")
        self.weight = param_type(_parameters(self, w_init, b_init, shape, shape[1:]))

    def update(self, x: Any) -> Any:
        """The output x W + b."""
        params = self.weight.value
        x, x_unit = _input(self, x)
        weight, unit = _split(params["weight"])
        if self.w_mask is not None:
            mask, mask_unit = _split(self.w_mask)
            weight, unit = weight * mask, unit * mask_unit
        y = _joined(_product(x, weight), x_unit * unit)
        return _with_bias(self, y, params)


class SignedWLinear(Module):
    """y = x (|W| · sign), over the last axis; the weights keep their sign while they are trained.

    `w_sign` is +1 or −1, one for all or an array (in, out); None means +1. The rest is as in `Linear`.
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        w_init: Any = _KAIMING,
        w_sign: Any = None,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        super().__init__(name)
        shape = _set_sizes(self, in_size, out_size)
        self.w_sign = init.param(w_sign, shape, name="SignedWLinear: w_sign")
        weight = init.param(w_init, shape, allow_none=False, allow_scalar=False, name="SignedWLinear: w_init")
        self.weight = param_type(weight)

    def update(self, x: Any) -> Any:
        """The output x (|W| · sign)."""
        x, x_unit = _input(self, x)
        weight, unit = _split(self.weight.value)
        weight = jnp.abs(weight) if self.w_sign is None else jnp.abs(weight) * self.w_sign
        return _joined(_product(x, weight), x_unit * unit)


class AllToAll(Module):
    """y = x W + b, where W may be one number for all connections.

    `include_self=False` leaves out the connections from each index to itself. The rest is as in `Linear`, but without
    bias by default.
    """

    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        w_init: Any = _KAIMING,
        b_init: Any = None,
        include_self: bool = True,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        super().__init__(name)
        shape = _set_sizes(self, in_size, out_size)
        self.include_self = include_self
        self.weight = param_type(_parameters(self, w_init, b_init, shape, shape[1:], one_number=True))

    def update(self, x: Any) -> Any:
        """The output x W + b."""
        params = self.weight.value
        x, x_unit = _input(self, x)
        weight, unit = _split(params["weight"])
        y = self._sums(_floats(x, weight)) * weight if weight.ndim == 0 else _product(x, self._without_self(weight))
        return _with_bias(self, _joined(y, x_unit * unit), params)

    def _without_self(self, weight: Any) -> Any:
        return weight if self.include_self else jnp.where(jnp.eye(*weight.shape, dtype=bool), 0, weight)

    def _sums(self, x: Any) -> Any:
        """What every target receives through weights of 1."""
        assert self.out_size is not None
        n_in, n_out = x.shape[-1], self.out_size[-1]
        total = jnp.broadcast_to(x.sum(-1, keepdims=True), (*x.shape[:-1], n_out))
        if self.include_self:
            return total
        own = x[..., :n_out] if n_out <= n_in else jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n_out - n_in)])
        return total - own


class OneToOne(Module):
    """y = w x + b, element by element; parameters as in `Linear`."""

    def __init__(
        self,
        in_size: Any,
        w_init: Any = _NORMAL,
        b_init: Any = None,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        super().__init__(name)
        shape = self.in_size = self.out_size = as_size(in_size, "OneToOne: in_size")
        self.weight = param_type(_parameters(self, w_init, b_init, shape, shape, one_number=True))

    def update(self, x: Any) -> Any:
        """The output w x + b."""
        params = self.weight.value
        x, x_unit = _input(self, x)
        weight, unit = _split(params["weight"])
        return _with_bias(self, _joined(x * weight, x_unit * unit), params)


def _set_sizes(layer: Module, in_size: Any, out_size: Any) -> tuple[int, int]:
    layer.in_size, layer.out_size = in_size, out_size
    given_in, given_out = as_size(in_size, "in_size"), as_size(out_size, "out_size")
    if given_in[:-1] != given_out[:-1]:
        raise ShapeError(
            f"{type(layer).__name__}: in_size and out_size may differ in their last axis only; "
            f"given {given_in} and {given_out}."
        )
    return given_in[-1], given_out[-1]


def _parameters(
    layer: Module, w_init: Any, b_init: Any, shape: Any, b_shape: Any, *, one_number: bool = False
) -> dict[str, Any]:
    name = type(layer).__name__
    weight = init.param(w_init, shape, allow_none=False, allow_scalar=one_number, name=f"{name}: w_init")
    if b_init is None:
        return {"weight": weight}
    bias, unit = _split(init.param(b_init, b_shape, allow_scalar=False, name=f"{name}: b_init"))
    if isinstance(b_init, init.Initializer) and b_init == _ZERO:
        unit = _split(weight)[1]
    return {"weight": weight, "bias": _joined(bias, unit)}


def _input(layer: Module, x: Any) -> tuple[Any, Any]:
    x, unit = _split(x)
    size = layer.in_size or ()
    if x.shape[max(x.ndim - len(size), 0) :] != size:
        expected = ", ".join(map(str, ("...", *size)))
        raise ShapeError(f"{layer.path} takes inputs of shape ({expected}); given {x.shape}.")
    return x, unit


def _product(x: Any, weight: Any) -> Any:
    return jnp.dot(_floats(x, weight), weight)


def _floats(x: Any, weight: Any) -> Any:
    """`x`, which may be spikes as bool, as floats."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(weight.dtype)


def _with_bias(layer: Module, y: Any, params: dict[str, Any]) -> Any:
    if "bias" not in params:
        return y
    (y, unit), (bias, bias_unit) = _split(y), _split(params["bias"])
    if unit != bias_unit:
        if not unit.has_same_dim(bias_unit):
            raise UnitError(
                f"{layer.path} computes values {_in(unit)}, but its bias is {_in(bias_unit)}. "
                f"Write b_init=sl.init.ZeroInit(unit) with the right unit, or b_init=None."
            )
        bias = u.Quantity(bias, unit=bias_unit).to_decimal(unit)
    return _joined(y + bias, unit)


def _in(unit: Any) -> str:
    return "without unit" if unit == u.UNITLESS else f"in {unit}"


def _split(value: Any) -> tuple[Any, Any]:
    return (value.mantissa, value.unit) if isinstance(value, u.Quantity) else (jnp.asarray(value), u.UNITLESS)


def _joined(value: Any, unit: Any) -> Any:
    return value if unit == u.UNITLESS else u.Quantity(value, unit=unit)
