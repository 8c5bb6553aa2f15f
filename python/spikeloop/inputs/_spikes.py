"""Sources of spikes, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, init
from .._errors import ShapeError
from .._shapes import fits
from .._state import value_of
from ..models._form import check_not_negative, check_unit, time_step
from ..random._units import check_finite, common_unit
from ._poisson import happens, spike_probability
from ._source import Source, TimedSource, named, times_in_ms

_ROUNDING: dict[str, Callable[[np.ndarray], np.ndarray]] = {"round": np.round, "floor": np.floor, "ceil": np.ceil}
_NEVER = np.iinfo(np.int32).max


class PoissonSpike(Source):
    """Independent Poisson spike trains: a spike in a step with probability 1 − exp(−f dt).

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `freqs` | f: a number, an array of shape `in_size`, an initializer or a State | Hz | |
    | `spk_type` | dtype of the spikes | | bool |

    A step holds one spike at most; two in one step of the process count as one.
    """

    def __init__(self, in_size: Any, freqs: Any, spk_type: Any = bool, name: str | None = None):
        super().__init__(in_size, name)
        self.freqs = init.param(freqs, self.varshape, allow_none=False, name="PoissonSpike: freqs")
        check_unit(value_of(self.freqs), u.Hz, "PoissonSpike: freqs")
        check_not_negative(self.freqs, "PoissonSpike: freqs")
        self.spk_type = _spike_dtype(spk_type, "PoissonSpike")

    def update(self) -> Any:
        """The spikes of this step."""
        p = spike_probability(value_of(self.freqs), time_step(self.path), f"{self.path}: freqs")
        return happens(p, self.shape).astype(self.spk_type)


class PoissonEncoder(Source):
    """Spikes with the rates that it is called with: a spike with probability 1 − exp(−f dt).

    | name | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `spk_type` | dtype of the spikes | bool |
    """

    def __init__(self, in_size: Any, spk_type: Any = bool, name: str | None = None):
        super().__init__(in_size, name)
        self.spk_type = _spike_dtype(spk_type, "PoissonEncoder")

    def update(self, freqs: Any) -> Any:
        """The spikes of this step for the rates `freqs` in Hz: one, an array of `in_size`, or a batch of arrays."""
        p = spike_probability(freqs, time_step(self.path), f"{self.path}: freqs")
        batch = jnp.shape(p)[: max(jnp.ndim(p) - len(self.varshape), 0)] or self.samples.value.shape
        if not fits(jnp.shape(p), shape := (*batch, *self.varshape)):
            raise ShapeError(
                f"{self.path} takes one rate, or rates of shape {self.varshape} with the batch in front if there is "
                f"one; given {jnp.shape(p)}."
            )
        return happens(p, shape).astype(self.spk_type)


class SpikeTime(TimedSource):
    """Spikes at given times: neuron `indices[k]` sends `weights[k]` at `times[k]`.

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `indices` | the neurons, counted over all axes of `in_size` | | |
    | `times` | as many times, in any order | ms | |
    | `weights` | the height of the spikes: one number, or one for each spike | any | 1 |
    | `time_as_step` | how times become steps: 'round', 'floor', 'ceil', or a function of times/dt | | 'round' |

    Spikes of one neuron that fall into one step add up.
    """

    def __init__(
        self,
        in_size: Any,
        indices: Sequence[int] | Any,
        times: Any,
        weights: Any = 1.0,
        time_as_step: str | Callable[[np.ndarray], np.ndarray] = "round",
        name: str | None = None,
    ):
        super().__init__(in_size, name)
        self.times = times_in_ms(times, "SpikeTime: times")
        self.indices = _indices(indices, len(self.times), math.prod(self.varshape))
        self.unit, self.weights = _weights(weights)
        if self.weights.ndim and self.weights.shape != self.times.shape:
            raise ShapeError(f"SpikeTime: {len(self.times)} times but weights of shape {self.weights.shape}.")
        if not callable(time_as_step) and time_as_step not in _ROUNDING:
            names = ", ".join(map(repr, _ROUNDING))
            raise ValueError(f"SpikeTime: time_as_step must be {names} or a function; given {time_as_step!r}.")
        self.time_as_step = time_as_step

    def update(self) -> Any:
        """The spikes of this step."""
        if not len(self.times):
            return self._spread(0.0, self.unit)
        steps, order, most = self._schedule()
        now = self._step()
        begin = jnp.searchsorted(jnp.asarray(steps), now)
        due, which = (jax.lax.dynamic_slice_in_dim(jnp.asarray(x), begin, most) for x in (steps, order))
        heights = jnp.where(due == now, self.weights[which] if self.weights.ndim else self.weights, 0)
        spikes = jnp.zeros(math.prod(self.varshape), heights.dtype)
        spikes = spikes.at[jnp.asarray(self.indices)[which]].add(heights)
        return self._spread(spikes.reshape(self.varshape), self.unit)

    def _schedule(self) -> tuple[np.ndarray, np.ndarray, int]:
        """(the sorted steps of all spikes, which they are, the most in one step), and so many more that never come."""
        rounding = _ROUNDING[self.time_as_step] if isinstance(self.time_as_step, str) else self.time_as_step
        steps = np.minimum(rounding(self._grid().steps(self.times)), _NEVER).astype(np.int32)
        order = np.argsort(steps, kind="stable").astype(np.int32)
        most = int(np.unique(steps, return_counts=True)[1].max(initial=1))
        return np.append(steps[order], [_NEVER] * most).astype(np.int32), np.append(order, [0] * most), most


def _weights(weights: Any) -> tuple[Any, Any]:
    """(the unit, the numbers)."""
    if isinstance(weights, (list, tuple)):
        unit, numbers = common_unit("SpikeTime", **named("weights", weights))
    else:
        unit, (numbers,) = common_unit("SpikeTime", weights=weights)
    check_finite("SpikeTime", weights=numbers)
    return unit, jnp.asarray(numbers, environ.dftype())


def _indices(indices: Any, n: int, size: int) -> np.ndarray:
    given = np.asarray(indices)
    if given.shape != (n,):
        raise ShapeError(f"SpikeTime: {n} times but indices of shape {given.shape}.")
    if n and not np.issubdtype(given.dtype, np.integer):
        raise TypeError(f"SpikeTime: indices must be whole numbers; given {given.dtype}.")
    if n and not ((given >= 0) & (given < size)).all():
        raise ValueError(f"SpikeTime: indices must lie in [0, {size}); given {given.min()} to {given.max()}.")
    return given.astype(np.int32)


def _spike_dtype(spk_type: Any, where: str) -> Any:
    try:
        dtype = jax.dtypes.canonicalize_dtype(spk_type)
    except TypeError:
        dtype = np.dtype(object)
    if not any(jnp.issubdtype(dtype, kind) for kind in (bool, jnp.floating, jnp.integer)):
        raise TypeError(f"{where}: spk_type must be bool, or a dtype of floats or whole numbers; given {spk_type!r}.")
    return dtype
