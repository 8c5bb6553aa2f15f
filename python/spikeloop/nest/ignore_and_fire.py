"""The neuron that fires at regular times, whatever it receives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class ignore_and_fire(NestNeuron):
    """A neuron that fires with the period 1/rate, at first after `phase` of it, and ignores its input.

    For measurements of the cost of a network whose activity does not depend on its connections. `received` is the sum
    of what has arrived, which has no effect. Projections need to name no port.

    >>> clock = sl.nn.init_all_states(sl.nest.ignore_and_fire(1, rate=1000.0 * u.Hz, phase=0.5))
    >>> sl.transform.for_loop(lambda: clock(), length=30)[:, 0].nonzero()[0].tolist()
    [5, 15, 25]
    """

    rate = param(10.0 / u.second)
    phase = param(1.0)
    steps = variable(0.0)
    has_fired = variable(0.0)
    ignored = variable(0.0)

    holds = ()
    ports: ClassVar[dict[str, Port]] = {"0": Port("ignored", u.UNITLESS)}

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:
        del drive
        period = jnp.round(1e3 / p.rate / p.dt)
        first = jnp.round(p.phase * 1e3 / p.rate / p.dt)
        spike = jnp.where(s.steps >= jnp.where(s.has_fired > 0, period - 1, first), 1.0, 0.0)
        s.steps = jnp.where(spike > 0, 0.0, s.steps + 1)
        s.has_fired = jnp.maximum(s.has_fired, spike)
        return spike
