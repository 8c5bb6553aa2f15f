"""Measures of a matrix (steps, neurons), as a loop returns it."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._errors import ShapeError, UnitError


def raster_plot(sp_matrix: Any, times: Any) -> tuple[np.ndarray, Any]:
    """(the neurons, the times) of all spikes in the matrix (steps, neurons); `times` has one entry for each step."""
    spikes = np.asarray(_matrix(sp_matrix, "raster_plot"))
    if jnp.shape(times) != spikes.shape[:1]:
        raise ShapeError(f"metric.raster_plot: {len(spikes)} steps but times of shape {jnp.shape(times)}.")
    steps, neurons = np.nonzero(spikes > 0)
    return neurons, times[steps]


def firing_rate(spikes: Any, width: Any, dt: Any = None) -> jax.Array:
    r"""The mean firing rate of the neurons in each step, in Hz, smoothed by a window of the width T.

    $$r(t) = \frac{1}{N T} \sum_{i=1}^{N} n_i(t - T/2,\, t + T/2)$$

    n is the number of spikes in the window, which has an odd number of steps; there are none before the first step
    and after the last.

    | name | meaning | default |
    |---|---|---|
    | `spikes` | matrix (steps, neurons) | |
    | `width` | T: a time, or a number of seconds | |
    | `dt` | the time step, likewise | that of `environ` |
    """
    step, length = _seconds(dt, "firing_rate: dt"), _seconds(width, "firing_rate: width")
    steps = 2 * int(length / 2 / step + 1e-9) + 1
    mean = _matrix(spikes, "firing_rate").mean(axis=1)
    window = jnp.full(steps, 1 / (steps * step), mean.dtype)
    return jnp.convolve(mean, window)[steps // 2 : steps // 2 + len(mean)]


def cross_correlation(spikes: Any, bin: Any, dt: Any = None, method: str = "loop") -> jax.Array:
    r"""The mean coincidence of all pairs of neurons, from 0 to 1; 0 for pairs in which one is silent.

    $$\kappa_{ij} = \frac{\sum_l X_i(l) X_j(l)}{\sqrt{\sum_l X_i(l) \sum_l X_j(l)}}$$

    X(l) is 1 if the neuron spikes in bin l. `bin` and `dt` are times, or numbers of seconds; `method` is for call
    compatibility.

    Wang X-J, Buzsáki G (1996) J. Neurosci. 16:6402.
    """
    del method
    width = round(_seconds(bin, "cross_correlation: bin") / _seconds(dt, "cross_correlation: dt"))
    if width < 1:
        raise ValueError(f"metric.cross_correlation: a bin of {bin} is shorter than the time step.")
    matrix = _matrix(spikes, "cross_correlation")
    bins = -(-len(matrix) // width)
    padded = jnp.pad(matrix, ((0, bins * width - len(matrix)), (0, 0)))
    active = (padded.reshape(bins, width, -1) > 0).any(axis=1).astype(environ.dftype())
    norm = jnp.sqrt(active.sum(axis=0))
    pairs = jnp.triu_indices(active.shape[1], k=1)
    together, product = (active.T @ active)[pairs], (norm[:, None] * norm)[pairs]
    return jnp.where(product > 0, together / jnp.where(product > 0, product, 1), 0).sum() / max(len(pairs[0]), 1)


def voltage_fluctuation(potentials: Any, method: str = "loop") -> jax.Array:
    r"""The synchrony of potentials (steps, neurons): 1 if all are alike, about 1/N if they are independent.

    $$\chi^2 = \frac{\operatorname{var}\big(\tfrac{1}{N} \sum_i V_i\big)}{\tfrac{1}{N} \sum_i \operatorname{var}(V_i)}$$

    It is 1 for potentials that never change. `method` is for call compatibility.

    Golomb D, Rinzel J (1993) Phys. Rev. E 48:4810.
    """
    del method
    V = _matrix(potentials, "voltage_fluctuation")
    single = V.var(axis=0).mean()
    return jnp.where(single > 0, V.mean(axis=1).var() / jnp.where(single > 0, single, 1), 1)


def functional_connectivity(activities: Any) -> jax.Array:
    """Pearson's correlation of each pair of signals (steps, signals); 0 for one that never changes, 1 with itself."""
    x = _matrix(activities, "functional_connectivity")
    away = x - x.mean(axis=0)
    norm = jnp.sqrt((away**2).sum(axis=0))
    scaled = away / jnp.where(norm > 0, norm, 1)
    return jnp.fill_diagonal(jnp.clip(scaled.T @ scaled, -1, 1), 1, inplace=False)


def _matrix(value: Any, where: str) -> jax.Array:
    """The plain floats of a matrix (steps, neurons)."""
    numbers = jnp.asarray(u.get_mantissa(value))
    if numbers.ndim != 2:
        raise ShapeError(f"metric.{where} takes a matrix (steps, neurons); given shape {numbers.shape}.")
    return numbers if jnp.issubdtype(numbers.dtype, jnp.floating) else numbers.astype(environ.dftype())


def _seconds(time: Any, where: str) -> float:
    time = environ.get_dt() if time is None else time
    if isinstance(time, u.Quantity):
        if not time.unit.has_same_dim(u.second):
            raise UnitError(f"metric.{where} must be a time; given {time}.")
        time = time.to_decimal(u.second)
    if not float(time) > 0:
        raise ValueError(f"metric.{where} must be positive; given {time} s.")
    return float(time)
