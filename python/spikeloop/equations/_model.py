"""Makes a neuron model, a class like those written by hand, from equations in text."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import brainunit as u

from .. import _integrators, environ
from .._form import param, variable
from .._integrators import ADAPTIVE, EXACT, Integrator
from .._units import number_in, unit_of, with_unit
from . import _system
from ._class import Recipe, made
from ._expression import CONDITION, Expression
from ._namespace import joined
from ._noise import UNIT as XI_UNIT
from ._noise import XI, Noise
from ._of_time import FunctionOfTime
from ._spiking import Reset, Threshold
from ._system import NotLinear, System
from ._text import Equation, expression, statements
from ._text import equations as read
from ._units import factor

_ALWAYS = ("dt", "t")  # names that every equation may use
_NEVER = "False"  # the threshold of a neuron without spikes
_OWN = "own factor"  # of the potential in its own rate


@dataclass(frozen=True)
class Source:
    """What the user gave to `from_equations`."""

    text: str
    threshold: str | None
    reset: str | None
    refractory: str | None
    method: str | None
    input: str
    constants: Mapping[str, Any]


class TextModel:
    """The parts of a model in text, checked: from it `namespace` makes the attributes of the class."""

    def __init__(self, base: type[Any], source: Source):
        self.source, self.equations = source, read(source.text)
        self._check_declarations(base)
        self.system = System(self.equations, [*filter(None, [self.input]), "t", *self.timed])
        self.potential = self.system.states[0]
        self._check_names()
        _system.check_units(self.equations, self.units)
        self.reset = Reset(statements(source.reset or "", "reset"), self)
        self.threshold = Threshold(expression(source.threshold or _NEVER, "threshold"), self)
        self._check_all_used()
        self.noise = Noise(self._expressions, self.equations)

    @cached_property
    def declared(self) -> dict[str, Equation]:
        """The equations by name."""
        return {equation.name: equation for equation in self.equations}

    @cached_property
    def input(self) -> str | None:
        """The name of the external current in the text; None if the text has none."""
        flagged = [e.name for e in self.equations if "input" in e.flags]
        used = set().union(*(e.expression.names for e in self.equations if e.expression))
        free = self.source.input in used and self.source.input not in {*self.declared, *self.source.constants}
        return flagged[0] if flagged else self.source.input if free else None

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The constants by name, with the values that they have unless the constructor is given others."""
        given = {k: v for k, v in self.source.constants.items() if not isinstance(v, FunctionOfTime)}
        for name, equation in self.declared.items():
            if equation.kind == "parameter" and "input" not in equation.flags:
                given.setdefault(name, with_unit(0.0, self._unit_after_colon(equation)))
        return given

    @cached_property
    def timed(self) -> dict[str, FunctionOfTime]:
        """What the equations read as "stimulus(t)"."""
        return {f"{k}(t)": v for k, v in self.source.constants.items() if isinstance(v, FunctionOfTime)}

    @cached_property
    def units(self) -> dict[str, Any]:
        """The unit of each name: of a value, or CONDITION."""
        found = {name: unit_of(value) for name, value in self.constants.items()}
        found |= {name: self._unit_after_colon(equation) for name, equation in self.declared.items()}
        if self.input is not None:
            found.setdefault(self.input, u.mA)
        found |= {name: array.unit for name, array in self.timed.items()}
        return {**found, "dt": u.ms, "t": u.ms, XI: XI_UNIT}

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the differential equations."""
        return self.system.states

    def attribute(self, name: str) -> str:
        """The attribute of the model for a state: V for the potential, whatever the text calls it."""
        return "V" if name == self.potential else name

    def values(self, p: SimpleNamespace, s: SimpleNamespace | None = None) -> dict[str, Any]:
        """Constants, and the states if given, in coherent units."""
        known = {name: getattr(p, name) for name in (*self.constants, *_ALWAYS, *self.timed)} | self.noise.values(p)
        if s is not None:
            known |= {name: getattr(s, self.attribute(name)) * self.factor(name) for name in self.states}
        return known

    def factor(self, name: str) -> float:
        """What the number of a state or constant is multiplied by to be in the coherent unit."""
        return factor(self.units[name])

    def stored(self, name: str, value: Any) -> Any:
        """A value in coherent units as the number of the state."""
        return value / self.factor(name)

    # --- checks ------------------------------------------------------------------------------------------------------

    def _unit_after_colon(self, equation: Equation) -> Any:
        unit = _system.unit_of(equation)
        if (given := self.source.constants.get(equation.name)) is not None and unit is not CONDITION:
            number_in(given, unit, f"{equation.name}, which the text declares,")
        return unit

    def _check_declarations(self, base: type[Any]) -> None:
        _system.check_declared_once(self.equations, lambda name: name in (*_ALWAYS, XI) or _is_taken(base, name))
        for equation in self.equations:
            name = equation.name
            if equation.kind != "parameter" and name in self.source.constants:
                raise equation.place.error(f"{name} is defined here and given as a constant; keep one of them.")
        if not any(e.kind == "differential" for e in self.equations):
            raise ValueError(f"The equations hold no dv/dt = …; given {self.source.text.strip()!r}.")
        for name in ("reset", "refractory"):
            if self.source.threshold is None and getattr(self.source, name) is not None:
                raise ValueError(f"{name}= is given without threshold=; write for example threshold='v > V_th'.")
        for name in self.source.constants:
            if _is_taken(base, name):
                raise ValueError(f"The constant {name!r} has a meaning of its own in a neuron; choose another name.")

    def _check_names(self) -> None:
        known = {*self.units, *_ALWAYS}
        for equation in self.equations:
            if equation.expression is not None:
                equation.expression.check_names(known)

    @property
    def _expressions(self) -> list[Expression]:
        """The expressions of equations, threshold, reset and refractoriness."""
        found = [equation.expression for equation in self.equations if equation.expression is not None]
        found += [statement.expression for statement in self.reset.statements]
        return [*found, self.threshold.expression, expression(self.source.refractory or "0", "refractory")]

    def _check_all_used(self) -> None:
        used = set().union(*({*expression.names, *expression.timed.values()} for expression in self._expressions))
        _system.check_used(self.source.constants, used, self.units)

    # --- the class ---------------------------------------------------------------------------------------------------

    def namespace(self) -> dict[str, Any]:
        """The attributes of the class."""
        variables = {self.attribute(name): self._variable(name) for name in self.states}
        constants = {name: param(value) for name, value in self.constants.items() if name != "tau_ref"}
        alias = {} if self.potential == "V" else {self.potential: property(lambda neuron: neuron.V)}
        unit = self.units[self.input] if self.input is not None else u.mA
        own = [_OWN] if self._integral_names else []
        return {
            **constants, **variables, **alias, **self._refractory(),
            "__doc__": f"A neuron from text.\n\n{self.source.text}",
            "current_unit": unit,
            "draws": bool(self.noise.names),
            "operands": (*self.constants, *_ALWAYS, *self.timed, *own, *self._integral_names),
            "derive": staticmethod(self._derive),
            "integrate": staticmethod(self._integrate),
            "threshold": staticmethod(self.threshold),
            "reset": staticmethod(self.reset),
            "equations": self.source,
        }  # fmt: skip

    def _variable(self, name: str) -> Any:
        unit = self.units[name]
        if unit is CONDITION:
            raise self.declared[name].place.error("a differential equation has a number as its state.")
        start = self.reset.start if name == self.potential else None
        return variable(start if start is not None else with_unit(0.0, unit), unit)

    def _refractory(self) -> dict[str, Any]:
        held = [self.attribute(n) for n in self.states if "unless refractory" in self.declared[n].flags]
        text = self.source.refractory
        if text is None:
            if held:
                raise ValueError(f"{held[0]} is (unless refractory), but refractory= is not given; for example '2*ms'.")
            return {}
        found = expression(text, "refractory")
        if ast.dump(found.tree) == ast.dump(self.threshold.expression.tree):
            return {"edge": True}
        found.check_names(self.units)
        found.check_unit(self.units, u.ms, "refractory")
        holds = {"holds": tuple(held)}
        if isinstance(found.tree, ast.Name) and found.tree.id in self.constants:
            name = found.tree.id
            period = {name: param(self.constants[name])} if name == "tau_ref" else {}
            return {**holds, **period, "period": name}
        if found.names & {*self.units}:
            raise found.place.error("write a time such as 5*ms, the name of a constant, or the threshold again.")
        return {**holds, "tau_ref": param(found({}) * u.ms)}

    # --- one step ----------------------------------------------------------------------------------------------------

    @property
    def _is_coupled(self) -> bool:
        """Whether a state of a linear system depends on another; if not, `exp_euler` is exact."""
        return any(a != b for a, b in self._integral_names.values())

    @cached_property
    def _integral_names(self) -> dict[str, tuple[str, str]]:
        """The operands of the exact method: the name of each and the two states it stands for."""
        if self.method.method != EXACT:
            return {}
        entries = self.system.matrix(self._unit_constants)
        return {f"integral[{a}, {b}]": (a, b) for a, b in _integrators.reached(entries, self.states)}

    @cached_property
    def method(self) -> Integrator:
        """The integrator: exact if nothing else is asked for and the equations are linear."""
        asked = _integrators.named(self.source.method) if self.source.method else None
        if asked is not None:
            self.noise.check_method(asked)
        if self.noise.has_xi or (asked is not None and asked.method != EXACT):
            return asked or Integrator("exp_euler")
        try:
            self.system.matrix(self._unit_constants)
        except NotLinear as error:
            if asked is None:
                return Integrator("exp_euler")
            raise error.as_error() from None
        return Integrator(EXACT)

    @property
    def _unit_constants(self) -> dict[str, Any]:
        """The constants with the value 1, which tell where the matrix has elements."""
        return {**dict.fromkeys(self.constants, 1.0), "dt": 1.0}

    def _derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        constants = {name: getattr(p, name) * self.factor(name) for name in self.constants}
        # What is read becomes an input of the program.
        t = environ.get("t", desc="the time, which the equations contain") if self._uses_t else 0.0 * u.ms
        always = (dt, number_in(t, u.ms, "environ t"), *self._timed_values())
        if self.method.method != EXACT:
            return (*constants.values(), *always)
        entries = self.system.matrix({**constants, "dt": dt})
        found = _integrators.integral(entries, self.states, dt)
        own = entries.get((self.potential, self.potential), 0.0)
        return (*constants.values(), *always, own, *(found[pair] for pair in self._integral_names.values()))

    def _timed_values(self) -> list[Any]:
        """The values of the timed arrays in this step."""
        if not self.timed:
            return []
        i = environ.get("i", desc="the index of the step, which timed arrays read")
        return [array.at_step(i) * self.factor(name) for name, array in self.timed.items()]

    @cached_property
    def _uses_t(self) -> bool:
        return any("t" in expression.names for expression in self._expressions)

    def _integrate(self, p: SimpleNamespace, s: SimpleNamespace, drive: Any) -> None:
        known = self.values(p, s)
        start = {name: known.pop(name) for name in self.states}

        def rates(x: Mapping[str, Any], part: float = 0.0, **noise: Any) -> dict[str, Any]:
            current = self._current(drive, x[self.potential] - start[self.potential])
            return self.system.rates({**known, **x, **current, **noise, "t": p.t + part * p.dt})

        by = self.method
        if self._is_coupled:
            integral = {pair: getattr(p, name) for name, pair in self._integral_names.items()}
            new = _integrators.exact(rates, start, integral, self.potential, getattr(p, _OWN), p.dt)
        else:  # of a single linear equation exponential Euler is exact
            by = Integrator("exp_euler") if by.method == EXACT else by
            new = self._advanced(by, rates, start, p.dt)
        if self.noise.has_xi:
            new = self.noise.added(new, start, rates, p)
        for name in self.states:
            setattr(s, self.attribute(name), self.stored(name, new[name]))

    def _advanced(self, by: Integrator, rates: Any, start: Mapping[str, Any], dt: Any) -> dict[str, Any]:
        """The states after a step, which `rkf45` takes in the units of the text: its tolerance is given in them."""
        if by.method != ADAPTIVE:
            return {**_integrators.advanced(by, rates, start, dt)}
        stored = lambda values: {name: self.stored(name, value) for name, value in values.items()}  # noqa: E731
        coherent = lambda values: {name: value * self.factor(name) for name, value in values.items()}  # noqa: E731

        def in_units(x: Mapping[str, Any], part: Any = 0.0) -> dict[str, Any]:
            return stored(rates(coherent(x), part))

        return coherent(_integrators.advanced(by, in_units, stored(start), dt))

    def _current(self, drive: Any, risen: Any) -> dict[str, Any]:
        """The external current, with that of the receptors, where the potential has `risen` since the start."""
        if self.input is None:
            return {}
        current = drive.current + drive.synaptic + drive.slope * (risen / self.factor(self.potential))
        return {self.input: current * self.factor(self.input)}


def _is_taken(base: type[Any], name: str) -> bool:
    """Whether a name means something in every neuron."""
    return hasattr(base, name) or name in base.state_names or name == "name"


def from_equations(
    base: type[Any],
    equations: str,
    *,
    threshold: str | None = None,
    reset: str | None = None,
    refractory: str | None = None,
    method: str | None = None,
    input: str = "I",
    name: str = "TextNeuron",
    namespace: Mapping[str, Any] | None = None,
    **constants: Any,
) -> type[Any]:
    """A neuron model, a class, from equations in text, in the notation of Brian2.

    The first differential equation is that of the membrane potential. Names without an equation are constants,
    which the constructor takes.

    | parameter | meaning | default |
    |---|---|---|
    | `equations` | lines `dx/dt = … : unit`, `x = … : unit`, `x : unit`, with the unit of x | |
    | `threshold` | the condition for a spike, `"v > V_th"` | none: the neuron does not spike |
    | `reset` | statements, `"v = V_reset; w += b"` | none |
    | `refractory` | `"5*ms"` or a constant; the threshold again: a spike is a rise above it | none |
    | `method` | `"exact"`, `"exp_euler"`, `"euler"`, `"rk2"`, `"rk4(5)"`, `"rkf45(1e-6)"` | exact, else exp_euler |
    | `input` | the external current in the equations | `"I"`, in mA |
    | `name` | the name of the class | `"TextNeuron"` |
    | `namespace` | default values of the constants, with units, by name | none |
    | `**constants` | the same as keywords | |

    Raises EquationError or UnitError, which show the line and mark the place.

    >>> Leaky = sl.Neuron.from_equations(
    ...     "dv/dt = (E_L - v + R*I)/tau : mV", threshold="v > V_th", reset="v = E_L",
    ...     E_L=-60 * u.mV, R=1 * u.ohm, tau=20 * u.ms, V_th=-50 * u.mV,
    ... )
    >>> Leaky(100, tau=10 * u.ms).tau
    Quantity(10, "ms")
    """
    constants = joined(namespace, constants, equations, threshold, reset, refractory)
    source = Source(equations, threshold, reset, refractory, method, input, constants)
    options = {"threshold": threshold, "reset": reset, "refractory": refractory, "method": method, "input": input}
    recipe = Recipe(from_equations, (base, equations), {**options, "name": name, **constants})
    return made(name, base, TextModel(base, source).namespace(), recipe)
