"""Reads the text of a synapse: its variables, and what spikes of its source and of its target do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import brainunit as u

from .. import _integrators
from .._integrators import ADAPTIVE, EXACT, Integrator
from .._keywords import guess
from .._units import number_in, unit_of, with_unit
from ..equations import _system
from ..equations._expression import Expression
from ..equations._noise import UNIT as XI_UNIT
from ..equations._noise import XI, Noise
from ..equations._spiking import assigned
from ..equations._system import NotLinear, System
from ..equations._text import SYNAPSE, Equation, Statement, statements
from ..equations._text import equations as read
from ..equations._units import factor

_OF_TARGET, _OF_SOURCE = "_post", "_pre"  # `v_post` is v of the target
PATHS = {"pre": "on_pre", "post": "on_post"}
_HINTS = {
    "lastupdate": "declare `lastupdate : ms`, and write `lastupdate = t` as the last statement of on_pre.",
    "i": "a rule of sl.connect takes weights that are functions of i and j.",
    "j": "a rule of sl.connect takes weights that are functions of i and j.",
}
_OF_SOURCE_HINT = ("the text reads values of the target alone. Let on_pre change a variable instead; for gap junctions "
                   "there is sl.SymmetryGapJunction.")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What the user gave to `from_equations`."""

    model: str
    on_pre: str
    on_post: str
    weight: str
    method: str | None
    values: Mapping[str, Any]


