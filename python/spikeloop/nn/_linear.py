"""Layers that multiply by a dense matrix."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from .. import init
from .._errors import ShapeError, UnitError
from .._module import Module, as_size
from .._state import ParamState
from ..kernels._dense import dense_product
from ..random._units import attach, split
from ._layer import plain_input, rounds

_KAIMING, _ZERO, _NORMAL = init.KaimingNormal(), init.ZeroInit(), init.Normal()


class Dense(Module):
    """Base of layers with weights W from each input to each output: y = x W + b, over the last axis.

    A layer says in `_effective` what becomes of W before it is used, and in `_product` how it acts on x.
    """

    weight: Any  # a State that holds {'weight'} or {'weight', 'bias'}

    def __init__(self, in_size: Any, out_size: Any, name: str | None):
        super().__init__(name)
        self.in_size, self.out_size = in_size, out_size
        given_in, given_out = as_size(in_size, "in_size"), as_size(out_size, "out_size")
        if given_in[:-1] != given_out[:-1]:
            raise ShapeError(
                f"{type(self).__name__}: in_size and out_size may differ in their last axis only; "
                f"given {given_in} and {given_out}."
            )
        self._shape = given_in[-1], given_out[-1]

    def _parameters(self, w_init: Any, b_init: Any, b_shape: tuple[int, ...], *, one: bool = False) -> dict[str, Any]:
        name = type(self).__name__
        weight = init.param(w_init, self._shape, allow_none=False, allow_scalar=one, name=f"{name}: w_init")
        if b_init is None:
            return {"weight": weight}
        bias, unit = split(init.param(b_init, b_shape, allow_scalar=False, name=f"{name}: b_init"))
        if isinstance(b_init, init.Initializer) and b_init == _ZERO:
            unit = split(weight)[1]
        return {"weight": weight, "bias": attach(bias, unit)}

    def update(self, x: Any) -> Any:
        """The output x W + b."""
        params = self._values()
        x, x_unit = plain_input(self, x)
        weight, unit = split(self._effective(params["weight"]))
        if x.dtype != jnp.bool_ and not jnp.issubdtype(x.dtype, jnp.inexact):
            x = x.astype(weight.dtype)
        return self._with_bias(self._product(x, weight), x_unit * unit, params)

    def _hold(self, param_type: type, params: dict[str, Any]) -> None:
        self.weight = param_type(params)

    def _values(self) -> dict[str, Any]:
        return self.weight.value

    def _effective(self, weight: Any) -> Any:
        return weight

    def _product(self, x: Any, weight: Any) -> Any:
        """The product x W. Where few of the inputs of a sample are not 0, only their weights are touched."""
        is_plain = x.dtype in (jnp.bool_, weight.dtype)
        return dense_product(x, weight, rounds(weight)) if is_plain else jnp.dot(x, weight)

    def _with_bias(self, y: Any, unit: Any, params: dict[str, Any]) -> Any:
        if "bias" not in params:
            return attach(y, unit)
        bias, bias_unit = split(params["bias"])
        if unit != bias_unit:
            if not unit.has_same_dim(bias_unit):
                raise UnitError(
                    f"{self.path} computes values {_in(unit)}, but its bias is {_in(bias_unit)}. "
                    f"Write b_init=sl.init.ZeroInit(unit) with the right unit, or b_init=None."
                )
            bias = u.Quantity(bias, unit=bias_unit).to_decimal(unit)
        return attach(y + bias, unit)


class Linear(Dense):
    """y = x W + b, over the last axis. Of spikes, bool or numbers, work grows with their number while it is small.

    On a CPU a sample of which up to a sixth is not 0 touches the weights of these inputs only, forward and in the
    gradient of W; both ways add in the same order, so that results do not depend on it.

    | name | meaning | default |
    |---|---|---|
    | `in_size`, `out_size` | shapes of input and output, alike but for the last axis | |
    | `w_init` | W: an initializer, or an array (in, out) | `KaimingNormal()` |
    | `b_init` | b: an initializer, an array, or None for no bias. Zeros without unit take W's | `ZeroInit()` |
    | `w_mask` | what W is multiplied by in every call, an array (in, out) or a function of that shape | none |
    | `param_type` | the kind of State that holds {'weight', 'bias'} | ParamState |

    Raises ShapeError if sizes do not fit, UnitError if x W and b differ in dimension.

    >>> layer = sl.nn.Linear(2, 3, w_init=sl.init.Constant(0.5))
    >>> layer(jnp.array([1.0, 2.0])).tolist()
    [1.5, 1.5, 1.5]
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
        super().__init__(in_size, out_size, name)
        self.w_mask = init.param(w_mask, self._shape, name="Linear: w_mask")
        self._hold(param_type, self._parameters(w_init, b_init, self._shape[1:]))

    def _effective(self, weight: Any) -> Any:
        return weight if self.w_mask is None else weight * self.w_mask


class SignedWLinear(Dense):
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
        super().__init__(in_size, out_size, name)
        self.w_sign = init.param(w_sign, self._shape, name="SignedWLinear: w_sign")
        self._hold(param_type, self._parameters(w_init, None, ()))

    def _effective(self, weight: Any) -> Any:
        return abs(weight) if self.w_sign is None else abs(weight) * self.w_sign


class AllToAll(Dense):
    """y = x W + b, where W may be one number for all connections.

    `include_self=False` leaves out the connections from each index to itself. The rest is as in `Linear`, but without
    bias by default. The rule for synapses is `connect.AllToAll`.

    >>> layer = sl.nn.AllToAll(2, 3, w_init=0.5)
    >>> layer(jnp.array([1.0, 2.0])).tolist()
    [1.5, 1.5, 1.5]
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
        super().__init__(in_size, out_size, name)
        self.include_self = include_self
        self._hold(param_type, self._parameters(w_init, b_init, self._shape[1:], one=True))

    def _product(self, x: Any, weight: Any) -> Any:
        if weight.ndim == 0:
            return self._sums(x.astype(weight.dtype)) * weight
        if not self.include_self:
            weight = jnp.where(jnp.eye(*weight.shape, dtype=bool), 0, weight)
        return super()._product(x, weight)

    def _sums(self, x: Any) -> Any:
        """What every target receives through weights of 1."""
        n_in, n_out = self._shape
        total = jnp.broadcast_to(x.sum(-1, keepdims=True), (*x.shape[:-1], n_out))
        if self.include_self:
            return total
        own = x[..., :n_out] if n_out <= n_in else jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n_out - n_in)])
        return total - own


class OneToOne(Dense):
    """y = w x + b, element by element; parameters as in `Linear`. The rule for synapses is `connect.OneToOne`.

    >>> sl.nn.OneToOne(2, 0.5)(jnp.array([1.0, 2.0])).tolist()
    [0.5, 1.0]
    """

    def __init__(
        self,
        in_size: Any,
        w_init: Any = _NORMAL,
        b_init: Any = None,
        name: str | None = None,
        param_type: type = ParamState,
    ):
        super().__init__(in_size, in_size, name)
        self._shape = as_size(in_size, "OneToOne: in_size")
        self._hold(param_type, self._parameters(w_init, b_init, self._shape, one=True))

    def _product(self, x: Any, weight: Any) -> Any:
        return x * weight


def _in(unit: Any) -> str:
    return "without unit" if unit == u.UNITLESS else f"in {unit}"
