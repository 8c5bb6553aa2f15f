"""Noise currents, one step at a time, drawn from `random.DEFAULT`; every element and sample has its own."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from .. import environ, random
from .._state import HiddenState
from ..random._units import attach, check_finite, split
from ._noise import ou_step
from ._source import TimedSource, amplitudes, time_in_ms


class WienerProcessInput(TimedSource):
    """The increments of a Wiener process: independent, normal, with variance sigma²·dt; 0 after `duration`.

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the result | | |
    | `sigma` | strength per √ms, in the unit of the result | any | |
    | `duration` | how long | ms | for ever |
    """

    def __init__(self, in_size: Any, sigma: Any, duration: Any = None, name: str | None = None):
        super().__init__(in_size, name)
        self.unit, (self.sigma,) = amplitudes(self, sigma=sigma)
        check_finite("WienerProcessInput", least=0, sigma=sigma)
        self.duration = time_in_ms(duration, "WienerProcessInput: duration")

    def update(self) -> Any:
        """The increment of this step."""
        dt = self._grid().dt
        noise = random.standard_normal(self.shape) * (self.sigma * math.sqrt(dt))
        return self._spread(_until(self, noise), self.unit)


class OUProcessInput(TimedSource):
    r"""The Ornstein–Uhlenbeck process x, 0 after `duration`.

    $$dx = \frac{\mathrm{mean} - x}{\tau} dt + \sigma\, dW$$

    It starts one step before the first call at `mean`, and is exact for any dt; its stationary standard deviation is
    σ √(τ/2).

    | name | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the result | | |
    | `mean` | a number or an array of shape `in_size` | any | |
    | `sigma` | strength per √ms, in the unit of `mean` | that of `mean` | |
    | `tau` | correlation time | ms | |
    | `duration` | how long | ms | for ever |

    >>> noise = sl.nn.init_all_states(sl.OUProcessInput(100, 1.0 * u.mA, 0.5 * u.mA, tau=5 * u.ms))
    >>> sl.transform.for_loop(noise, length=50).shape
    (50, 100)

    Uhlenbeck GE, Ornstein LS (1930) Phys. Rev. 36:823.
    """

    x: HiddenState

    def __init__(self, in_size: Any, mean: Any, sigma: Any, tau: Any, duration: Any = None, name: str | None = None):
        super().__init__(in_size, name)
        self.unit, (self.mean, self.sigma) = amplitudes(self, mean=mean, sigma=sigma)
        check_finite("OUProcessInput", least=0, sigma=sigma)
        self.tau = time_in_ms(tau, "OUProcessInput: tau", positive=True)
        self.duration = time_in_ms(duration, "OUProcessInput: duration")

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Start at `mean`, for a batch of `batch_size` samples if given."""
        TimedSource.init_state(self, batch_size)
        start = jnp.broadcast_to(jnp.asarray(self.mean, environ.dftype()), self.shape)
        self.x = HiddenState(attach(start + jnp.zeros_like(start), self.unit))

    def update(self) -> Any:
        """The process at this step."""
        dt = self._grid().dt
        assert self.tau is not None
        decay, spread = ou_step(self.tau, dt)
        distance = split(self.x.value)[0] - self.mean
        x = self.mean + decay * distance + self.sigma * spread * random.standard_normal(distance.shape)
        self.x.value = attach(x, self.unit)
        return self._spread(_until(self, x), self.unit)


def _until(source: Any, value: Any) -> Any:
    """`value` before the end of its duration, else 0."""
    step = source._step()
    return value if source.duration is None else jnp.where(step < source._grid().edge(source.duration), value, 0)
