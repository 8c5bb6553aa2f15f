"""HomeostaticScaling: weights onto a target that keep it at its target rate."""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._form import param
from .._jax import is_tracer
from .._math import exp
from .._state import HiddenState, value_of
from .._trace import store
from .._units import number_in, with_unit
from ..connect import Connection
from ..delays._steps import delay_times, nearest
from ..transform import cond
from ._weight_rule import WeightRule


class HomeostaticScaling(WeightRule):
    r"""All weights onto a target grow in proportion while it fires less than its target rate, and shrink while more.

    $$\dot w = \frac{w}{\tau_w}\Big(1 - \frac{\nu}{\rho_0}\Big), \qquad \tau\dot\nu = -\nu + \sum_k \delta(t - t_k)$$

    with the rate ν of the target, averaged over its spikes at t_k from ρ0 on. The weights change at the interval
    `every`, by the present ν; other steps cost nothing. It goes together with other rules, as in
    `plasticity=[STDP(...), HomeostaticScaling(...)]`, and is meant for excitatory synapses.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `rate` | target rate ρ0 | Hz | 5 |
    | `tau` | averaging time of the rate | ms | 1000 |
    | `tau_w` | time constant of the weights of a silent target | ms | 10000 |
    | `every` | time between two scalings | ms | 100 |
    | `w_max`, `w_min` | as in `WeightRule` | | |

    Turrigiano GG (2008) Cell 135:422; van Rossum MCW, Bi GQ, Turrigiano GG (2000) J. Neurosci. 20:8812.
    """

    rate = param(5.0 * u.Hz, positive=True)
    tau = param(1000.0 * u.ms, positive=True)
    tau_w = param(10_000.0 * u.ms, positive=True)

    options: ClassVar[dict[str, Any]] = {"every": 100.0 * u.ms}

    nu: HiddenState  # the rate of each target, in Hz
    steps: HiddenState  # since weights changed

    def _check(self) -> None:
        super()._check()
        where = f"{self.path}: every"
        every = delay_times(self.every, where)
        if every.ndim or not every > 0:
            raise ValueError(f"{where} must be one time above 0; given {self.every}.")
        tau_w = number_in(value_of(self.tau_w), u.ms, f"{self.path}: tau_w")
        if not is_tracer(tau_w) and (np.asarray(tau_w) < every).any():
            raise ValueError(f"{where} must not be longer than tau_w; given {self.every}.")

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Let targets begin at their target rate."""
        super().init_state(batch_size)
        assert self._sizes is not None
        self.nu = HiddenState(jnp.zeros(self._sizes[1], environ.dftype()) + self.number("rate"))
        self.steps = HiddenState(jnp.zeros((), jnp.int32))

    def update(self, connection: Connection, spikes: Any) -> None:
        """One step: average the rates of targets, and scale their weights if it is time to."""
        p, dt = self.numbers(), self.dt()
        fired = (self._post.get_spike().reshape(-1) != 0).astype(self.nu.value.dtype)
        self.nu.value = self.nu.value * exp(-dt / p.tau) + 1e3 / p.tau * fired
        every = int(nearest(delay_times(self.every, f"{self.path}.every") / float(dt)))
        steps = self.steps.value + 1
        scale = functools.partial(self._scale, connection, every * dt)
        cond(steps >= every, scale, _leave, self.nu.value)
        self.steps.value = jnp.where(steps >= every, 0, steps)

    def _scale(self, connection: Connection, time: Any, nu: Any) -> None:
        """Let weights grow or shrink for a time in ms."""
        p, weights = self.numbers(), connection.weight
        numbers = u.get_mantissa(weights.value)
        factor = jnp.exp(time / p.tau_w * (1 - nu / p.rate))
        scaled = jnp.clip(numbers * factor[connection.indices], p.w_min, p.w_max)
        store(weights, with_unit(scaled.astype(numbers.dtype), self._unit))


def _leave(_: Any) -> None:
    """Not yet."""
