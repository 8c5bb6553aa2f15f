"""Encoders: arrays (batch, features) become spikes (time, batch, features)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import random


def rate(x: Any, steps: int, gain: float = 1.0) -> jax.Array:
    """Random spikes: in each step one with the probability `gain` · x, which is clipped to 0 … 1."""
    p = jnp.clip(jnp.asarray(x) * gain, 0, 1)
    return random.bernoulli(p, size=(steps, *p.shape))


def latency(x: Any, steps: int, threshold: float = 0.01) -> jax.Array:
    """One spike for each feature above `threshold`: x = 1 in the first step, x = `threshold` in the last."""
    x = jnp.clip(jnp.asarray(x, float), 0, 1)
    at = jnp.round((1 - x) / (1 - threshold) * (steps - 1)).astype(int)
    return (jnp.arange(steps).reshape(-1, *[1] * x.ndim) == at) & (x >= threshold)


def delta(x: Any, threshold: float = 0.1) -> jax.Array:
    """Spikes where a signal (time, ...) rises by more than `threshold` from one step to the next, −1 where it falls."""
    x = jnp.asarray(x, float)
    change = jnp.diff(x, axis=0, prepend=x[:1])
    return jnp.sign(change) * (jnp.abs(change) > threshold)


def population(x: Any, n: int, low: float = 0.0, high: float = 1.0, width: float | None = None) -> jax.Array:
    """The activities of `n` neurons for each feature, Gaussian bumps with centres from `low` to `high`.

    `width` is the standard deviation of a bump, by default the distance of two centres. The result has the shape
    (..., features · n), and goes on to `rate` or `latency`.
    """
    centres = jnp.linspace(low, high, n)
    width = (high - low) / max(n - 1, 1) if width is None else width
    x = jnp.asarray(x)
    bumps = jnp.exp(-(((x[..., None] - centres) / width) ** 2) / 2)
    return bumps.reshape(*x.shape[:-1], int(np.shape(x)[-1]) * n)
