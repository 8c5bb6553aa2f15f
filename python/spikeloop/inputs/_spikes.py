"""Sources of spikes, one step at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ, init
from .._errors import ShapeError
from .._jax import is_tracer
from .._shapes import fits
from .._state import value_of
from .._steps import MOST
from .._units import check_unit, time_step
from ..random._units import check_finite, common_unit
from ._poisson import checked_rate, events, happens, is_mean, mean_number
from ._source import Source, TimedSource, named, times_in_ms

_SPARSE = 0.1  # spikes in a step, above which one at most is too few
_ROUNDING: dict[str, Callable[[np.ndarray], np.ndarray]] = {"round": np.round, "floor": np.floor, "ceil": np.ceil}


class _Poisson(Source):
    """Base of Poisson sources: `spk_type` is the dtype of the spikes, None for counts of spikes as floats."""

    def __init__(self, in_size: Any, spk_type: Any, name: str | None):
        super().__init__(in_size, name)
        self.spk_type = None if spk_type is None else _spike_dtype(spk_type, type(self).__name__)

    def _spikes(self, mean: Any, shape: tuple[int, ...]) -> Any:
        """Spikes with these mean numbers in a step."""
        dtype = jnp.dtype(environ.dftype() if self.spk_type is None else self.spk_type)
        if dtype == jnp.bool_:
            self._warn_of_losses(mean)
            return happens(-(np if isinstance(mean, np.ndarray) else jnp).expm1(-mean), shape)
        number = events(mean, shape)
        if jnp.issubdtype(dtype, jnp.integer):
            return jnp.minimum(number, jnp.iinfo(dtype).max).astype(dtype)
        number = number.astype(dtype)
        # A rate that is only known inside a program and is none must not look like silence.
        return jnp.where(is_mean(mean), number, jnp.nan) if is_tracer(mean) else number

    def _warn_of_losses(self, mean: Any) -> None:
        most = 0.0 if is_tracer(mean) else float(np.max(mean, initial=0.0))
        if most > _SPARSE:
            lost = 1 + np.expm1(-most) / most
            warnings.warn(
                f"{self.path}: a step of dt = {float(time_step(self.path)):g} ms holds {most:.3g} spikes on average, "
                f"but spk_type=bool keeps one at most: {lost:.0%} of them are lost. Leave spk_type out to get the "
                "number of spikes, or take a shorter dt.",
                RuntimeWarning,
                stacklevel=2,
            )


class PoissonSpike(_Poisson):
    r"""Independent Poisson spike trains: the number of spikes in each step.

    $$n \sim \mathrm{Poisson}(f\, \Delta t)$$

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `freqs` | f: a number, an array of shape `in_size`, an initializer or a State | Hz | |
    | `spk_type` | dtype of the spikes; with `bool` several in one step are one | | float |

    Projections deliver n times the weight; recorders and plasticity count n spikes. With `spk_type=bool` there is a
    spike with probability 1 − exp(−f Δt), and a warning if f Δt exceeds 0.1. A rate that is NaN or negative is an
    error; if it is known only inside a compiled program (a State, or the argument of an encoder), the spikes are NaN
    instead.

    >>> source = sl.nn.init_all_states(sl.PoissonSpike(1000, 20 * u.Hz))
    >>> spikes = sl.transform.for_loop(source, length=1000)  # 100 ms: 2 spikes of each neuron on average
    >>> abs(int(spikes.sum()) - 2000) < 300
    True
    """

    def __init__(self, in_size: Any, freqs: Any, spk_type: Any = None, name: str | None = None):
        super().__init__(in_size, spk_type, name)
        self.freqs = init.param(freqs, self.varshape, allow_none=False, name="PoissonSpike: freqs")
        checked_rate(value_of(self.freqs), "PoissonSpike: freqs")

    def update(self) -> Any:
        """The spikes of this step."""
        mean = mean_number(value_of(self.freqs), time_step(self.path), f"{self.path}: freqs")
        return self._spikes(mean, self.shape)


class PoissonEncoder(_Poisson):
    """Poisson spikes with the rates that it is called with; otherwise as `PoissonSpike`.

    | name | meaning | default |
    |---|---|---|
    | `in_size` | shape of the population | |
    | `spk_type` | dtype of the spikes; with `bool` several in one step are one | float |
    """

    def __init__(self, in_size: Any, spk_type: Any = None, name: str | None = None):
        super().__init__(in_size, spk_type, name)

    def update(self, freqs: Any) -> Any:
        """The spikes of this step for the rates `freqs` in Hz: one, an array of `in_size`, or a batch of arrays."""
        mean = mean_number(freqs, time_step(self.path), f"{self.path}: freqs")
        batch = jnp.shape(mean)[: max(jnp.ndim(mean) - len(self.varshape), 0)] or self.samples.value.shape
        if not fits(jnp.shape(mean), shape := (*batch, *self.varshape)):
            raise ShapeError(
                f"{self.path} takes one rate, or rates of shape {self.varshape} with the batch in front if there is "
                f"one; given {jnp.shape(mean)}."
            )
        return self._spikes(mean, shape)


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

    >>> source = sl.nn.init_all_states(sl.SpikeTime(3, times=[0.1, 0.3] * u.ms, indices=[0, 2]))
    >>> sl.transform.for_loop(source, length=4).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]]
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

    def update(self, index: Any = None, time: Any = None) -> Any:
        """The spikes of this step; with `index` those of that step, else with `time` those of the nearest step."""
        if not len(self.times):
            return self._spread(0.0, self.unit)
        steps, order, most = self._schedule()
        now = self._step() if index is None and time is None else self._asked(index, time)
        begin = jnp.searchsorted(jnp.asarray(steps), now)
        due, which = (jax.lax.dynamic_slice_in_dim(jnp.asarray(x), begin, most) for x in (steps, order))
        heights = jnp.where(due == now, self.weights[which] if self.weights.ndim else self.weights, 0)
        spikes = jnp.zeros(math.prod(self.varshape), heights.dtype)
        spikes = spikes.at[jnp.asarray(self.indices)[which]].add(heights)
        return self._spread(spikes.reshape(self.varshape), self.unit)

    def _asked(self, index: Any, time: Any) -> Any:
        if index is None:
            check_unit(time, u.ms, f"{self.path}: time")
            with environ.context(t=time):
                return self._step()
        if not jnp.issubdtype(jnp.result_type(index), jnp.integer):
            raise TypeError(f"{self.path}: index must be a whole number, that of a step; given {index!r}.")
        return jnp.asarray(index, jnp.int32)

    def _schedule(self) -> tuple[np.ndarray, np.ndarray, int]:
        """(the sorted steps of all spikes, which they are, the most in one step), and so many more that never come."""
        rounding = _ROUNDING[self.time_as_step] if isinstance(self.time_as_step, str) else self.time_as_step
        steps = np.minimum(rounding(self._grid().steps(self.times)), MOST).astype(np.int32)
        order = np.argsort(steps, kind="stable").astype(np.int32)
        most = int(np.unique(steps, return_counts=True)[1].max(initial=1))
        return np.append(steps[order], [MOST] * most).astype(np.int32), np.append(order, [0] * most), most


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
