"""Losses of outputs over time. Outputs are arrays (time, batch, classes) or (time, batch, neurons)."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .._errors import ShapeError, UnitError
from .._keywords import check_choice
from .._units import number_in, time_step


def rate_cross_entropy(spikes: Any, labels: Any) -> jax.Array:
    r"""The cross-entropy of the number of spikes of each class.

    $$L = -\frac{1}{B} \sum_b \log \frac{e^{n_{b, y_b}}}{\sum_k e^{n_{b, k}}}$$

    `spikes` is an array (time, batch, classes), `labels` holds the class of each sample.
    """
    return _cross_entropy(_over_time(spikes, "rate_cross_entropy").sum(0), labels, "rate_cross_entropy")


def membrane_cross_entropy(V: Any, labels: Any, reduce: str = "max") -> jax.Array:
    """The cross-entropy of potentials of readouts, (time, batch, classes), as plain numbers.

    `reduce` says what of the time is the score of a class: "max", "mean", "last", or "each", the mean of the losses of
    all steps.
    """
    check_choice(reduce, ("max", "mean", "last", "each"), "membrane_cross_entropy: reduce")
    V = _over_time(V, "membrane_cross_entropy")
    if reduce == "each":
        return _cross_entropy(V, jnp.broadcast_to(labels, V.shape[:2]), "membrane_cross_entropy")
    score = {"max": lambda: V.max(0), "mean": lambda: V.mean(0), "last": lambda: V[-1]}[reduce]()
    return _cross_entropy(score, labels, "membrane_cross_entropy")


def count_loss(spikes: Any, labels: Any, correct: float = 0.8, incorrect: float = 0.2) -> jax.Array:
    """The mean squared distance of firing probabilities in a step from `correct` for the class, `incorrect` else."""
    spikes = _over_time(spikes, "count_loss")
    wanted = jnp.where(jax.nn.one_hot(labels, spikes.shape[-1]) > 0, correct, incorrect)
    return ((spikes.mean(0) - wanted) ** 2).mean()


def latency_cross_entropy(spikes: Any, labels: Any, tau: Any, dt: Any = None) -> jax.Array:
    r"""The cross-entropy of scores $\sum_t s(t)\, e^{-t/\tau}$, in which early spikes count most.

    `tau` is a time, `dt` that of a step, by default that of `environ`. A plain number is a `tau` in steps, as those of
    `sl.snn`.

    >>> early, late = jnp.zeros((2, 10, 1, 2)).at[0, 2, 0, 1].set(1.0).at[1, 7, 0, 1].set(1.0)
    >>> loss = lambda spikes: sl.train.latency_cross_entropy(spikes, jnp.array([1]), tau=5.0)
    >>> bool(loss(early) < loss(late))
    True
    """
    spikes = _over_time(spikes, "latency_cross_entropy")
    weights = jnp.exp(-jnp.arange(len(spikes)) / _in_steps(tau, dt, "latency_cross_entropy"))
    return _cross_entropy(jnp.tensordot(weights.astype(spikes.dtype), spikes, 1), labels, "latency_cross_entropy")


def van_rossum(spikes: Any, wanted: Any, tau: Any, dt: Any = None) -> jax.Array:
    r"""The van Rossum distance of two spike trains (time, ...), squared, its mean over trains.

    $$D^2 = \frac{1}{\tau} \int_0^\infty \Big[\sum_i H(t - t_i) e^{-(t - t_i)/\tau} - \sum_j H(t - u_j)
    e^{-(t - u_j)/\tau}\Big]^2 dt$$

    It is 1/2 for one spike more in one of two trains. `tau` is a time, `dt` that of a step, by default that of
    `environ`. A plain number is a `tau` in steps, as those of `sl.snn`.

    van Rossum MCW (2001) Neural Comput. 13:751.
    """
    decay = jnp.exp(-1 / _in_steps(tau, dt, "van_rossum"))
    difference = jnp.asarray(spikes, float) - jnp.asarray(wanted, float)

    def filtered(trace: Any, x: Any) -> tuple[Any, Any]:
        trace = trace * decay + x
        return trace, trace**2

    # Within a step the trace decays, and after the last one to 0: both integrals are known.
    last, squares = jax.lax.scan(filtered, jnp.zeros_like(difference[0]), difference)
    within = (1 - decay**2) / 2
    return (squares.sum(0) * within + last**2 * decay**2 / 2).mean()


def rate_penalty(spikes: Any, low: float = 0.0, high: float = 1.0) -> jax.Array:
    """The mean squared distance of each neuron's firing probability in a step from the range `low` to `high`.

    `spikes` is an array (time, batch, neurons). Add it to a loss to keep neurons from being silent or saturated.
    """
    mean = _over_time(spikes, "rate_penalty").mean((0, 1))
    return (jnp.maximum(low - mean, 0) ** 2 + jnp.maximum(mean - high, 0) ** 2).mean()


def _in_steps(tau: Any, dt: Any, where: str) -> Any:
    """A time constant in steps."""
    if u.get_unit(tau) == u.UNITLESS:
        if dt is not None:
            raise UnitError(f"{where}: a tau without unit is a number of steps; give one with a unit, or no dt.")
        return tau
    step = time_step(where) if dt is None else number_in(dt, u.ms, f"{where}: dt")
    return number_in(tau, u.ms, f"{where}: tau") / step


def _over_time(x: Any, where: str) -> jax.Array:
    numbers = jnp.asarray(u.get_mantissa(x))
    if numbers.ndim < 3:
        raise ShapeError(f"{where} takes an array (time, batch, classes); given the shape {numbers.shape}.")
    return numbers if jnp.issubdtype(numbers.dtype, jnp.inexact) else numbers.astype(float)


def _cross_entropy(scores: jax.Array, labels: Any, where: str) -> jax.Array:
    labels = jnp.asarray(labels)
    if labels.shape != scores.shape[:-1]:
        raise ShapeError(f"{where}: {scores.shape[-2]} samples, but labels of shape {labels.shape}.")
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[..., None], -1).mean()
