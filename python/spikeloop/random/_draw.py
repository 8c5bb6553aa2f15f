"""The distributions."""

from __future__ import annotations

import operator
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .. import environ
from .._errors import ShapeError
from .._shapes import fits
from ._direct import normal, of_jax, truncated_normal, uniform
from ._state import KeyState
from ._units import attach, check_range, common_unit, plain

Size = int | tuple[int, ...] | list[int] | None


class RandomState(KeyState):
    """A source of random numbers that compiled functions, loops and `vmap` advance like any other State.

    Results are floats of `environ.dftype()` or integers of `environ.ditype()` unless `dtype` is given. Arguments that
    set a location or scale may carry a unit, which the result then has.

    | name | meaning | default |
    |---|---|---|
    | `size` | the shape of the result | that of the other arguments |
    | `key` | draw from this JAX key or seed and leave the State alone | the State's own |
    """

    def rand(self, *dn: int, key: Any = None, dtype: Any = None) -> Any:
        """Uniform on [0, 1), of shape `dn`."""
        return self.random(dn, key, dtype)

    def randn(self, *dn: int, key: Any = None, dtype: Any = None) -> Any:
        """Standard normal, of shape `dn`."""
        return self.standard_normal(dn, key, dtype)

    def random(self, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Uniform on [0, 1)."""
        return uniform(self.next_words(key), _size("random", size), _float(dtype))

    def standard_normal(self, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Normal with mean 0 and standard deviation 1."""
        return normal(self.next_words(key), _size("standard_normal", size), _float(dtype))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Uniform on [low, high)."""
        unit, (low, high) = common_unit("uniform", low=low, high=high)
        shape = _size("uniform", size, low, high)
        return attach(uniform(self.next_words(key), shape, _float(dtype), low, high), unit)

    def normal(self, loc: Any = None, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Normal with mean `loc` (0) and standard deviation `scale` (1)."""
        return self._loc_scale("normal", normal, loc, scale, size, key, dtype)

    def laplace(self, loc: Any = None, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Laplace: density exp(−|x − loc|/scale) / (2 scale)."""
        return self._loc_scale("laplace", of_jax(jax.random.laplace), loc, scale, size, key, dtype)

    def logistic(
        self, loc: Any = None, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None
    ) -> Any:
        """Logistic: distribution function sigmoid((x − loc)/scale)."""
        return self._loc_scale("logistic", of_jax(jax.random.logistic), loc, scale, size, key, dtype)

    def gumbel(self, loc: Any = None, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Gumbel: distribution function exp(−exp(−(x − loc)/scale))."""
        return self._loc_scale("gumbel", of_jax(jax.random.gumbel), loc, scale, size, key, dtype)

    def truncated_normal(
        self,
        lower: Any,
        upper: Any,
        size: Size = None,
        loc: Any = 0.0,
        scale: Any = 1.0,
        key: Any = None,
        dtype: Any = None,
        check_valid: bool = True,
    ) -> Any:
        """Normal with mean `loc` and standard deviation `scale`, given that it lies in [lower, upper]."""
        where = "truncated_normal"
        unit, (lower, upper, loc, scale) = common_unit(where, lower=lower, upper=upper, loc=loc, scale=scale)
        if check_valid:
            check_range(where, 0, scale=scale)
        shape, dtype = _size(where, size, lower, upper, loc, scale), _float(dtype)
        x = truncated_normal(self.next_words(key), shape, dtype, lower, upper, loc, scale)
        return attach(x, unit)

    def exponential(self, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Exponential with mean `scale` (1)."""
        return self._scaled("exponential", jax.random.exponential, None, scale, size, key, dtype)

    def gamma(self, shape: Any, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Gamma with mean `shape`·`scale`."""
        return self._scaled("gamma", jax.random.gamma, shape, scale, size, key, dtype)

    def weibull_min(self, a: Any, scale: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Weibull: distribution function 1 − exp(−(x/scale)^a)."""
        return self._scaled("weibull_min", _weibull, a, scale, size, key, dtype)

    def beta(self, a: Any, b: Any, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Beta on [0, 1] with mean a / (a + b)."""
        a, b = plain("beta", a=a, b=b)
        shape, dtype = _size("beta", size, a, b), _float(dtype)
        return jax.random.beta(self.next_key(key), jnp.asarray(a, dtype), jnp.asarray(b, dtype), shape, dtype)

    def lognormal(
        self, mean: Any = None, sigma: Any = None, size: Size = None, key: Any = None, dtype: Any = None
    ) -> Any:
        """The exponential of a normal with mean `mean` (0) and standard deviation `sigma` (1)."""
        mean, sigma = plain("lognormal", mean=mean, sigma=sigma)
        return jnp.exp(self._loc_scale("lognormal", normal, mean, sigma, size, key, dtype))

    def poisson(self, lam: Any = 1.0, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Poisson counts with mean `lam`."""
        (lam,) = plain("poisson", lam=lam)
        check_range("poisson", 0, lam=lam)
        return jax.random.poisson(self.next_key(key), lam, _size("poisson", size, lam), _integer(dtype))

    def bernoulli(self, p: Any = 0.5, size: Size = None, key: Any = None, check_valid: bool = True) -> Any:
        """True with probability `p`."""
        (p,) = plain("bernoulli", p=p)
        if check_valid:
            check_range("bernoulli", 0, 1, p=p)
        return jax.random.bernoulli(self.next_key(key), jnp.asarray(p, _float(None)), _size("bernoulli", size, p))

    def binomial(
        self, n: Any, p: Any, size: Size = None, key: Any = None, dtype: Any = None, check_valid: bool = True
    ) -> Any:
        """The number of successes in `n` trials of probability `p`."""
        n, p = plain("binomial", n=n, p=p)
        if check_valid:
            check_range("binomial", 0, n=n)
            check_range("binomial", 0, 1, p=p)
        n, p = (jnp.asarray(x, _float(None)) for x in (n, p))
        return jax.random.binomial(self.next_key(key), n, p, _size("binomial", size, n, p)).astype(_integer(dtype))

    def geometric(self, p: Any, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """The number of trials of probability `p` up to the first success."""
        (p,) = plain("geometric", p=p)
        check_range("geometric", 0, 1, p=p)
        p = jnp.asarray(p, _float(None))
        return jax.random.geometric(self.next_key(key), p, _size("geometric", size, p), _integer(dtype))

    def randint(self, low: Any, high: Any = None, size: Size = None, key: Any = None, dtype: Any = None) -> Any:
        """Whole numbers on [low, high), or on [0, low) without `high`."""
        low, high = plain("randint", low=low, high=high)
        low, high = (0, low) if high is None else (low, high)
        return jax.random.randint(self.next_key(key), _size("randint", size, low, high), low, high, _integer(dtype))

    def choice(self, a: Any, size: Size = None, replace: bool = True, p: Any = None, key: Any = None) -> Any:
        """Items of the array `a`, or of range(a), with probabilities `p`."""
        numbers, unit = _split(a)
        p = None if p is None else jnp.asarray(p, _float(None))
        return attach(jax.random.choice(self.next_key(key), numbers, _size("choice", size), replace, p), unit)

    def categorical(self, logits: Any, axis: int = -1, size: Size = None, key: Any = None) -> Any:
        """Indices along `axis` with log probabilities `logits` (up to a constant)."""
        shape = None if size is None else _size("categorical", size)
        return jax.random.categorical(self.next_key(key), jnp.asarray(logits, _float(None)), axis, shape)

    def permutation(self, x: Any, axis: int = 0, independent: bool = False, key: Any = None) -> Any:
        """`x`, or range(x), in random order along `axis`."""
        numbers, unit = _split(x)
        return attach(jax.random.permutation(self.next_key(key), numbers, axis, independent=independent), unit)

    def shuffle(self, x: Any, axis: int = 0, key: Any = None) -> Any:
        """A copy of `x` in random order along `axis`; JAX arrays cannot change in place."""
        return self.permutation(x, axis, key=key)

    def rand_like(self, input: Any, dtype: Any = None, key: Any = None) -> Any:
        """Uniform on [0, 1), with the shape of `input`, and its dtype if that holds floats."""
        return self.random(jnp.shape(input), key, _dtype_like(input, dtype, jnp.floating))

    def randn_like(self, input: Any, dtype: Any = None, key: Any = None) -> Any:
        """Standard normal, with the shape of `input`, and its dtype if that holds floats."""
        return self.standard_normal(jnp.shape(input), key, _dtype_like(input, dtype, jnp.floating))

    def randint_like(self, input: Any, low: Any = 0, high: Any = None, dtype: Any = None, key: Any = None) -> Any:
        """Whole numbers on [low, high), with the shape and dtype of `input`; without `high` below its largest value."""
        high = jnp.max(jnp.asarray(u.get_mantissa(input))).astype(environ.ditype()) if high is None else high
        dtype = _dtype_like(input, dtype, jnp.number)
        drawn = dtype if dtype is None or jnp.issubdtype(dtype, jnp.integer) else None
        numbers = self.randint(low, high, jnp.shape(input), key, drawn)
        return numbers if dtype is None else numbers.astype(dtype)

    def _loc_scale(self, where: str, draw: Any, loc: Any, scale: Any, size: Size, key: Any, dtype: Any) -> Any:
        unit, (loc, scale) = common_unit(where, loc=loc, scale=scale)
        check_range(where, 0, scale=scale)
        shape = _size(where, size, loc, scale)
        return attach(draw(self.next_words(key), shape, _float(dtype), loc, scale), unit)

    def _scaled(self, where: str, draw: Any, a: Any, scale: Any, size: Size, key: Any, dtype: Any) -> Any:
        (a,) = plain(where, shape=a)
        unit, (scale,) = common_unit(where, scale=scale)
        check_range(where, 0, shape=a, scale=scale)
        shape, dtype = _size(where, size, scale, a), _float(dtype)
        x = draw(self.next_key(key), *(() if a is None else (jnp.asarray(a, dtype),)), shape, dtype)
        return attach(x if scale is None else jnp.asarray(scale, dtype) * x, unit)


def _weibull(key: Any, a: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return jax.random.exponential(key, shape, dtype) ** (1 / a)


def _size(where: str, size: Size, *arguments: Any) -> tuple[int, ...]:
    """The shape of the result, into which the shapes of the arguments must fit."""
    shapes = [jnp.shape(x) for x in arguments if x is not None]
    if size is None:
        return jnp.broadcast_shapes(*shapes)
    shape = tuple(map(operator.index, size)) if isinstance(size, (tuple, list)) else (operator.index(size),)
    for given in shapes:
        if not fits(given, shape):
            raise ShapeError(f"{where}: an argument of shape {given} does not fit into size={shape}.")
    return shape


def _dtype_like(input: Any, dtype: Any, kind: Any) -> Any:
    """`dtype`, else that of `input` if it is of this kind, else None."""
    own = jnp.result_type(u.get_mantissa(input))
    return dtype if dtype is not None else own if jnp.issubdtype(own, kind) else None


def _float(dtype: Any) -> Any:
    return environ.dftype() if dtype is None else dtype


def _integer(dtype: Any) -> Any:
    return environ.ditype() if dtype is None else dtype


def _split(value: Any) -> tuple[Any, Any]:
    if isinstance(value, u.Quantity):
        return value.mantissa, value.unit
    return value if isinstance(value, int) else jnp.asarray(value), u.UNITLESS
