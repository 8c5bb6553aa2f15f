"""What all surrogate gradients share."""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, dataclass_transform

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import UnitError
from .._jax import is_tracer
from .._keywords import name_keywords
from .._state import State, value_of

P = ParamSpec("P")

_OPERAND = object()  # in the place of a parameter that is an operand


@dataclass_transform()
class Surrogate:
    """A spike function: 1 where x ≥ 0, else 0, with `derivative(x)` as its derivative.

    Subclass it with annotated numbers as parameters and `derivative` in plain jnp:

        class Triangle(sl.surrogate.Surrogate):
            width: float = 1.0

            def derivative(self, x):
                return jnp.maximum(1 - jnp.abs(x) / self.width, 0)

    An `__init__` of your own that assigns attributes works as well, and so does the name `surrogate_grad` for
    `derivative`. A parameter is a number, an array that repeats to x, a traced value or a ParamState; spikes do not
    depend on it, and their derivative by it is 0. Instances are immutable; two are equal if their types and parameters
    are, arrays and States by identity. Second derivatives are those of `derivative`.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(eq=False, repr=False)(cls)
        name_keywords(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__:
            raise dataclasses.FrozenInstanceError(f"{type(self).__name__} is immutable: make a new one.")
        field = getattr(type(self), "__dataclass_fields__", {}).get(name)
        if field is not None:
            kind = int if field.type in ("int", int) else float
            value = _as_number(value, kind, f"{type(self).__name__}: {name}")
        object.__setattr__(self, name, value)

    def derivative(self, x: Any) -> Any:
        """The derivative at `x`, an array of floats."""
        if type(self).surrogate_grad is Surrogate.surrogate_grad:
            raise NotImplementedError(f"{type(self).__name__} does not define derivative(x).")
        return self.surrogate_grad(x)

    def surrogate_grad(self, x: Any) -> Any:
        """`derivative`, under the name of brainpy.state."""
        return self.derivative(x)

    @property
    def label(self) -> str:
        """Its name in messages."""
        return type(self).__name__

    def surrogate_fun(self, x: Any) -> Any:
        """A smooth function with the derivative `derivative`, for figures; spikes do not use it."""
        raise NotImplementedError(f"{type(self).__name__} does not define surrogate_fun(x).")

    def parameters(self) -> tuple[Any, ...]:
        """What kernels take as operands: the parameters that are no plain numbers."""
        return tuple(value_of(getattr(self, name)) for name in self._varying())

    def structure(self) -> Surrogate:
        """The same without the parameters that are no plain numbers, which `bound` puts back."""
        varying = self._varying()
        return self._with(dict.fromkeys(varying, _OPERAND)) if varying else self

    def bound(self, operands: Sequence[Any]) -> Surrogate:
        """The function that a `structure` makes with these `parameters`."""
        names = [name for name, value in vars(self).items() if value is _OPERAND]
        return self._with(dict(zip(names, operands, strict=True))) if names else self

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
        x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(environ.dftype())
        return _spike(self.structure(), x, self.parameters() if self._varying() else ())

    @classmethod
    def _fields(cls) -> list[str]:
        """The names of the annotated parameters."""
        return [*getattr(cls, "__dataclass_fields__", {})]

    def _varying(self) -> list[str]:
        """The names of parameters that are arrays, traced values or States, or stand for one."""
        arrays = (State, jax.Array, np.ndarray)
        return [name for name, value in vars(self).items() if isinstance(value, arrays) or value is _OPERAND]

    def _with(self, values: dict[str, Any]) -> Surrogate:
        new = object.__new__(type(self))
        new.__dict__.update({**vars(self), **values})
        return new

    def _key(self) -> tuple[Any, ...]:
        return type(self), *((name, _by_value(value)) for name, value in vars(self).items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surrogate) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def function_form(cls: Callable[P, Surrogate]) -> Callable[Concatenate[Any, P], Any]:
    """The function `f(x, **parameters)` of a class of surrogates."""

    def spike(x: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
        return cls(*args, **kwargs)(x)

    own = inspect.signature(cls)
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    spike.__signature__ = inspect.Signature([x, *own.parameters.values()])
    spike.__doc__ = f"`{getattr(cls, '__name__', cls)}(...)(x)`."
    return spike


def _step(surrogate: Surrogate, x: jax.Array, operands: tuple[Any, ...]) -> jax.Array:
    return (x >= 0).astype(x.dtype)


_spike = jax.custom_jvp(_step, nondiff_argnums=(0,))


@_spike.defjvp
def _spike_jvp(surrogate: Surrogate, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[jax.Array, Any]:
    (x, operands), (dx, _) = primals, tangents
    bound = surrogate.bound([jnp.asarray(value, x.dtype) for value in operands])
    return _spike(surrogate, x, operands), bound.derivative(x) * dx


def _by_value(value: Any) -> Any:
    """What a parameter is compared by: its value, or its identity if it is an array or cannot be hashed."""
    if isinstance(value, (State, jax.Array)):
        return id(value)
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def _as_number(value: Any, kind: type, where: str) -> Any:
    array = value_of(value)
    if kind is float and isinstance(array, (jax.Array, np.ndarray)) and (is_tracer(array) or array.ndim):
        return _checked_array(value, array, where)
    if isinstance(value, State):
        return value
    try:
        number = operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError) as error:
        what = "a whole number" if kind is int else "a plain number or an array of floats"
        raise TypeError(f"{where} must be {what}; given {value!r}.") from error
    if not math.isfinite(number):
        raise ValueError(f"{where} must be finite; given {value!r}.")
    return number


def _checked_array(value: Any, array: Any, where: str) -> Any:
    """`value`, a State or array that holds `array`."""
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{where} must hold real numbers; given an array of {array.dtype}.")
    if not is_tracer(array) and not np.isfinite(array).all():
        raise ValueError(f"{where} must be finite; given {array!r}.")
    return value
