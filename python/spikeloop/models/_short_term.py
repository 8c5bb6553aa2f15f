"""ShortTermPlasticity: what all models of short-term plasticity share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .. import surrogate
from .._form import Form
from .._state import ShortTermState
from .._units import check_input, number_in
from ..kernels import Pass
from ..kernels._neuron import CURRENT, SPIKE, step

_SURROGATE = surrogate.ReluGrad()  # every pass has one; a release needs none


class ShortTermPlasticity(Form):
    """Base of short-term plasticity: turns the spikes of a population into graded releases of transmitter.

    A model declares constants and states and defines `operands`, `derive` and `release`. The latter works on plain
    numbers. The stored states are those after the last
    step, with the last releases in `released`.
    """

    state_names: ClassVar[tuple[str, ...]] = ("released",)
    operands: ClassVar[tuple[str, ...]] = ()
    releases: ClassVar[bool] = True
    draws: ClassVar[bool] = False

    released: ShortTermState

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        """The operands, from the constants and the time step in ms."""
        raise NotImplementedError

    @staticmethod
    def release(p: SimpleNamespace, s: SimpleNamespace, spikes: Any) -> tuple[tuple[Any, ...], Any]:
        """(states in the order of their declaration, release)."""
        raise NotImplementedError

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given."""
        super().init_state(batch_size)
        self.released = ShortTermState(jnp.zeros_like(self.state_numbers()[0]))

    def update(self, spikes: Any) -> Any:
        """One step; returns what each neuron releases, 0 where it does not spike."""
        states = self.state_numbers()
        spikes = number_in(spikes, u.UNITLESS, f"{self.path}: the spikes")
        check_input(spikes, states[0].shape, self.path)
        operands = self.derive(self.numbers(), self.dt())
        before = {
            **dict(zip(self.operands, operands, strict=True)),
            **dict(zip(self.state_vars, states, strict=True)),
            SPIKE: self.released.value,
            CURRENT: spikes,
        }
        after = step(Pass(type(self), False, False, False, _SURROGATE, ()), before)
        self.take(iter([after[name] for name in self.state_vars]))
        self.released.value = after[SPIKE]
        return self.released.value
