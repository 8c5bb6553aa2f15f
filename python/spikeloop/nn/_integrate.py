"""One time step of a differential equation; the time step is `dt` of `environ`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ, random
from .._errors import ShapeError, UnitError
from .._math import exp_euler
from .._runge_kutta import rk2, rk4
from .._shapes import fits
from ..random._units import attach


def exp_euler_step(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    r"""One exponential Euler step of dx/dt = f(x, …), or of dx = f(x, …) dt + g(x, …) dW.

    $$x \leftarrow x + \Delta t\, \varphi(\Delta t\, \partial f / \partial x)\, f(x), \qquad \varphi(z) = (e^z - 1)/z$$

    Exact where f is linear in x; of order 2 if nothing else in f changes with time, else of order 1. The noise adds
    g √Δt ξ with ξ standard normal, drawn from `random.DEFAULT`.

    | name | meaning |
    |---|---|
    | `f` | the derivative, each element a function of the same element of x; `f(x, *args, **kwargs)` in [x]/[dt] |
    | `g` | the strength of the noise, `g(x, *args, **kwargs)` in [x]/√[dt]; may be left out |
    | `x` | the state, an array of floats or a Quantity |
    | `*args`, `**kwargs` | passed on to f and g |

    Returns x after the step. Raises UnitError if f or g has another unit, TypeError if x is no array of floats.

    Called as `exp_euler_step(f, x, *args)` or `exp_euler_step(f, g, x, *args)`.

    Hochbruck M, Ostermann A (2010) Acta Numerica 19:209.
    """
    g, args = (args[0], args[1:]) if args and callable(args[0]) else (None, args)
    if not args:
        raise TypeError("exp_euler_step needs the state: exp_euler_step(f, x, ...) or exp_euler_step(f, g, x, ...).")
    step = _Step("exp_euler_step", args[0])
    if len(step.numbers) != 1:
        raise TypeError("exp_euler_step takes one array as state; call it once for each, or use rk4_step.")
    (x,) = step.numbers
    rate = lambda x: step.rate(f, [x], args[1:], kwargs)[0]  # noqa: E731
    value, slope = jax.jvp(rate, (x,), (jnp.ones_like(x),))
    new = exp_euler(x, step.dt, value, slope)
    if g is not None:
        (strength,) = step.rate(g, [x], args[1:], kwargs, power=0.5, name="g")
        new = new + strength * jnp.sqrt(jnp.asarray(step.dt, x.dtype)) * random.randn_like(x, dtype=x.dtype)
    return step.join([new])


def rk2_step(f: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """One step of the midpoint method for dx/dt = f(x, …), of order 2; arguments as in `rk4_step`."""
    step = _Step("rk2_step", x)
    return step.advanced(rk2(partial(step.stage, f, args, kwargs)))


def rk4_step(f: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """One step of the classical Runge–Kutta method for dx/dt = f(x, …), of order 4.

    | name | meaning |
    |---|---|
    | `f` | the derivative, `f(x, *args, **kwargs)`, with the structure of x and units [x]/[dt] |
    | `x` | the state: an array of floats, a Quantity, or a tuple, list or dict of them |
    | `*args`, `**kwargs` | passed on to f, the same in all stages |

    If `environ` has a time `t`, `environ.get('t')` inside f is the time of the stage.

    Returns x after the step. Raises UnitError if f has another unit, TypeError if x or f(x) has another structure.
    """
    step = _Step("rk4_step", x)
    return step.advanced(rk4(partial(step.stage, f, args, kwargs)))


class _Step:
    """A state as plain numbers, its units, and the time step."""

    def __init__(self, where: str, x: Any):
        self.where = where
        leaves, self.tree = jax.tree.flatten(x, is_leaf=_is_quantity)
        self.units = [_unit(leaf) for leaf in leaves]
        self.numbers = [jnp.asarray(u.get_mantissa(leaf)) for leaf in leaves]
        for number in self.numbers:
            if not jnp.issubdtype(number.dtype, jnp.floating):
                raise TypeError(f"{where}: the state must hold floats; given {number.dtype}.")
        dt = environ.get("dt", desc=f"the time step, by nn.{where}")
        self.dt, self.dt_unit = u.get_mantissa(dt), _unit(dt)

    def rate(
        self, f: Any, numbers: Sequence[Any], args: Any, kwargs: Any, *, power: float = 1.0, name: str = "f"
    ) -> list[Any]:
        """Values of f at the state `numbers`, as plain numbers per dt^power."""
        leaves, tree = jax.tree.flatten(f(self.join(numbers), *args, **kwargs), is_leaf=_is_quantity)
        if tree != self.tree:
            raise TypeError(f"{self.where}: {name} must return {self.tree}, as the state is; it returns {tree}.")
        return [
            self._checked(leaf, number, unit / self.dt_unit**power, name)
            for leaf, number, unit in zip(leaves, numbers, self.units, strict=True)
        ]

    def stage(self, f: Any, args: Any, kwargs: Any, slope: Sequence[Any] | None, part: float) -> list[Any]:
        """Values of f after `part` of the step along `slope`, or at its start."""
        if slope is None:
            return self.rate(f, self.numbers, args, kwargs)
        t = environ.get("t", default=None)
        if t is None or not _unit(t).has_same_dim(self.dt_unit):
            later = contextlib.nullcontext()
        else:
            later = environ.context(t=t + attach(part * self.dt, self.dt_unit))
        with later:
            return self.rate(f, self._moved([(slope, part)]), args, kwargs)

    def advanced(self, stages: Sequence[tuple[Sequence[Any], float]]) -> Any:
        """The state after the step, from the rates of its stages and their weights."""
        return self.join(self._moved(stages))

    def join(self, numbers: Sequence[Any]) -> Any:
        """The state that these numbers stand for."""
        leaves = [attach(number, unit) for number, unit in zip(numbers, self.units, strict=True)]
        return jax.tree.unflatten(self.tree, leaves)

    def _moved(self, along: Sequence[tuple[Sequence[Any], float]]) -> list[Any]:
        return [x + self.dt * sum(part * slope[i] for slope, part in along) for i, x in enumerate(self.numbers)]

    def _checked(self, value: Any, number: Any, unit: Any, name: str) -> Any:
        given = _unit(value)
        if not given.has_same_dim(unit):
            expected = "a plain number" if unit.is_unitless else f"a value in {unit}"
            raise UnitError(f"{self.where}: {name} must return {expected}; it returns one in {given}.")
        value = value.to_decimal(unit) if isinstance(value, u.Quantity) else value
        if not fits(jnp.shape(value), number.shape):
            raise ShapeError(f"{self.where}: {name} returns shape {jnp.shape(value)} for a state of {number.shape}.")
        return jnp.broadcast_to(jnp.asarray(value, number.dtype), number.shape)


def _is_quantity(value: Any) -> bool:
    return isinstance(value, u.Quantity)


def _unit(value: Any) -> Any:
    return value.unit if isinstance(value, u.Quantity) else u.UNITLESS