class SynapseText:
    """A synapse in text, checked. All its functions take and return numbers in coherent units, by name.

    A step lets the variables follow their equations; then `on_post` acts where the target has spiked and `on_pre` where
    a spike of the source arrives. Each of them sees the variables that only the other one changes as they were before
    the spikes of this step.
    """

    def __init__(self, source: Source, taken: type[Any]):
        self.source, self.equations = source, read(source.model, SYNAPSE)
        self.paths = {side: statements(getattr(source, name), name) for side, name in PATHS.items()}
        self._check_declarations(taken)
        self.system = System(self.equations, self._inputs)
        self._check_statements()
        self.noise = Noise(self.expressions, self.equations)
        self.method = self._method()
        self.check_units({})
        self._check_all_used()

    @cached_property
    def declared(self) -> dict[str, Equation]:
        """The equations by name."""
        return {equation.name: equation for equation in self.equations}

    @cached_property
    def changed(self) -> dict[str, set[str]]:
        """The names that statements change, with the sides whose spikes do so."""
        found: dict[str, set[str]] = {}
        for side, path in self.paths.items():
            for statement in path:
                if not statement.name.endswith(_OF_TARGET):
                    found.setdefault(statement.name, set()).add(side)
        return found

    @cached_property
    def summed(self) -> Equation | None:
        """The equation of what every synapse delivers in every step, if the text has one."""
        found = [e for e in self.equations if "summed" in e.flags]
        if not found:
            return None
        first, *others = [*found, *(s for s in self.paths["pre"] if s.name.endswith(_OF_TARGET))]
        for other in others:
            raise other.place.error("a projection delivers one thing: what is (summed), or what on_pre adds.")
        if not first.name.endswith(_OF_TARGET):
            raise first.place.error(f"what is (summed) is delivered to the target: write {first.name}{_OF_TARGET} = ….")
        return found[0]

    @property
    def delivers(self) -> bool:
        """Whether the text says what is delivered."""
        return self.summed is not None or any(s.name.endswith(_OF_TARGET) for s in self.paths["pre"])

    def _method(self) -> Integrator:
        """The integrator; the exact one takes exponential Euler for what is not linear, unless it is asked for."""
        if self.source.method is None:
            return Integrator(EXACT)
        asked = _integrators.named(self.source.method)
        if asked.method == ADAPTIVE:
            raise ValueError("A synapse takes no adaptive steps; write method='rk4(8)', for example.")
        self.noise.check_method(asked)
        if asked.method == EXACT:
            try:
                self.system.matrix(dict.fromkeys((*self.constants, "dt"), 1.0))
            except NotLinear as error:
                raise error.as_error() from None
        return asked

    @cached_property
    def uses_t(self) -> bool:
        """Whether the text reads the time."""
        return any("t" in expression.names for expression in self.expressions)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The States besides the weight: what an equation or a statement changes."""
        moving = lambda e: e.kind == "differential" or (e.kind == "parameter" and e.name in self.changed)  # noqa: E731
        return tuple(e.name for e in self.equations if moving(e) and e.name != self.source.weight)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The constants by name, with the values that they have unless the constructor is given others."""
        given = {name: value for name, value in self.source.values.items() if name not in self.variables}
        for name, equation in self.declared.items():
            if equation.kind == "parameter" and name not in (*self.variables, self.source.weight):
                given[name] = given.get(name, with_unit(0.0, self.units[name]))
        return {name: _in_ms(value) for name, value in given.items()}

    @cached_property
    def starts(self) -> dict[str, Any]:
        """What each variable starts from, as a number in its unit."""
        return {
            name: number_in(self.source.values.get(name, with_unit(0.0, self.units[name])), self.units[name], name)
            for name in self.variables
        }

    @cached_property
    def units(self) -> dict[str, Any]:
        """The unit of each name in the text, without those of the target."""
        found = {name: unit_of(_in_ms(value)) for name, value in self.source.values.items()}
        return found | {name: _system.unit_of(equation) for name, equation in self.declared.items()}

    @cached_property
    def of_target(self) -> tuple[str, ...]:
        """The names of the target's States and constants that the text reads, with `_post`."""
        names = set().union(*(expression.names for expression in self.expressions))
        own = {*self.declared, *self.source.values}
        return tuple(sorted(name for name in names - own if name.endswith(_OF_TARGET)))

    @property
    def _inputs(self) -> list[str]:
        """The names besides those of equations whose values change."""
        return [*self.changed, *self.of_target, self.source.weight, "t"]

    @property
    def expressions(self) -> list[Expression]:
        """The expressions of equations and statements."""
        found = [equation.expression for equation in self.equations if equation.expression is not None]
        return [*found, *(statement.expression for path in self.paths.values() for statement in path)]

    # --- checks ------------------------------------------------------------------------------------------------------

    def _check_declarations(self, taken: type[Any]) -> None:
        _system.check_declared_once(self.equations, lambda name: name in ("dt", "t", XI) or hasattr(taken, name))
        weight = self.source.weight
        if weight not in self.declared or self.declared[weight].kind == "subexpression":
            raise ValueError(f"The model must declare the weight by a line such as `{weight} : nS`, in the unit that "
                             f"the target takes; given {self.source.model.strip()!r}.")  # fmt: skip
        for name in self.source.values:
            kind = self.declared[name].kind if name in self.declared else "parameter"
            if kind == "subexpression" or name == weight or hasattr(taken, name):
                raise ValueError(f"{name!r} cannot be given a value here: it is "
                                 f"{'the weight' if name == weight else 'defined otherwise'}.")  # fmt: skip

    def _check_statements(self) -> None:
        known = {*self.units, *self.of_target, "dt", "t", XI}
        for expression in self.expressions:
            of_source = {name: _OF_SOURCE_HINT for name in expression.names if name.endswith(_OF_SOURCE)}
            expression.check_names(known, _HINTS | of_source)
        for side, path in self.paths.items():
            for statement in path:
                self._check_target(statement, side, known)
        names = {s.name: s.place for s in self.paths["pre"] if s.name.endswith(_OF_TARGET)}
        if len(names) > 1:
            raise [*names.values()][1].error(f"on_pre adds to {' and '.join(names)}, but a projection delivers to one "
                                             "place; make a projection for each.")  # fmt: skip

    def _check_target(self, statement: Statement, side: str, known: set[str]) -> None:
        name = statement.name
        if name.endswith(_OF_TARGET):
            if side == "post" or statement.operator not in ("+=", "-="):
                raise statement.place.error("what a spike delivers is written in on_pre, as g_post += w.")
        elif name not in (*self.variables, self.source.weight):
            what = "is a constant" if name in known else "is not known"
            raise statement.place.error(f"{name} {what}; a statement changes a variable{guess(name, self.variables)}")

    def _check_all_used(self) -> None:
        used = {*self.changed}.union(*(expression.names for expression in self.expressions))
        _system.check_used(self.source.values, used, self.units)

    def check_units(self, target: Mapping[str, Any]) -> None:
        """Refuse what does not fit, where all units are known; those of the target's values are given."""
        units = {**self.units, **target, "dt": u.ms, "t": u.ms, XI: XI_UNIT}
        ready = lambda expression: expression.names.isdisjoint({*self.of_target} - {*target})  # noqa: E731
        _system.check_units([e for e in self.equations if e.expression and ready(e.expression)], units)
        for statement in (s for path in self.paths.values() for s in path if ready(s.expression)):
            unit = self.units[self.source.weight if statement.name.endswith(_OF_TARGET) else statement.name]
            scale = statement.operator in ("*=", "/=")
            wanted = u.UNITLESS if scale else unit
            statement.expression.check_unit(units, wanted, f"the value for {statement.name}")
        if (summed := self.summed) is not None:
            unit, weight = self.units[summed.name], self.units[self.source.weight]
            if not unit.has_same_dim(weight):
                raise summed.place.unit_error(
                    f"what is delivered must be in {weight}, as the weight; this is in {unit}."
                )

    # --- one step ----------------------------------------------------------------------------------------------------

    def in_units(self, name: str, value: Any) -> Any:
        """A value in coherent units as the number of the State."""
        return value / factor(self.units[name])

    def advanced(self, known: Mapping[str, Any], p: Any, names: Any = None) -> Mapping[str, Any]:
        """The values of differential equations after a step without spikes; of those with these `names`, or of all."""
        chosen = [e for e in self.equations if e.kind == "differential" and (names is None or e.name in names)]
        others = [e for e in self.equations if e.kind == "subexpression"]
        system = System([*chosen, *others], [*self._inputs, *self.system.states])
        start = {name: known[name] for name in system.states}

        def rates(x: Mapping[str, Any], part: float = 0.0, **noise: Any) -> dict[str, Any]:
            return system.rates({**known, **x, **noise, "t": known["t"] + part * p.dt})

        if not start:
            return {}
        if self.method.method == EXACT:
            new = self._exactly(system, rates, start, known, p.dt)
        else:
            new = _integrators.advanced(self.method, rates, start, p.dt)
        return self.noise.added(new, start, rates, p) if self.noise.has_xi else new

    def _exactly(
        self, system: System, rates: Any, start: Mapping[str, Any], known: Mapping[str, Any], dt: Any
    ) -> dict[str, Any]:
        """The values after a step, exact for linear equations and else by exponential Euler."""
        try:
            entries = system.matrix({name: known[name] for name in self.constants})
        except NotLinear:
            entries = {}
        if all(a == b for a, b in entries):  # of a single linear equation exponential Euler is exact
            return _integrators.exp_euler(rates, start, dt)
        first = system.states[0]
        integral = _integrators.integral(entries, system.states, dt)
        return _integrators.exact(rates, start, integral, first, entries.get((first, first), 0.0), dt)

    def after_spikes(self, known: Mapping[str, Any], arrived: Any, fired: Any) -> tuple[dict[str, Any], Any]:
        """(the values after the spikes of a step, what a spike delivers)."""
        own = [name for name, sides in self.changed.items() if sides == {"post"} and name != self.source.weight]
        post = self.run("post", known, fired)
        pre = self.run("pre", {**post, **{name: known[name] for name in own}}, arrived)
        delivered = pre.pop("delivered", pre[self.source.weight])
        after = {**pre, **{name: post[name] for name in own}}
        if self.summed is not None:
            delivered = self.system.with_others(after)[self.summed.name]
        return after, delivered

    def run(self, side: str, known: Mapping[str, Any], spikes: Any) -> dict[str, Any]:
        """The values after the statements of a side, and what they deliver."""
        known = dict(known)
        for statement in self.paths[side]:
            known = self.run_one(statement, known, spikes)
        return known

    def run_one(self, statement: Statement, known: Mapping[str, Any], spikes: Any) -> dict[str, Any]:
        """The values after a statement."""
        value = statement.expression(self.system.with_others(known))
        if statement.name.endswith(_OF_TARGET):
            value = -value if statement.operator == "-=" else value
            return {**known, "delivered": known.get("delivered", 0.0) + value}
        return {**known, statement.name: assigned(statement.operator, known[statement.name], value, spikes)}


def _in_ms(value: Any) -> Any:
    """A time in ms, other values as they are: time constants are read beside dt."""
    return value.in_unit(u.ms) if isinstance(value, u.Quantity) and value.unit.has_same_dim(u.ms) else value
