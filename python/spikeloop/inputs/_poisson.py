"""Poisson processes in steps of dt."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, random
from .._jax import is_tracer
from .._jax_functions import new_elementwise_function
from .._units import check_unit, number_in, unit_of
from ..kernels._random import add, counts, words

_WORDS = 2.0**32
_COMPARED = 64  # so many bounds are compared with faster than searched, which gathers
_LARGEST = 4294967040.0  # the last float32 below 2³²
_PART = 64.0  # of a mean, at a time
_MOST = 2.0**20  # events in a step, on average


def mean_number(freqs: Any, dt: Any, where: str) -> Any:
    """The mean number f dt of events of Poisson processes in a step of dt (in ms), checked where it is known."""
    return checked_rate(freqs, where) * dt


def checked_rate(freqs: Any, where: str) -> Any:
    """Rates in kHz; known ones are NumPy's, also inside a program, and checked."""
    check_unit(freqs, u.kHz, where)
    numbers = u.get_mantissa(freqs)
    if is_tracer(numbers):
        return number_in(freqs, u.kHz, where)
    numbers = np.asarray(numbers, np.float64) * float(u.Quantity(1.0, unit=unit_of(freqs)).to_decimal(u.kHz))
    if np.isnan(numbers).any():
        raise ValueError(f"{where} holds NaN; a neuron that is to be silent has the rate 0.")
    if (numbers < 0).any():
        raise ValueError(f"{where} must not be negative; given {numbers.min() * 1e3:g} Hz.")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where} must be finite.")
    return numbers


def is_mean(mean: Any) -> Any:
    """Whether a mean number of events can be drawn; false for NaN."""
    return (mean >= 0) & (mean <= _MOST)


def events(mean: Any, shape: tuple[int, ...], key: Any = None) -> Any:
    """Numbers of events of Poisson processes with these means, exactly distributed up to 2⁻³².

    For a mean that is none (see `is_mean`) an error if it is known, else 0.
    """
    key = random.DEFAULT.next_words(key)
    if is_tracer(mean):
        return _inverted(mean, shape, key, True)
    known = np.asarray(mean, np.float64)
    if not is_mean(known).all():
        raise ValueError(f"A step of dt must hold {_MOST:g} Poisson events on average at most; given {known.max():g}.")
    if known.size == 0 or np.ptp(known) > 0:
        return _inverted(known, shape, key, known.max(initial=0) > _PART)
    return _tabulated(*_poisson_table(float(known.flat[0])), shape, key)


def _inverted(means: Any, shape: tuple[int, ...], key: Any, may_be_large: bool) -> Any:
    """As `events`, where every element may have a mean of its own. The same words give the same numbers."""

    def more(carry: Any) -> Any:
        rest, number, k = carry
        part = jnp.minimum(rest, _PART)
        return (
            rest - part,
            number + _inverse(part, words(jax.random.fold_in(jax.random.wrap_key_data(key), k), shape)),
            k + 1,
        )

    # A program takes an array of 64 bits that it captures for one of 32.
    means = jax.lax.stop_gradient(jnp.asarray(means, jnp.promote_types(environ.dftype(), jnp.float32)))
    with jax.enable_x64(True):
        wide = jax.lax.convert_element_type(means, np.float64)
        wide = jnp.broadcast_to(jnp.where(is_mean(wide), wide, 0), shape)
        part = jnp.minimum(wide, _PART)
        number = _inverse(part, words(key, shape))
        if may_be_large:
            start = wide - part, number, np.int32(1)
            number = jax.lax.while_loop(lambda carry: (carry[0] > 0).any(), more, start)[1]
        return number


def _inverse_reference(mean: Any, bits: Any) -> Any:
    """The number of tails P(more than k) that a random word, as a number from 1 down to 0, lies below."""

    def go_on(carry: Any) -> Any:
        tail = carry[2]
        return (word < tail).any()

    def count(carry: Any) -> Any:
        found, term, tail, k = carry
        term = term * mean / (k + 1)
        return found + (word < tail), term, tail - term, k + 1

    with jax.enable_x64(True):
        word = (_WORDS - 0.5 - jax.lax.convert_element_type(bits, np.float64)) / _WORDS
        start = jnp.zeros(word.shape, np.int32), jnp.exp(-mean), -jnp.expm1(-mean), np.float64(0)
        return jax.lax.while_loop(go_on, count, start)[0]


_inverse = new_elementwise_function(
    "poisson_inverse", _inverse_reference, lambda mean, bits: bits.update(dtype=np.dtype(np.int32))
)


def happens(probability: Any, shape: tuple[int, ...], key: Any = None) -> Any:
    """True with this probability, to 2⁻³² of 1: a float32 on [0, 1) knows 2⁻²³, too little for rare spikes."""
    bits = words(random.DEFAULT.next_words(key), shape)
    threshold = jnp.asarray(probability, jnp.promote_types(environ.dftype(), jnp.float32)) * _WORDS
    return bits < jnp.minimum(threshold, _LARGEST).astype(jnp.uint32)


def binomial(n: int, p: Any, shape: tuple[int, ...]) -> Any:
    """Numbers of successes in `n` trials of probability `p`, exactly distributed up to 2⁻³²."""
    if is_tracer(p) or np.ndim(p):
        return random.binomial(n, p, shape, check_valid=False)
    return _tabulated(*_binomial_table(n, float(p)), shape, random.DEFAULT.next_words(None))


def add_binomial(target: Any, weight: Any, parts: Sequence[tuple[int, int]], p: Any) -> Any:
    """`target` plus the weight times the numbers of successes in trials of probability `p`.

    `parts` of the last axis have (elements, trials).
    """
    known = not is_tracer(p) and not np.ndim(p)
    tables = [(size, *_binomial_table(n, float(p))) for size, n in parts] if known else []
    if known and max(table.size for *_, table in tables) <= _COMPARED:
        return add(random.DEFAULT.next_words(None), tables, weight, target)
    batch = target.shape[:-1]
    numbers = jnp.concatenate([binomial(n, p, (*batch, size)) for size, n in parts], axis=-1)
    return target + weight * numbers.astype(target.dtype)


def _tabulated(first: int, table: np.ndarray, shape: tuple[int, ...], key: Any) -> Any:
    if table.size <= _COMPARED:
        return first + counts(key, table, shape)
    return first + jnp.searchsorted(jnp.asarray(table), words(key, shape), side="right", method="scan_unrolled")


@functools.lru_cache(maxsize=64)
def _binomial_table(n: int, p: float) -> tuple[int, np.ndarray]:
    from scipy.special import bdtr

    return _table(n * p, n * p * (1 - p), n - 1, lambda k: bdtr(k, n, p))


@functools.lru_cache(maxsize=64)
def _poisson_table(mean: float) -> tuple[int, np.ndarray]:
    from scipy.special import pdtr

    return _table(mean, mean, math.inf, lambda k: pdtr(k, mean))


def _table(mean: float, variance: float, last: float, at_most: Any) -> tuple[int, np.ndarray]:
    """(the least number, 2³² P(at most k) for it and each one above up to `last`), where P differs from 0 and 1."""
    reach = 7 * math.sqrt(variance) + 20
    first, last = max(0, math.floor(mean - reach)), min(last, math.ceil(mean + reach))
    bounds = np.floor(_WORDS * at_most(np.arange(first, last + 1, dtype=float)))
    return first, bounds[bounds < _WORDS - 1].astype(np.uint32)  # what one word in 2³² would reach is left out
