"""Rules that are made from the text of a synapse: by neurons in native code, or synapse by synapse in JAX."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .. import environ, random
from .._errors import UnitError
from .._flushed_state import flushed
from .._state import HiddenState, value_of
from .._trace import store, stored
from .._units import number_in, with_unit
from ..connect import Connection
from ..connect._connectivity import plain_spikes
from ..equations._expression import Expression
from ..equations._units import factor
from ..kernels._draws import fraction
from ..kernels._event import Rows, sources_of
from ..kernels._plastic import ADDITIVE, LINEAR
from ..kernels._random import words
from ..kernels._record import number_of
from ._plasticity import Change, Plasticity
from ._synapse_text import SynapseText
from ._text_sides import Sides
from ._weight_rule import WeightRule

_VariableState = flushed(HiddenState)


class TextRule(WeightRule):
    """What both kinds of rules from text share: constants, units, the values of targets and the bounds."""

    text: ClassVar[SynapseText]
    limits: ClassVar[tuple[Expression, tuple[ast.expr, ast.expr]] | None] = None  # of the weight, by the text

    def _configure(self, **options: Any) -> None:
        unit = self.text.units[self.text.source.weight]
        for name, end in (("w_min", -jnp.inf), ("w_max", jnp.inf)):
            if options[name] is None:
                options[name] = with_unit(float(end), unit)
            elif self.limits is not None:
                raise TypeError(f"{self.path}: the text bounds the weight by clip, so {name} is not taken.")
        super()._configure(**options)

    def attach(self, connection: Any, post: Any, unit: Any, where: str, line: Any) -> None:
        """Get ready for synapses onto `post`; its values that the text reads must be there, in fitting units."""
        self.text.check_units({name: self._of_target(post, name)[1] for name in self.text.of_target})
        declared = self.text.units[self.text.source.weight]
        if not declared.has_same_dim(unit):
            raise UnitError(f"{where}: the text declares the weight in {declared}, but the target takes {unit}.")
        super().attach(connection, post, unit, where, line)

    def _of_target(self, post: Any, name: str) -> tuple[str, Any]:
        """(attribute, unit) of a State or constant of the target by its name in the text; V may be written v."""
        inner = name.removesuffix("_post")
        if inner in post.params:
            return inner, post.params[inner].unit
        if inner == "v" or isinstance(getattr(type(post), inner, None), property):
            inner = "V"
        if inner in post.state_vars:
            return inner, post.state_unit(inner)
        known = ", ".join(f"{known}_post" for known in (*post.state_vars, *post.params))
        raise ValueError(f"{self.path}: the text reads {name}, but the target {post.path} has {known}.")

    def _constants(self, p: SimpleNamespace) -> dict[str, Any]:
        """The constants in coherent units."""
        return {name: getattr(p, name) * factor(self.text.units[name]) for name in self.params}

    def known(self, p: SimpleNamespace) -> dict[str, Any]:
        """Constants, dt and t in coherent units, and the values of targets."""
        assert self._sizes is not None
        known = self._constants(p)
        for name in self.text.of_target:
            attribute, unit = self._of_target(self._post, name)
            value = number_in(value_of(getattr(self._post, attribute)), unit, f"{self.path}: {name}")
            known[name] = jnp.broadcast_to(jnp.reshape(value, -1), self._sizes[1:]) * factor(unit)
        return {**known, "dt": p.dt, "t": p.t}

    def time(self) -> Any:
        """The time in ms, where the text reads it."""
        if not self.text.uses_t:
            return 0.0
        return number_in(environ.get("t", desc="the time, which the text contains"), u.ms, "environ t")

    def numbers(self) -> SimpleNamespace:
        """All constants as plain numbers, and the bounds in the unit of the weight."""
        p = super().numbers()
        if self.limits is not None:
            expression, ends = self.limits
            known = self._constants(p)
            p.w_min, p.w_max = (expression.value_of(end, known) / factor(self._unit) for end in ends)
        return p

    def sent(self, spikes: Any) -> Any:
        """Which sources deliver: those that spike, or all if the text has something (summed)."""
        return spikes if self.text.summed is None else jnp.ones_like(spikes)

    def make_variables(self, size_of: Callable[[str], int]) -> None:
        """Make the States of the variables."""
        for name, start in self.text.starts.items():
            numbers = jnp.full(size_of(name), start, environ.dftype())
            setattr(self, name, _VariableState(with_unit(numbers, self.text.units[name])))

    def variable(self, name: str) -> Any:
        """A variable in coherent units."""
        return u.get_mantissa(stored(getattr(self, name))) * factor(self.text.units[name])

    def keep(self, name: str, value: Any) -> None:
        """Store a variable, given in coherent units."""
        old = u.get_mantissa(stored(getattr(self, name)))
        numbers = jnp.asarray(self.text.in_units(name, value), old.dtype)
        store(getattr(self, name), with_unit(jnp.broadcast_to(numbers, old.shape), self.text.units[name]))


class NeuronwiseRule(TextRule, Plasticity):
    """A rule from text whose variables belong to sources and targets: native code changes the weights."""

    sides: ClassVar[Sides]

    def prepare(self, connection: Connection, where: str, line: Any) -> None:
        """Refuse delays with which a spike is delivered in another way than the text says."""
        super().prepare(connection, where, line)
        if not self.delivers_else:
            return
        if connection.has_own_delays or self.delay_in == "dendrite":
            raise ValueError(
                f"{where}: with a delay for each synapse, or in the dendrite, a spike delivers the weight after on_pre."
                " Write `g_post += w` as the last statement of on_pre, or leave it out."
            )

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the variables."""
        WeightRule.init_state(self, batch_size)
        assert self._sizes is not None
        sizes = self._sizes
        self.make_variables(lambda name: sizes[self.sides.of[name] == "post"])
        self.hold_lazily()

    def add_into(self, connection: Connection, spikes: Any, target: Any, weight: Callable[[], Any]) -> Any:
        """A step, and `target` plus what the spikes deliver, in the order of the text."""
        if not self.delivers_else:
            return super().add_into(connection, spikes, target, weight)
        spikes = plain_spikes(spikes, connection.n_pre, connection.path)
        step = self._begin(connection, spikes)
        post, pre = self._sides(step.p, step.change, step.weight.dtype)
        synapses = self._put(connection, post, pre)
        found = self._after_targets(synapses, post, step.p, step.weight)
        left = self._after_sources(synapses, pre, step.p, found)
        released = self._released(step.pre) * self.sent(jnp.asarray(spikes, found.dtype))
        self._end(connection, step, left)
        delivered = found if self.sides.delivers_first else left
        return connection.add_undelayed(released, target, with_unit(delivered, self._unit))

    def _decay(self, p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> None:
        p.t = self.time()
        shared = self.known(p)
        for side, values in (("pre", pre), ("post", post)):
            names = [name for name, of in self.sides.of.items() if of == side]
            known = {**shared, **{name: self.variable(name) for name in names}}
            vars(values).update(known)
            vars(values).update(self.text.advanced(known, p, names))

    def _follow(self, p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> None:
        for side, values in (("pre", pre), ("post", post)):
            after = self._statements(side, values)
            for name in (name for name, of in self.sides.of.items() if of == side):
                self.keep(name, after[name])

    def change(self, p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:  # pyright: ignore[reportIncompatibleMethodOverride]
        events, coefficients = {}, {}
        for side, own, other in (("pre", pre, post), ("post", post, pre)):
            change = self.sides.changes[side]
            if change is None:
                events[side], coefficients[side] = jnp.zeros_like(own.spikes), jnp.zeros_like(other.spikes)
                continue
            known = self._statements(side, own, change.statement)
            events[side] = change.event(known) * own.spikes if change.event else own.spikes
            scale = 1.0 if change.distance else factor(self._unit)
            coefficients[side] = change.coefficient(self._with_others(vars(other))) / scale
        return Change(events["pre"], coefficients["pre"], events["post"], coefficients["post"])

    def _law_of_targets(self, p: SimpleNamespace, kind: Any) -> tuple[Any, int]:
        return self._law_of("post", p, kind)

    def _law_of_sources(self, p: SimpleNamespace, kind: Any) -> tuple[Any, int]:
        return self._law_of("pre", p, kind)

    def _law_of(self, side: str, p: SimpleNamespace, kind: Any) -> tuple[Any, int]:
        """The law of the changes by spikes of a side: they grow with the distance from a bound, or do not."""
        change = self.sides.changes[side]
        if change is None or change.distance is None:
            return jnp.asarray([p.w_min, p.w_max, 0.0, 1.0, 0.0], kind), ADDITIVE
        bound, sign = change.distance
        origin = change.statement.expression.value_of(bound, self._constants(p)) / factor(self._unit)
        return jnp.asarray([p.w_min, p.w_max, origin, sign, 1.0], kind), LINEAR

    def _is_graded(self) -> bool:
        change = self.sides.changes["post"]
        return change is not None and bool(change.event)

    def _silent(self) -> list[SimpleNamespace]:
        sides, p = super()._silent(), self.numbers()
        p.dt, p.t = self.dt(), 0.0
        for values in sides:
            vars(values).update(self.known(p))
        return sides

    def _released(self, pre: SimpleNamespace) -> Any:
        """What part of the weight a spike of each source delivers."""
        release, delivery = self.sides.release, self.sides.delivery
        return 1.0 if release is None else release(self._statements("pre", pre, delivery))

    def _statements(self, side: str, values: SimpleNamespace, until: Any = None) -> dict[str, Any]:
        """The values of a side after the statements on its variables, before the statement `until`."""
        known = dict(vars(values))
        for statement in self.text.paths[side]:
            if statement is until:
                break
            if statement.name in self.sides.of:
                known = self.text.run_one(statement, known, values.spikes)
        return self._with_others(known)

    def _with_others(self, known: Mapping[str, Any]) -> dict[str, Any]:
        return self.text.system.with_others(known)


class SynapsewiseRule(TextRule):
    """A rule from text with variables of each synapse: JAX computes every synapse in every step."""

    acts_on_spikes = True
    reason: ClassVar[str] = ""  # why the text is not computed by neurons

    def prepare(self, connection: Connection, where: str, line: Any) -> None:
        """Refuse a delay for each synapse and a mesh, and say what this costs."""
        if getattr(connection, "parts", None) is not None:
            raise NotImplementedError(f"{where}: a text with variables or random numbers of each synapse "
                                      f"({self.reason}) does not run in sl.parallel.mesh().")  # fmt: skip
        if connection.has_own_delays:
            raise ValueError(f"{where}: a text with variables of each synapse ({self.reason}) takes one delay for all.")
        warnings.warn(
            f"{where}: the text runs as JAX code on all {connection.num_synapses} synapses in every step, not on those "
            f"of neurons that spike: {self.reason}.",
            stacklevel=2,
        )

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the variables, one for each synapse."""
        super().init_state(batch_size)
        self.make_variables(lambda _: self._synapses)

    def attach(self, connection: Any, post: Any, unit: Any, where: str, line: Any) -> None:
        """Get ready for synapses onto `post`."""
        super().attach(connection, post, unit, where, line)
        self._synapses = connection.num_synapses

    def update(self, connection: Connection, spikes: Any) -> Any:
        """One step; returns what a spike delivers at each synapse, in the unit of the weight."""
        weight, p = u.get_mantissa(stored(connection.weight)), self.numbers()
        p.dt, p.t = self.dt(), self.time()
        if self.text.noise.count:
            p.uniform = self._drawn(weight.dtype)
        sources = sources_of(connection.indices, connection.indptr, Rows(0, connection.n_pre))
        arrived, fired = (number_of(x).astype(weight.dtype) for x in (spikes, self._post.get_spike().reshape(-1)))
        known = self.known(p)
        known |= {name: known[name][connection.indices] for name in self.text.of_target}
        known |= {name: self.variable(name) for name in self.text.variables} | self.text.noise.values(p)
        known[name := self.text.source.weight] = weight * factor(self._unit)
        known |= self.text.advanced(known, p)
        after, delivered = self.text.after_spikes(known, arrived[sources], fired[connection.indices])
        moves = name in self.text.changed or self.text.declared[name].kind == "differential"
        changed = jnp.clip(after[name] / factor(self._unit), p.w_min, p.w_max) if moves else weight
        store(connection.weight, with_unit(jnp.asarray(changed, weight.dtype), self._unit))
        for name in self.text.variables:
            self.keep(name, after[name])
        return with_unit(jnp.broadcast_to(delivered / factor(self._unit), weight.shape), self._unit)

    def _drawn(self, dtype: Any) -> Callable[[int], Any]:
        """Number k of each synapse in this step: of synapse i of S, word i + k S of those of the step's key."""
        numbers = fraction(words(random.DEFAULT.next_words(), (self.text.noise.count, self._synapses)), dtype)
        return lambda k: numbers[k]

    def add_into(self, connection: Connection, spikes: Any, target: Any, weight: Callable[[], Any]) -> Any:
        """A step, and `target` plus what the spikes deliver."""
        spikes = plain_spikes(spikes, connection.n_pre, connection.path)
        delivered = self(connection, spikes)
        return connection.add_undelayed(self.sent(spikes), target, delivered)
