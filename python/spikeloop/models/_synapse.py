"""Synapse and SynOut: what all synapse models and all outputs share."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._state import HiddenState
from ..kernels._receptors import DYNAMICS
from ._form import Form, number_in, param, unit_of, variable


class Synapse(Form):
    """Base of synapse models: the time course g of a conductance after a spike.

    `dynamics` names the equations in the kernels. The stored states are those that the next step starts with, before
    its arrivals: `g` after a step has already decayed.
    """

    dynamics: ClassVar[str] = ""
    align_post: ClassVar[bool] = False
    g: HiddenState

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        """The operands of the dynamics, from the constants and the time step in ms."""
        raise NotImplementedError

    @property
    def unit(self) -> Any:
        """The unit of g: that of its initial value."""
        return unit_of(self._start("g")(()) if callable(self._start("g")) else self._start("g"))

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given."""
        from ._form import init_variable

        for name in self.state_vars:
            where = f"{self.path}.{name}"
            setattr(self, name, init_variable(self._start(name), self.unit, self.varshape, batch_size, where))

    def state_numbers(self) -> list[Any]:
        """The states as plain numbers."""
        return [number_in(getattr(self, name).value, self.unit, f"{self.path}.{name}") for name in self.state_vars]

    def take(self, values: Iterator[Any]) -> None:
        """Store new states."""
        for name in self.state_vars:
            value = next(values)
            getattr(self, name).value = value if self.unit.is_unitless else u.Quantity(value, unit=self.unit)

    def receive(self, arrivals: Any) -> None:
        """Add what arrives: a function from the present conductance to the new one, or a conductance."""
        self.g.value = arrivals(self.g.value) if callable(arrivals) else self.g.value + arrivals

    def update(self, x: Any = None) -> Any:
        """One step on its own, outside a projection: add the input `x`, return g, then decay."""
        if x is not None:
            self.receive(x)
        states = self.state_numbers()
        equations, operands = DYNAMICS[self.dynamics], self.derive(self.numbers(), self.dt())
        g = equations.conductance(operands, states)
        self.take(iter(equations.decay(operands, states)))
        return g if self.unit.is_unitless else u.Quantity(g, unit=self.unit)

    def _check_initializer(self, name: str) -> None:
        """Any unit: it decides the unit of the synapse."""


class SynOut(Form):
    """Base of synaptic outputs: the current that a conductance drives through the membrane."""

    output: ClassVar[str] = ""
    has_size = False

    def derive(self, neuron: Any, gain: Any, g_unit: Any) -> tuple[Any, ...]:
        """The operands of the output in a kernel of `neuron`, for a conductance in `g_unit`."""
        raise NotImplementedError


__all__ = ["SynOut", "Synapse", "param", "variable"]
