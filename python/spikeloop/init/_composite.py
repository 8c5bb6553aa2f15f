"""Initializers made of others."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError
from ..random import RandomState
from ..random._units import attach, check_finite, common_unit
from ._base import Initializer

Shape = tuple[int, ...]


class Scaled(Initializer):
    """`base`, multiplied by `scale_factor`."""

    base: Initializer
    scale_factor: Any

    def __post_init__(self) -> None:
        _check_rules(self, base=self.base)
        check_finite("Scaled", scale_factor=self.scale_factor)

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        unit, (value,) = common_unit("Scaled", base=self.base.draw(shape, rng, key, dtype))
        factor_unit, (factor,) = common_unit("Scaled", scale_factor=self.scale_factor)
        return attach(value * jnp.asarray(factor, dtype), unit * factor_unit)


class Clipped(Initializer):
    """`base`, with values outside [min_val, max_val] moved to the nearer bound."""

    sized = ascending = infinite = ("min_val", "max_val")
    base: Initializer
    min_val: Any = None
    max_val: Any = None

    def __post_init__(self) -> None:
        _check_rules(self, base=self.base)
        super().__post_init__()

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        value = self.base.draw(shape, rng, key, dtype)
        unit, (value, low, high) = common_unit("Clipped", base=value, **self.values())
        low, high = (None if bound is None else jnp.asarray(bound, dtype) for bound in (low, high))
        return attach(jnp.clip(value, low, high), unit)


class Combined(Initializer):
    """`left` `operation` `right`, where each is a rule, a number or an array, and the operation '+', '-', '*' or '/'.

    Two rules are drawn independently of each other. It is what `Normal(...) + Constant(...)` makes.
    """

    operation: str
    left: Any
    right: Any

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        keys = _keys(rng, key, 2)
        both = {
            name: side.draw(shape, rng, key, dtype) if isinstance(side, Initializer) else side
            for name, side, key in zip(("left", "right"), (self.left, self.right), keys, strict=True)
        }
        if self.operation in "+-":
            unit, numbers = common_unit(f"Combined {self.operation}", **both)
        else:
            (left_unit, (left,)), (right_unit, (right,)) = (common_unit("Combined", **{n: x}) for n, x in both.items())
            unit, numbers = left_unit * right_unit if self.operation == "*" else left_unit / right_unit, (left, right)
        a, b = (jnp.asarray(number, dtype) for number in numbers)
        return attach(jnp.broadcast_to(_OPERATIONS[self.operation](a, b), shape), unit)


_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


class Mixture(Initializer):
    """Each value from one of `distributions`, chosen with the probabilities `weights`; by default all alike."""

    distributions: Sequence[Initializer]
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        n = len(self.distributions)
        _check_rules(self, **{f"distributions[{k}]": rule for k, rule in enumerate(self.distributions)})
        weights = np.full(n, 1 / max(n, 1)) if self.weights is None else np.asarray(self.weights, float)
        if n == 0 or weights.shape != (n,):
            raise ValueError(f"Mixture: {n} distributions but {weights.size} weights; needs as many, at least one.")
        if (weights < 0).any() or not np.isclose(weights.sum(), 1):
            raise ValueError(f"Mixture: weights must not be negative and sum to 1; given {self.weights}.")
        object.__setattr__(self, "distributions", tuple(self.distributions))
        object.__setattr__(self, "weights", tuple(map(float, weights)))

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        choose, *keys = _keys(rng, key, 1 + len(self.distributions))
        unit, values = _drawn("Mixture", self.distributions, shape, rng, keys, dtype)
        which = rng.choice(len(values), shape, p=jnp.asarray(self.weights, dtype), key=choose)
        return attach(jnp.choose(which, values, mode="clip"), unit)


class Conditional(Initializer):
    """`true_dist` where `condition_fn(index)` holds, else `false_dist`.

    `condition_fn` gets the indices 0, 1, … of all values, counted over all axes, and returns an array of truth values.
    """

    condition_fn: Callable[[np.ndarray], Any]
    true_dist: Initializer
    false_dist: Initializer

    def __post_init__(self) -> None:
        _check_rules(self, true_dist=self.true_dist, false_dist=self.false_dist)
        if not callable(self.condition_fn):
            raise TypeError(
                f"Conditional: condition_fn must be a function of the indices; given {self.condition_fn!r}."
            )

    def draw(self, shape: Shape, rng: RandomState, key: Any, dtype: Any) -> Any:
        both = self.true_dist, self.false_dist
        unit, values = _drawn("Conditional", both, shape, rng, _keys(rng, key, 2), dtype)
        n = math.prod(shape)
        holds = np.asarray(self.condition_fn(np.arange(n)))
        if holds.shape != (n,):
            raise ShapeError(f"Conditional: condition_fn must return shape ({n},); it returns {holds.shape}.")
        return attach(jnp.where(holds.astype(bool).reshape(shape), *values), unit)


def _check_rules(owner: Initializer, **rules: Any) -> None:
    for name, rule in rules.items():
        if not isinstance(rule, Initializer):
            raise TypeError(
                f"{type(owner).__name__}: {name} must be an initializer such as init.Constant(1.0); given {rule!r}."
            )


def _keys(rng: RandomState, key: Any, n: int) -> list[Any]:
    """Keys for `n` draws: split from `key`, or None to let each draw take its own."""
    return [None] * n if key is None else list(jax.random.split(rng.next_key(key), n))


def _drawn(
    where: str, rules: Sequence[Initializer], shape: Shape, rng: RandomState, keys: list[Any], dtype: Any
) -> tuple[Any, list[Any]]:
    """(the unit that the rules share, the values of each)."""
    values = {f"rule {k}": rule.draw(shape, rng, keys[k], dtype) for k, rule in enumerate(rules)}
    return common_unit(where, **values)
