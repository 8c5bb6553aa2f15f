"""Metrics of outputs over time, arrays (time, batch, ...)."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .._keywords import check_choice
from .._units import time_step, with_unit

_PER_ADDITION = 0.9  # pJ for the addition of two 32-bit floats in 45 nm
_PER_PRODUCT = 4.6  # and for a product with its addition


def accuracy(outputs: Any, labels: Any, reduce: str = "sum") -> jax.Array:
    """The part of samples whose class has the highest score: the "sum" or "max" of outputs over time, or the "last"."""
    check_choice(reduce, ("sum", "max", "last"), "accuracy: reduce")
    x = jnp.asarray(u.get_mantissa(outputs))
    scores = {"sum": lambda: x.sum(0), "max": lambda: x.max(0), "last": lambda: x[-1]}[reduce]()
    return (scores.argmax(-1) == jnp.asarray(labels)).mean()


def mean_rate(spikes: Any) -> Any:
    """The mean firing rate of all neurons, in Hz, with the dt of `environ`."""
    return with_unit(jnp.mean(spikes) / time_step("mean_rate") * 1e3, u.Hz)


def silent_fraction(spikes: Any) -> jax.Array:
    """The part of neurons that do not spike in any step of any sample; spikes are (time, batch, neurons)."""
    return (jnp.asarray(spikes).sum((0, 1)) == 0).mean()


def saturated_fraction(spikes: Any, most: float = 0.9) -> jax.Array:
    """The part of neurons that spike in more than the part `most` of all steps of all samples."""
    return (jnp.asarray(spikes).mean((0, 1)) > most).mean()


def synaptic_operations(spikes: Any, fan_out: int) -> jax.Array:
    """The number of additions that these spikes cause for one sample: their number times the synapses of a neuron."""
    spikes = jnp.asarray(spikes)
    return spikes.sum() * fan_out / spikes.shape[1]


def energy(operations: Any, products: Any = 0) -> Any:
    """An estimate of the energy of additions and products: 0.9 and 4.6 pJ each, of 32-bit floats in 45 nm.

    Horowitz M (2014) ISSCC, p. 10. It leaves out memory, which costs more.
    """
    return with_unit((operations * _PER_ADDITION + products * _PER_PRODUCT) * 1e-3, u.njoule)
