"""Poisson processes in steps of dt."""

from __future__ import annotations

import functools
import math
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, random
from .._jax import is_tracer
from ..kernels._random import counts, words
from ..models._form import number_in

_WORDS = 2.0**32
_COMPARED = 64  # so many bounds are compared with faster than searched, which gathers
_LARGEST = 4294967040.0  # the last float32 below 2³²


def spike_probability(freqs: Any, dt: Any, where: str) -> Any:
    """The probability 1 − exp(−f dt) that a Poisson process of the rate f has an event in a step of dt (in ms)."""
    rate = number_in(freqs, u.kHz, where)
    return -jnp.expm1(-rate * dt) if isinstance(rate, jax.Array) else -np.expm1(-np.asarray(rate) * dt)


def happens(probability: Any, shape: tuple[int, ...], key: Any = None) -> Any:
    """True with this probability, to 2⁻³² of 1: a float32 on [0, 1) knows 2⁻²³, too little for rare spikes."""
    bits = words(random.DEFAULT.next_key(key), shape)
    threshold = jnp.asarray(probability, jnp.promote_types(environ.dftype(), jnp.float32)) * _WORDS
    return bits < jnp.minimum(threshold, _LARGEST).astype(jnp.uint32)


def binomial(n: int, p: Any, shape: tuple[int, ...]) -> Any:
    """Numbers of successes in `n` trials of probability `p`, exactly distributed up to 2⁻³²."""
    if is_tracer(p) or np.ndim(p):
        return random.binomial(n, p, shape, check_valid=False)
    first, table = _distribution(n, float(p))
    key = random.DEFAULT.next_key(None)
    if table.size <= _COMPARED:
        return first + counts(key, table, shape)
    return first + jnp.searchsorted(jnp.asarray(table), words(key, shape), side="right", method="scan_unrolled")


@functools.lru_cache(maxsize=64)
def _distribution(n: int, p: float) -> tuple[int, np.ndarray]:
    """(the least number of successes, 2³² P(at most k) for it and each one above), where P differs from 0 and 1."""
    from scipy.special import bdtr

    reach = 7 * math.sqrt(n * p * (1 - p)) + 20
    first, last = max(0, math.floor(n * p - reach)), min(n - 1, math.ceil(n * p + reach))
    at_most = np.floor(_WORDS * bdtr(np.arange(first, last + 1, dtype=float), n, p))
    return first, at_most[at_most < _WORDS - 1].astype(np.uint32)  # what one word in 2³² would reach is left out
