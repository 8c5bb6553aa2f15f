"""NestNeuron: what the neuron models of NEST share."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._hard_reset import hard_reset
from .._integrators import ADAPTIVE
from .._units import check_not_negative
from ..models import Neuron
from ..models._inputs import OneStep
from ..models._receptor import Receptor, receptor_of
from ._describe import described, signature
from ._lists import ParamList, VariableList, lengths_of, of_lengths, split
from ._ports import Port, ToPort, port_of


class NestNeuron(Neuron):
    """Base of NEST's neuron models.

    A model is declared as other neurons are, by `param`, `variable` and `derivative` or `integrate`, and by

    - `ports`: the receptor ports by name; each adds to one State,
    - `param_list`, `variable_list`: constants and States of which there are as many as the user gives,
    - `port_list`: the length and the port of models with one port for each element of a list.

    A step is NEST's: it integrates, adds what arrives, compares with the threshold and resets, so the States after it
    are what NEST records. The functions find more in p than elsewhere: `p.refractory`, `p.arrived` (by port),
    `p.start` (the States before), `p.spike_of` (the surrogate).
    """

    order = "nest"
    period = "t_ref"
    holds = ("V_m",)
    current_unit: ClassVar[Any] = u.pA
    options: ClassVar[dict[str, Any]] = {"spk_reset": "hard"}
    ports: ClassVar[dict[str, Port]] = {}
    lists: ClassVar[dict[str, ParamList | VariableList]] = {}
    port_list: ClassVar[tuple[str, Port] | None] = None
    lengths: ClassVar[dict[str, int] | None] = None  # of the lists, in the class of a population

    def __init_subclass__(cls, **kwargs: Any):
        own = {k: v for k, v in vars(cls).items() if isinstance(v, (ParamList, VariableList))}
        inherited = [getattr(base, "lists", {}) for base in reversed(cls.__bases__)]
        cls.lists = {name: x for lists in (*inherited, own) for name, x in lists.items()}
        for name in own:
            delattr(cls, name)
        super().__init_subclass__(**kwargs)
        if cls.lengths is not None:
            cls.__signature__ = inspect.signature(cls.__mro__[1])
            return
        if cls.__init__ is NestNeuron.__init__:
            cls.__signature__ = signature(cls)
        if not cls.__name__.startswith("_"):
            cls.__doc__ = described(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A population, of a class with lists of the lengths given, and with the step of `rkf45` as State."""
        given = arguments(cls, args, kwargs)
        carries_step = str(given.get("integrator", cls.integrator)).startswith(ADAPTIVE)
        is_made = cls.lengths is not None or not (cls.lists or carries_step)
        return object.__new__(cls if is_made else of_lengths(cls, lengths_of(cls, given), carries_step))

    def __init__(self, *args: Any, **kwargs: Any):
        if self.lists:
            args, kwargs = (), split(type(self), arguments(type(self), args, kwargs))
        super().__init__(*args, **kwargs)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """Add what arrives at the ports to the States."""
        for name, arrived in p.arrived.items():
            port = cls.ports[name]
            setattr(s, port.state, getattr(s, port.state) + port.jump(p, arrived))

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - p.V_th) / (p.V_th - p.V_reset)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V_m = hard_reset(s.V_m, p.V_reset, spike) if hard else s.V_m - (p.V_th - p.V_reset) * spike

    def port(self, name: str | int) -> dict[str, Any]:
        """The synapse and output that lead a projection to a receptor port.

        >>> neurons = sl.nest.iaf_cond_exp(10)
        >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(3, 2 * u.nS), **neurons.port("ex"))
        >>> loop.comm.weight.value
        Quantity(2., "nS")
        """
        unit = port_of(self, name).unit
        start = 0.0 if unit.is_unitless else u.Quantity(0.0, unit=unit)
        return {"syn": OneStep.desc(self.varshape, g_initializer=start), "out": ToPort.desc(port=str(name))}

    def _check(self) -> None:
        if self.is_refractory:
            check_not_negative(getattr(self, self.period), f"{self.path}: {self.period}")

    # --- delta input: of a model with one port, that of this port ----------------------------------------------------

    _delta: Receptor | None = None

    def take_delta(self) -> None:
        """Keep a buffer for input without a port, which only a model with a single one takes."""
        if len(self.ports) != 1:
            known = ", ".join(map(repr, self.ports)) or "none"
            raise TypeError(f"{self.path}: name the receptor port of a projection, one of {known}: "
                            f"sl.project(pre, post, rule, **post.port({next(iter(self.ports), '')!r})).")  # fmt: skip
        port = self.port(next(iter(self.ports)))
        self._delta = receptor_of(self, port["syn"], port["out"], self.path)

    @property
    def takes_delta(self) -> bool:
        """Whether input without a port has a buffer."""
        return self._delta is not None

    @property
    def delta_unit(self) -> Any:
        """The unit of input without a port."""
        return next(iter(self.ports.values())).unit if len(self.ports) == 1 else None

    @property
    def received(self) -> Any:
        """The input without a port for the next step."""
        assert self._delta is not None
        return self._delta.syn.received

    @received.setter
    def received(self, value: Any) -> None:
        assert self._delta is not None
        self._delta.syn.received = value

    # --- the potential, which NEST calls V_m -------------------------------------------------------------------------

    @property
    def V(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The State V_m, or the first State of a model without a potential."""
        return getattr(self, next(iter(self.state_vars)))

    def state_unit(self, name: str) -> Any:
        """The unit of a State."""
        return super().state_unit(next(iter(self.state_vars)) if name == "V" else name)

    def _reset_potential(self, p: SimpleNamespace, dt: Any) -> Any:
        return self.state_numbers()[0]  # the reset belongs to the step of the spike


def arguments(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor by name."""
    names = [*inspect.signature(cls).parameters]
    return {**dict(zip(names, args, strict=False)), **kwargs}
