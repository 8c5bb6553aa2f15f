"""What synapses that a pulse of transmitter opens share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import variable
from .._units import check_not_negative, with_unit
from ._math import exp_euler
from ._synapse import Synapse


class PulsedSynapse(Synapse):
    """Base of synapses on the side of the source that a spike opens for a while.

    A spike starts a pulse of transmitter of concentration T that lasts T_dur, beginning with the step of the spike; a
    spike during a pulse starts it anew. A graded spike s gives a pulse of s T_dur. The time that is left is State, so
    the clock does not matter and T_dur need not be a multiple of dt. A model defines `operands`, `derive` and `open`.
    """

    operands: ClassVar[tuple[str, ...]] = ()

    T_dur: Any
    T_left = variable(0.0, u.ms)

    @staticmethod
    def open(p: SimpleNamespace, s: SimpleNamespace, on: Any, off: Any) -> None:
        """One step of the equations, `on` ms with transmitter and then `off` ms without."""
        raise NotImplementedError

    def update(self, x: Any = None) -> Any:
        """One step with the spikes `x`; returns g at its end."""
        dt, numbers = self.dt(), self.state_numbers()
        like = numbers[0]
        p = SimpleNamespace(**dict(zip(self.operands, self.derive(self.numbers(), dt), strict=True)))
        s = SimpleNamespace(**dict(zip(self.state_vars, numbers, strict=True)))
        if x is not None:
            s.T_left = s.T_left + self._spikes(x) * (self.number("T_dur") - s.T_left)
        on = jnp.minimum(s.T_left, dt)
        self.open(p, s, on, dt - on)
        s.T_left = s.T_left - on
        self.take(iter([jnp.asarray(getattr(s, name), like.dtype) for name in self.state_vars]))
        return with_unit(s.g.astype(like.dtype), self.unit)

    def _check(self) -> None:
        super()._check()
        check_not_negative(self.T_dur, f"{self.path}: T_dur")


def bind(x: Any, rate: Any, unbinding: Any, on: Any, off: Any) -> Any:
    """The solution of dx/dt = rate (1 − x) − unbinding x over `on`, then of dx/dt = −unbinding x over `off`."""
    x = exp_euler(x, on, rate * (1 - x) - unbinding * x, -(rate + unbinding))
    return exp_euler(x, off, -unbinding * x, -unbinding)
