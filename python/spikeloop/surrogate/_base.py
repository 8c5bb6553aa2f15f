"""What all surrogate gradients share."""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
from collections.abc import Callable
from typing import Any, ClassVar, Concatenate, ParamSpec, dataclass_transform

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ
from .._errors import UnitError
from .._keywords import name_keywords

P = ParamSpec("P")

_NUM_OPERANDS = 4  # the parameters that every native kernel takes


@dataclass_transform(frozen_default=True)
@dataclasses.dataclass(frozen=True)
class Surrogate:
    """A spike function: 1 where x ≥ 0, else 0, with `derivative(x)` as its derivative.

    Subclass it with annotated numbers as parameters and `derivative` in plain jnp:

        class Triangle(sl.surrogate.Surrogate):
            width: float = 1.0

            def derivative(self, x):
                return jnp.maximum(1 - jnp.abs(x) / self.width, 0)

    Instances are immutable and equal if their types and parameters are. Second derivatives are those of `derivative`.
    """

    code: ClassVar[int | None] = None
    """The number of the native kernels' own formula, None if they have none."""

    def __init_subclass__(cls, code: int | None = None, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.code = code
        dataclasses.dataclass(frozen=True)(cls)
        name_keywords(cls)
        if code is not None and len(dataclasses.fields(cls)) > _NUM_OPERANDS:
            raise TypeError(f"{cls.__name__} has a native code, but more than {_NUM_OPERANDS} parameters.")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind = int if field.type in ("int", int) else float
            value = _as_number(getattr(self, field.name), kind, f"{type(self).__name__}: {field.name}")
            object.__setattr__(self, field.name, value)

    def derivative(self, x: Any) -> Any:
        """The derivative at `x`, an array of floats."""
        raise NotImplementedError(f"{type(self).__name__} does not define derivative(x).")

    def parameters(self) -> tuple[float, float, float, float]:
        """The parameters in their order, filled up with 0 to four."""
        values = dataclasses.astuple(self)[:_NUM_OPERANDS]
        a, b, c, d = (*map(float, values), *[0.0] * (_NUM_OPERANDS - len(values)))
        return a, b, c, d

    def __call__(self, x: Any) -> Any:
        if isinstance(x, u.Quantity):
            if not x.unit.has_same_dim(u.UNITLESS):
                msg = (
                    f"{type(self).__name__} takes the distance to the threshold as a plain number, such as "
                    f"(V - V_th) / (V_th - V_reset); given a value in {x.unit}."
                )
                raise UnitError(msg)
            x = x.to_decimal(u.UNITLESS)
        x = jnp.asarray(x)
        return _spike(self, x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(environ.dftype()))


def function_form(cls: Callable[P, Surrogate]) -> Callable[Concatenate[Any, P], Any]:
    """The function `f(x, **parameters)` of a class of surrogates."""

    def spike(x: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        return cls(*args, **kwargs)(x)

    own = inspect.signature(cls)
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    spike.__signature__ = inspect.Signature([x, *own.parameters.values()])
    spike.__doc__ = f"`{getattr(cls, '__name__', cls)}(...)(x)`."
    return spike


def _step(surrogate: Surrogate, x: jax.Array) -> jax.Array:
    return (x >= 0).astype(x.dtype)


_spike = jax.custom_jvp(_step, nondiff_argnums=(0,))


@_spike.defjvp
def _spike_jvp(surrogate: Surrogate, primals: tuple[jax.Array], tangents: tuple[Any]) -> tuple[jax.Array, Any]:
    (x,), (dx,) = primals, tangents
    return _spike(surrogate, x), surrogate.derivative(x) * dx


def _as_number(value: Any, kind: type, where: str) -> Any:
    try:
        number = operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError) as error:
        what = "a whole number" if kind is int else "a plain number, known before tracing"
        raise TypeError(f"{where} must be {what}; given {value!r}.") from error
    if not math.isfinite(number):
        raise ValueError(f"{where} must be finite; given {value!r}.")
    return number
