"""Synapse and SynOut: what all synapse models and all outputs share."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .. import init
from .._errors import UnitError
from .._form import Form, param, variable
from .._state import HiddenState, State
from .._units import check_input, check_unit, number_in, unit_of, with_unit
from ..kernels._receptors import DYNAMICS, OUTPUTS
from ..plasticity import from_equations


class Synapse(Form):
    """Base of synapse models: the time course g of a conductance after a spike.

    The unit of g is that of its initial value; states that are declared in the same unit as g follow it.

    `dynamics` names the equations in the kernels of neurons, with which a synapse can be aligned to its targets. Its
    stored states are then those that the next step starts with, before its arrivals: `g` after a step has already
    decayed. A synapse without `dynamics` has one conductance per source neuron, in `align_pre_projection`, and defines
    `update`.
    """

    dynamics: ClassVar[str] = ""
    g: HiddenState
    _unit: Any = None

    from_equations = staticmethod(from_equations)

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _check_known(cls, "dynamics", cls.dynamics, DYNAMICS)

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        """The operands of the dynamics, from the constants and the time step in ms."""
        raise NotImplementedError

    @property
    def unit(self) -> Any:
        """The unit of g."""
        return self._unit

    def state_unit(self, name: str) -> Any:
        """The unit of a state."""
        declared = self.state_vars[name].unit
        return self._unit if declared == self.state_vars["g"].unit else declared

    @property
    def received(self) -> Any:
        """The value of the State that input adds to, the first one; assign to it what it is with new input."""
        return getattr(self, next(iter(self.state_vars))).value

    @received.setter
    def received(self, value: Any) -> None:
        getattr(self, next(iter(self.state_vars))).value = value

    def receive(self, conductance: Any) -> None:
        """Add a conductance."""
        present = self.received
        check_unit(conductance, self.unit, f"{self.path}: what arrives")
        check_input(conductance, present.shape, self.path)
        self.received = present + conductance

    def update(self, x: Any = None) -> Any:
        """One step on its own, on the side of the source: add the input `x`, return g, then decay.

        Spikes without a unit count as one unit of g each.
        """
        if x is not None:
            self.receive(x if isinstance(x, u.Quantity) else with_unit(self._spikes(x), self.unit))
        if not self.dynamics:
            raise NotImplementedError(f"{type(self).__name__} has no dynamics, so it must define update(x).")
        states = self.state_numbers()
        equations, operands = DYNAMICS[self.dynamics], self.derive(self.numbers(), self.dt())
        g = equations.conductance(operands, states)
        self.take(iter([new.astype(g.dtype) for new in equations.decay(operands, states)]))
        return with_unit(g, self.unit)

    def _spikes(self, x: Any) -> Any:
        """Spikes of any number type in the dtype of g."""
        x = number_in(x, u.UNITLESS, f"{self.path}: the spikes")
        check_input(x, self.g.value.shape, self.path)
        return jnp.asarray(x, u.get_mantissa(self.g.value).dtype)

    def _check_initializer(self, name: str) -> None:
        if self._unit is None:
            start = self._initializers["g"]
            self._unit = _unit_of_start(self.state_vars["g"].default if start is None else start, self.varshape)
        super()._check_initializer(name)


def _check_known(cls: type, attribute: str, name: str, known: Iterable[str]) -> None:
    if name and name not in known:
        raise ValueError(
            f"{cls.__name__}: {attribute} = {name!r} names nothing in the kernels of neurons, which have "
            f"{', '.join(map(repr, known))}. Leave it out and define update() for equations of your own."
        )


def _unit_of_start(start: Any, shape: tuple[int, ...]) -> Any:
    start = start.value if isinstance(start, State) else start
    if isinstance(start, init.Initializer):
        return unit_of(start(shape, key=0))  # a key of its own: the default generator stays as it is
    return unit_of(start(shape) if callable(start) else start)


class SynOut(Form):
    """Base of synaptic outputs: the current that a conductance drives through the membrane.

    `output` names the formula in the kernels; its first operand scales the current.
    """

    output: ClassVar[str] = ""
    port: str = ""  # the receptor port of the neuron that it leads to, where the neuron has some
    has_size = False
    factor: Any = u.mV  # what a conductance is multiplied by to become a current

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _check_known(cls, "output", cls.output, OUTPUTS)

    def constants(self) -> tuple[Any, ...]:
        """The operands of the formula after the scale."""
        return ()

    def derive(self, neuron: Any, gain: Any, g_unit: Any) -> tuple[Any, ...]:
        """The operands of the formula in a kernel of `neuron`, for a conductance in `g_unit`."""
        where = f"{self.path}: conductance × {'mV' if self.factor is u.mV else 'scale'}"
        return gain * _current_of(1.0 * (g_unit * self.factor), neuron, where), *self.constants()

    def conductance_unit(self, neuron: Any) -> Any:
        """The unit in which a conductance makes the currents of `neuron`."""
        return neuron.current_unit / unit_of(1.0 * self.factor)

    def update(self, g: Any, V: Any = None) -> Any:
        """The current that the conductance `g` drives at the potential `V`."""
        if not self.output:
            raise NotImplementedError(f"{type(self).__name__} has no output, so it must define update(g, V).")
        V = 0.0 if V is None else number_in(V, u.mV, f"{self.path}: V")
        scale = 1.0 * (unit_of(g) * self.factor)
        drive, _ = OUTPUTS[self.output].drive(
            (u.get_mantissa(scale), *self.constants()), u.get_mantissa(g), jnp.asarray(V)
        )
        return with_unit(drive, unit_of(scale))


def _current_of(value: Any, neuron: Any, where: str) -> Any:
    """The number of a Quantity in the current unit of `neuron`."""
    try:
        check_unit(value, neuron.current_unit, where)
    except UnitError as error:
        raise UnitError(f"{where} must be a current, as {neuron.path} takes it. {error}") from error
    return number_in(value, neuron.current_unit, where)


__all__ = ["SynOut", "Synapse", "param", "variable"]
