"""What all initializers share, and `param`, which turns what a user gives into an array."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Hashable
from typing import Any, ClassVar, dataclass_transform

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._jax import is_tracer
from .._keywords import name_keywords
from .._shapes import fits, repeat_to
from .._state import State, value_of
from .._value_key import value_key
from ..random import DEFAULT, RandomState
from ..random._units import attach, check_finite, common_unit


@dataclass_transform(frozen_default=True, eq_default=False)
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Initializer:
    """A rule for values: `init(size)` makes an array of that shape, with the unit of the rule's parameters.

    Subclass it with annotated parameters and `draw(self, shape, rng, key, dtype)`. Instances are immutable, and equal
    if their types and parameters are. A parameter `unit` is the unit of those parameters in `sized` that have none.
    Rules may be added, subtracted, multiplied and divided, also with numbers: `2 * Normal() + Constant(1.0)`. A
    Quantity stands on the right.
    """

    sized: ClassVar[tuple[str, ...]] = ()
    """The parameters that have the dimension of the result."""
    positive: ClassVar[tuple[str, ...]] = ()
    """The parameters that must be above 0."""
    not_negative: ClassVar[tuple[str, ...]] = ()
    """The parameters that must be 0 or more."""
    ascending: ClassVar[tuple[str, ...]] = ()
    """A lower and an upper bound."""
    infinite: ClassVar[tuple[str, ...]] = ()
    """The parameters that may be infinite."""
    finite: ClassVar[tuple[str, ...]] = ()
    """The parameters that are numbers, besides those above."""

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
        name_keywords(cls)

    def __post_init__(self) -> None:
        unit = getattr(self, "unit", None)
        if unit is not None and not isinstance(unit, u.Unit):
            raise TypeError(f"{type(self).__name__}: unit must be a unit such as u.mV; given {unit!r}.")
        if unit is not None and self.sized:
            for name in self.sized:
                value = getattr(self, name)
                if value is not None and not isinstance(value, u.Quantity):
                    object.__setattr__(self, name, attach(value, unit))
            object.__setattr__(self, "unit", None)
        self._check()

    def _check(self) -> None:
        """Refuse parameters that are no numbers, or no possible ones."""
        name, given = type(self).__name__, {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for field in dataclasses.fields(self):
            if given[field.name] is None and field.default is dataclasses.MISSING:
                raise ValueError(f"{name}: {field.name} must be given; it is None.")
        numbers = {*self.sized, *self.positive, *self.not_negative, *self.finite} - {*self.infinite}
        _, plain = common_unit(name, **self.values())
        check_finite(name, **{key: given[key] for key in given if key in numbers})
        check_finite(name, above=0, **{key: given[key] for key in self.positive})
        check_finite(name, least=0, **{key: given[key] for key in self.not_negative})
        bounds = [dict(zip(self.sized, plain, strict=True))[key] for key in self.ascending]
        known = [np.asarray(value_of(x)) for x in bounds if x is not None and not is_tracer(value_of(x))]
        if any(np.isnan(x).any() for x in known) or (len(known) == 2 and not (known[0] <= known[1]).all()):
            raise ValueError(f"{name}: {' must not be above '.join(self.ascending)}; given {self!r}.")

    def values(self) -> dict[str, Any]:
        """The parameters that have the dimension of the result."""
        return {name: getattr(self, name) for name in self.sized}

    def draw(self, shape: tuple[int, ...], rng: RandomState, key: Any, dtype: Any) -> Any:
        """The values."""
        raise NotImplementedError(f"{type(self).__name__} does not define draw(shape, rng, key, dtype).")

    def __call__(self, size: Any, *, key: Any = None, rng: Any = None, dtype: Any = None) -> Any:
        """An array of shape `size`, drawn from `key` (a JAX key or a seed), else from `rng`, else from the default.

        `rng` is a RandomState, or a generator of NumPy, of which one number becomes the seed of this draw.
        """
        dtype = environ.dftype() if dtype is None else dtype
        return self.draw(as_shape(size), _source(rng), key, dtype)

    __array_ufunc__ = None  # an array of NumPy on the left leaves the arithmetic to this class

    def _with(self, operation: str, other: Any, swapped: bool = False) -> Any:
        from ._composite import Combined

        if callable(other) and not isinstance(other, Initializer):
            return NotImplemented
        return Combined(operation, *((other, self) if swapped else (self, other)))

    def __add__(self, other: Any) -> Any:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Any:
        return self._with("+", other, swapped=True)

    def __sub__(self, other: Any) -> Any:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("-", other, swapped=True)

    def __mul__(self, other: Any) -> Any:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("*", other, swapped=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("/", other, swapped=True)

    def __neg__(self) -> Any:
        return self._with("*", -1)

    def clip(self, min_val: Any = None, max_val: Any = None) -> Any:
        """The rule with values outside [min_val, max_val] moved to the nearer bound."""
        from ._composite import Clipped

        return Clipped(self, min_val, max_val)

    def key(self) -> Hashable:
        """The type and the values of the parameters: arrays count by content."""
        return type(self), tuple(value_key(getattr(self, f.name)) for f in dataclasses.fields(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Initializer) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values = {name: getattr(value, "__name__", value) for name, value in fields.items()}
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in values.items() if v is not None)})"


def param(
    init: Any,
    sizes: Any,
    batch_size: int | None = None,
    allow_none: bool = True,
    allow_scalar: bool = True,
    *,
    name: str = "init.param",
    **kwargs: Any,
) -> Any:
    """The parameter that `init` describes, in `environ.dftype()`; messages show `name`.

    | `init` | result |
    |---|---|
    | None | None |
    | a number | that number; with `allow_scalar=False` an array full of it |
    | an array | itself; it must fit into `sizes`. With `batch_size`, repeated to (batch_size, *sizes) |
    | a function, such as an initializer | `init(sizes, **kwargs)`, or `init((batch_size, *sizes), **kwargs)` |
    | a State | that State; its value must fit |

    Raises ShapeError for an array that does not fit, TypeError for anything else, and for None with `allow_none=False`.
    """
    if init is None and allow_none:
        return None
    shape = as_shape(sizes)
    full = shape if batch_size is None else (operator.index(batch_size), *shape)
    if isinstance(init, State):
        for leaf in jax.tree.leaves(init.value):
            _check_fits(jnp.shape(leaf), shape, full, f"{name}: State {init.path}")
        return init
    if callable(init):
        value = _as_array(init(full, **kwargs), name)
        _check_fits(value.shape, full, full, f"{name}: the result of {init!r}")
        return _spread(value, full)
    value = _as_array(init, name)
    keep = allow_scalar if value.shape == () else batch_size is None
    _check_fits(value.shape, shape, full, f"{name}: an array")
    return value if keep else _spread(value, full)


def as_shape(size: Any) -> tuple[int, ...]:
    """A shape as a tuple."""
    return tuple(map(operator.index, size)) if isinstance(size, (tuple, list)) else (operator.index(size),)


def fill(value: Any, unit: Any, shape: tuple[int, ...], dtype: Any, where: str) -> Any:
    """An array of this shape with the number or numbers `value`."""
    value = jnp.asarray(value, dtype)
    _check_fits(value.shape, shape, shape, where)
    return attach(repeat_to(shape, value, dtype), unit)


def _source(rng: Any) -> RandomState:
    if rng is None:
        return DEFAULT
    if isinstance(rng, RandomState):
        return rng
    if isinstance(rng, np.random.Generator):
        return RandomState(int(rng.integers(1 << 32)))
    if isinstance(rng, np.random.RandomState) or rng is np.random:
        return RandomState(int(rng.randint(1 << 31)))
    raise TypeError(f"rng must be a RandomState or a generator of NumPy; given {rng!r}.")


def _as_array(value: Any, name: str) -> Any:
    numbers, unit = (value.mantissa, value.unit) if isinstance(value, u.Quantity) else (value, u.UNITLESS)
    if not isinstance(numbers, (int, float, complex, np.ndarray, np.generic, jax.Array, list, tuple)):
        raise TypeError(_no_value(name, value))
    numbers = numbers if isinstance(numbers, jax.Array) else np.asarray(numbers)
    if not (jnp.issubdtype(numbers.dtype, jnp.number) or numbers.dtype == bool):
        raise TypeError(_no_value(name, value))
    real = numbers.dtype != bool and not jnp.issubdtype(numbers.dtype, jnp.complexfloating)
    return attach(jnp.asarray(numbers, environ.dftype() if real else numbers.dtype), unit)


def _no_value(name: str, value: Any) -> str:
    return f"{name} must be a number, an array or a function of the shape; given {value!r}."


def _spread(value: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(value, u.Quantity):
        return u.Quantity(jnp.broadcast_to(value.mantissa, shape), unit=value.unit)
    return jnp.broadcast_to(value, shape)


def _check_fits(given: tuple[int, ...], shape: tuple[int, ...], full: tuple[int, ...], what: str) -> None:
    if given == full or fits(given, shape):
        return
    expected = f"{shape}" if shape == full else f"{shape} or {full}"
    raise ShapeError(f"{what} of shape {given} does not fit; expected one number or the shape {expected}.")
