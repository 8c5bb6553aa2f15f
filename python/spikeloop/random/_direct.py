"""Numbers and matrices as `jax.random` draws them; outside of transformations by NumPy.

JAX would compile a program for each new shape, which takes a hundred times as long as to draw the weights of a layer.
Uniform numbers are the same bits; normal ones are computed by the same polynomials and differ by rounding, and so do
what follows from them: truncated normal numbers and orthogonal matrices.

Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. SC '11.
Giles M (2012) Approximating the erfinv function. GPU Computing Gems Jade Edition, 109–116.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry2x32_p

from .._by_part import Part, array, cut, elements
from .._jax import is_at_hand, is_tracer
from ._state import as_key

Shape = tuple[int, ...]

_PART = 1 << 14  # numbers computed at a time, so that they stay in the cache
_MANY = 1 << 22  # numbers from which on the compiled program of JAX is the faster way
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_ONE = np.uint32(0x3F800000)  # the bits of 1.0
_LEAST, _ROOT = np.nextafter(np.float32(-1), np.float32(0)), np.float32(math.sqrt(2))
_CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
           -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
         1.00167406, 2.83297682)  # fmt: skip


def uniform(words: Any, shape: Shape, dtype: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
    """Uniform on [low, high), from the two words of a key."""
    words = _of_one_device(words)
    bounds = [low, high]
    if _by_numpy(dtype, words, low, high):
        bounds = [np.asarray(x, np.float32) for x in bounds]

        def own(start: int, stop: int) -> np.ndarray:
            unit = np.concatenate([_unit(bits) for bits in _bits(words, start, stop)])
            least, most = (elements(x, shape, start, stop) for x in bounds)
            return _between(least, most, unit)

        if (made := _made(shape, own, own)) is not None:
            return made
    low, high = (jnp.asarray(x, dtype) for x in bounds)
    return jax.random.uniform(as_key(words), shape, dtype, low, high)


def normal(words: Any, shape: Shape, dtype: Any, loc: Any = None, scale: Any = None) -> Any:
    """Normal with mean `loc` (0) and standard deviation `scale` (1), from the two words of a key."""
    words = _of_one_device(words)
    if _by_numpy(dtype, words, loc, scale):

        def moved(x: Any, start: int) -> np.ndarray:
            at, by = (elements(value, shape, start, start + x.size) for value in (loc, scale))
            return _moved(x, at, by, np)

        def own(start: int, stop: int) -> np.ndarray:
            return moved(_normal_by_numpy(words, start, stop), start)

        if (made := _made(shape, own, lambda start, stop: moved(_normal_of(words, start, stop), start))) is not None:
            return made
    return of_jax(jax.random.normal)(words, shape, dtype, loc, scale)


def truncated_normal(words: Any, shape: Shape, dtype: Any, lower: Any, upper: Any, loc: Any, scale: Any) -> Any:
    """Normal with mean `loc` and standard deviation `scale`, given that it lies in [lower, upper]."""
    words = _of_one_device(words)
    direct = _by_numpy(dtype, words, lower, upper, loc, scale) and math.prod(shape) < _MANY
    xp: Any = np if direct else jnp
    lower, upper, loc, scale = (xp.asarray(x, dtype) for x in (lower, upper, loc, scale))
    divisor = xp.where(scale > 0, scale, xp.asarray(1, dtype))
    low, high = (lower - loc) / divisor, (upper - loc) / divisor
    if not direct:
        x = jax.random.truncated_normal(as_key(words), low, high, shape, dtype)
        return jnp.clip(loc + scale * x, lower, upper)
    least, most = (np.asarray(jax.lax.erf(x / _ROOT)) for x in (low, high))
    inner = np.nextafter(low, np.float32(np.inf)), np.nextafter(high, np.float32(-np.inf))

    def own(start: int, stop: int) -> np.ndarray:
        bounds = (least, most, *inner, loc, scale, lower, upper)
        least_, most_, *ends, at, by, low_, high_ = (elements(x, shape, start, stop) for x in bounds)
        unit = np.concatenate([_unit(bits) for bits in _bits(words, start, stop)])
        x = _ROOT * _inverse_erf(_between_at_once(least_, most_, unit))
        return np.clip(at + by * np.clip(x, *ends), low_, high_)

    return array(shape, own)


def orthogonal(words: Any, shape: Shape, dtype: Any, scale: float) -> Any:
    """`scale` times a matrix of orthonormal rows or columns, whichever are fewer; axes before the last count as one."""
    words = _of_one_device(words)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    sides = max(rows, columns), min(rows, columns)
    if not _by_numpy(dtype, words) or math.prod(sides) >= _MANY:
        return scale * jax.random.orthogonal(as_key(words), rows, (), dtype, columns).reshape(shape)
    q, r = np.linalg.qr(_normal_by_numpy(words, 0, math.prod(sides)).reshape(sides))
    q = np.float32(scale) * (q * np.sign(np.diagonal(r)))
    return jax.device_put((q.T if rows < columns else q).reshape(shape))


def of_jax(draw: Any) -> Any:
    """A draw of `jax.random` with a location and a scale, from the two words of a key."""
    return lambda words, shape, dtype, loc, scale: _moved(draw(as_key(words), shape, dtype), loc, scale, jnp)


def _moved(x: Any, loc: Any, scale: Any, xp: Any) -> Any:
    """The numbers times `scale`, plus `loc`, in their own dtype."""
    x = x if scale is None else xp.asarray(scale, x.dtype) * x
    return x if loc is None else xp.asarray(loc, x.dtype) + x


def words_of(key: Any, element: Any) -> Any:
    """The random words of 32 bits of some elements as JAX draws them; None of keys of other kinds."""
    if not _is_by_element() or jax.random.key_impl(key) != "threefry2x32":
        return None
    a, b = jnp.broadcast_arrays(*jax.random.key_data(key), element)[:2]
    first, second = threefry2x32_p.bind(a, b, jnp.zeros_like(element), element)
    return first ^ second


def _made(shape: Shape, few: Part, many: Part) -> Any:
    """An array by NumPy, or a large one of which devices make their parts; None of one that JAX makes whole."""
    return array(shape, few) if math.prod(shape) < _MANY else cut(shape, many)


def _by_numpy(dtype: Any, *values: Any) -> bool:
    return is_at_hand(*values) and _is_by_element() and np.dtype(dtype) == np.float32


def _is_by_element() -> bool:
    return jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]


def _of_one_device(words: Any) -> Any:
    """The words of a key, which a loop may have left on several devices."""
    spread = isinstance(words, jax.Array) and not is_tracer(words) and words.is_fully_replicated
    return np.asarray(words.addressable_data(0)) if spread and len(words.sharding.device_set) > 1 else words


def _normal_by_numpy(words: Any, start: int, stop: int) -> np.ndarray:
    """Some of the numbers that `jax.random.normal` draws, up to rounding."""
    parts = [_between(_LEAST, np.float32(1), _unit(bits)) for bits in _bits(words, start, stop)]
    return np.concatenate([_ROOT * _inverse_erf(part) for part in parts])


def _normal_of(words: Any, start: int, stop: int) -> np.ndarray:
    """Some of the numbers that `jax.random.normal` draws."""
    unit = _unit(np.asarray(words_of(as_key(words), np.arange(start, stop, dtype=np.uint32))))
    return np.asarray(_ROOT * jax.lax.erf_inv(_between(_LEAST, np.float32(1), unit)))


def _unit(bits: np.ndarray) -> np.ndarray:
    """The upper 23 bits as a number on [0, 1)."""
    return (bits >> np.uint32(9) | _ONE).view(np.float32) - np.float32(1)


def _between(low: Any, high: Any, unit: np.ndarray) -> np.ndarray:
    return np.maximum(low, unit * (high - low) + low)


def _between_at_once(low: Any, high: Any, unit: np.ndarray) -> np.ndarray:
    """As `_between`, with the product and the sum rounded together, as XLA does within a larger program."""
    return np.maximum(low, (unit * (high - low).astype(np.float64) + low).astype(np.float32))


def _bits(words: Any, first_one: int, end: int) -> Iterator[np.ndarray]:
    """The random words `first_one` to `end` of a key, in parts."""
    first, second = np.asarray(words)
    keys = (first, second, first ^ second ^ np.uint32(0x1BD11BDA))
    for start in range(first_one, max(end, first_one + 1), _PART):
        yield _threefry(keys, np.arange(start, min(start + _PART, end), dtype=np.uint32))


def _threefry(keys: tuple[Any, ...], counter: np.ndarray) -> np.ndarray:
    """Threefry 2×32 of the counters (0, counter); both words of a block make one."""
    a, b = np.broadcast_to(keys[0], counter.shape).copy(), counter + keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            a += b
            b = (b << np.uint32(rotation) | b >> np.uint32(32 - rotation)) ^ a
        with np.errstate(over="ignore"):
            a += keys[(i + 1) % 3]
            b += keys[(i + 2) % 3] + np.uint32(i + 1)
    return a ^ b


def _inverse_erf(x: np.ndarray) -> np.ndarray:
    w = -np.log1p(-x * x)
    result = _polynomial(w - np.float32(2.5), _CENTRE)
    far = w >= 5
    result[far] = _polynomial(np.sqrt(w[far]) - np.float32(3), _TAIL)
    return result * x


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += np.float32(c)
    return total
