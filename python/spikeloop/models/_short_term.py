"""ShortTermPlasticity: what all models of short-term plasticity share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from ._form import Form, check_input, number_in


class ShortTermPlasticity(Form):
    """Base of short-term plasticity: turns the spikes of a population into graded releases of transmitter.

    A model declares constants and states and defines `operands`, `derive` and `step`. The latter works on plain numbers
    and is the reference of the native kernel that `kernel` names. The stored states are those after the last step.
    """

    kernel: ClassVar[str | None] = None
    operands: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "kernel" not in vars(cls) and any(name in vars(cls) for name in ("operands", "step")):
            cls.kernel = None  # other equations than those of the native kernel it would inherit

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        """The operands, from the constants and the time step in ms."""
        raise NotImplementedError

    @staticmethod
    def step(p: SimpleNamespace, s: SimpleNamespace, spikes: Any) -> tuple[tuple[Any, ...], Any]:
        """(states in the order of their declaration, release)."""
        raise NotImplementedError

    def update(self, spikes: Any) -> Any:
        """One step; returns what each neuron releases, 0 where it does not spike."""
        states = self.state_numbers()
        like = states[0]
        spikes = number_in(spikes, u.UNITLESS, f"{self.path}: the spikes")
        check_input(spikes, like.shape, self.path)
        p = SimpleNamespace(**dict(zip(self.operands, self.derive(self.numbers(), self.dt()), strict=True)))
        s = SimpleNamespace(**dict(zip(self.state_vars, states, strict=True)))
        new, release = self.step(p, s, jnp.asarray(spikes, like.dtype))
        self.take(iter([x.astype(like.dtype) for x in new]))
        return release.astype(like.dtype)
