"""Projections: spikes of one population become input of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._errors import ShapeError, UnitError
from .._state import State
from ..connect import Connection, Connectivity, Rule
from ..connect._view import as_view
from ..nn import (
    AllToAll,
    EventFixedNumConn,
    EventLinear,
    FixedNumConn,
    Linear,
    Module,
    OneToOne,
    SignedWLinear,
    SparseLinear,
)
from ..nn._tree import brief
from ..plasticity._weight_rule import WeightRule
from ._arrival_ring import ArrivalRing, arrival_ring
from ._delay_line import DelayLine, delay_line
from ._form import check_unit, fits, time_step, unit_of
from ._neuron import Neuron
from ._part import Part, whole
from ._past_values import PastValues
from ._receptor import receptor_of
from ._waiting_spikes import WaitingSpikes


class Projection(Module):
    """Base of projections."""

    call_level = 2


class CommProjection(Projection):
    """A projection that passes its input through modules and then through `comm` to the population `post`."""

    ring: ArrivalRing | None = None  # where a delay of each synapse leads to
    past: PastValues | None = None  # spikes on their way to synapses that learn and have a delay each
    waiting: WaitingSpikes | None = None  # the spikes themselves, if rows are long
    plasticity: WeightRule | tuple[WeightRule, ...] | None = None
    rules: tuple[WeightRule, ...] = ()  # the same, as a tuple
    delay_in_dendrite: bool = False  # behind the synapses that learn

    def __init__(
        self, modules: tuple[Any, ...], comm: Any, post: Neuron | Part, pre: Any, label: str | None, delay: Any
    ):
        super().__init__(label)
        self.where = where = label or type(self).__name__
        if not isinstance(whole(post), Neuron):
            raise TypeError(f"{where}: post must be a neuron population or a part of one; given {brief(post)}.")
        for module in modules:
            if not callable(module) and not isinstance(module, State):
                raise TypeError(f"{where}: modules in front must be callable or a State; given {brief(module)}.")
        self.modules = modules
        self.comm, delay = _connected(comm, pre, post, delay, where)
        if isinstance(post, Part):
            self.comm = post.embed(self.comm, where, may_reorder=isinstance(comm, Rule))
        self.delay = delay_line(delay, self.comm, pre, where)

    def check_weight(self, unit: Any, takes: str, values: Any = u.UNITLESS) -> None:
        """Refuse weights that, times `values`, are not in the unit of the target; where a unit is unknown, nothing."""
        weight = weight_unit(self.comm)
        if weight is None or unit is None or values is None or (weight * values).has_same_dim(unit):
            return
        wanted = unit / values
        plain = wanted.has_same_dim(u.UNITLESS)
        example = "as plain numbers" if plain else f"as a value such as weight=1.0 * u.{wanted}"
        given = "have no unit" if weight.is_unitless else f"are in {weight}"
        raise UnitError(f"{self.comm.path}.weight: the weights {given}, but {takes} takes {unit}; give them {example}.")

    def source(self, inputs: tuple[Any, ...]) -> Any:
        """What goes into `comm`: the input after the modules in front."""
        return self.through(self.modules, inputs)

    def through(self, modules: tuple[Any, ...], inputs: tuple[Any, ...]) -> Any:
        """The input after some of the modules."""
        for module in modules:
            inputs = (module.value if isinstance(module, State) else module(*inputs),)
        if len(inputs) != 1:
            raise TypeError(f"{self.path} takes one input, such as spikes; given {len(inputs)}.")
        return inputs[0]

    def learn(self, plasticity: Any, unit: Any) -> None:
        """Let the weights, in `unit`, change by `plasticity`: None, a rule, or several."""
        self.plasticity = tuple(plasticity) if isinstance(plasticity, (list, tuple)) else plasticity
        self.rules = _rules(self.plasticity, self.where)
        line, unit = self.delay, weight_unit(self.comm) if unit is None else unit
        for rule in self.rules:
            rule.attach(self.comm, self.post, unit, self.where, line)
            if rule.delay is not None:
                if line is not None and line.has_each:
                    raise ValueError(f"{self.where}: in the dendrite, all synapses have one delay; given one for each "
                                     "source.")  # fmt: skip
                self.delay = DelayLine(rule.delay.time, self.post.varshape)
        self.delay_in_dendrite = any(rule.delay_in == "dendrite" for rule in self.rules)
        if self.rules and self.comm.has_own_delays and not self.delay_in_dendrite:
            self.past = PastValues(self.comm.n_pre, self.comm.longest_delay)

    def deliver(self, spikes: Any, receiver: Any) -> None:
        """Let `receiver` receive what the spikes deliver, after their delay."""
        self.check_dt()
        comm, line = self.comm, self.delay
        if self.rules:
            self._deliver_and_learn(spikes, receiver)
        elif self.ring is not None:
            self.ring.receive(comm, spikes, self.path, self.waiting)
        elif line is not None and isinstance(comm, Connectivity):
            receiver.receive(lambda present: line.deliver(comm, spikes, present))
        else:
            receiver.receive(self.arrivals(spikes if line is None else line(spikes)))

    def delay_each(self, owner: Any, size: Any, unit: Any) -> None:
        """Lead input of synapses that have a delay each to `owner`, a receptor or population.

        Spikes wait instead for synapses that learn until they arrive, and for those of long rows.
        """
        if self.past is not None:
            return
        self.ring = arrival_ring(owner, self.comm, size, unit)
        if self.rules:
            return
        if self.ring is not None and isinstance(self.comm, Connection) and self.comm.has_long_pieces:
            self.waiting = WaitingSpikes(self)
            self.ring.waiting.append(self.waiting)
            self.ring.make_room(1)

    def _deliver_and_learn(self, spikes: Any, receiver: Any) -> None:
        """Weights change by the spikes that reach the synapses now, then deliver them."""
        in_dendrite = self.delay is not None and self.delay_in_dendrite
        if self.delay is not None and not in_dendrite:
            spikes = self.delay(spikes)
        *rules, last = self.rules
        for rule in rules:
            rule(self.comm, spikes)
        if in_dendrite or self.past is not None or self.ring is not None:
            last(self.comm, spikes)
            self._send(spikes, self.walked_weight(), receiver)
        else:
            receiver.receive(lambda present: last.deliver(self.comm, spikes, present, self.walked_weight))

    def _send(self, spikes: Any, weight: Any, receiver: Any) -> None:
        """Let spikes be under way for as long as axons or dendrites take."""
        past, line = self.past, self.delay
        if past is not None:
            receiver.receive(lambda present: past.deliver(self.comm, spikes, present, weight))
        elif self.ring is not None:
            self.ring.receive(self.comm, spikes, self.path, None, weight)
        else:
            assert line is not None
            effect = self.comm.undelayed(spikes, weight)
            receiver.receive(self.arrivals_of(line(effect.reshape(self.post.varshape))))

    def walked_weight(self) -> Any:
        """The weights, up to date for the sources that spike now: a rule of spikes has just seen to these."""
        weight = self.comm.weight
        return weight.kept if any(rule.acts_on_spikes for rule in self.rules) else weight.value

    def check_dt(self) -> None:
        """Refuse a time step other than that in which delays of synapses were counted."""
        if isinstance(self.comm, Connectivity) and self.comm.dt is not None:
            self.comm.check_dt(time_step(self.path))

    def arrivals(self, spikes: Any) -> Callable[[Any], Any]:
        """The function that adds what `spikes` deliver; in place where the connection can."""
        if hasattr(self.comm, "accumulate"):
            return lambda present: self.comm.accumulate(spikes, present)
        return self.arrivals_of(self.comm(spikes))

    def arrivals_of(self, value: Any) -> Callable[[Any], Any]:
        """The function that adds a value that `comm` delivers."""
        return lambda present: present + self.checked(value, present)

    def checked(self, value: Any, present: Any) -> Any:
        """What `comm` delivers, after a look at its unit and shape."""
        check_unit(value, unit_of(present), f"{self.path}: what comm delivers")
        if not fits(jnp.shape(value), present.shape):
            raise ShapeError(
                f"{self.path}: comm delivers the shape {jnp.shape(value)}, but the target takes {present.shape}. "
                "For a batch, call init_all_states(model, batch_size=...)."
            )
        return value


class AlignPostProj(CommProjection):
    """Spikes change the conductance of a synapse model that has one conductance per target neuron.

    A call with spikes adds their weights to the conductance; the next step of `post` uses it. Usually a step calls
    projections first, with the spikes of the step before, and populations afterwards; then a spike acts one step later.
    Linear synapses allow this sum over all synapses of a neuron: `Expon`, `DualExpon` and `Alpha`.

    | name | meaning |
    |---|---|
    | `*modules` | called on the input in this order first, such as short-term plasticity; a State gives its value |
    | `comm` | weights between source and target: a connection, a layer, a rule of `connect`, any function |
    | `syn`, `out` | synapse and output; as descriptions (`Expon.desc(...)`) equal ones are shared by projections |
    | `post` | the target population, or a part of it, `neurons[3200:]` |
    | `delay` | a time that passes before spikes are delivered; an array of the shape of the source holds one for \
    each source; if `comm` is a rule, also a delay for each synapse, in all forms that the `delay` of a rule has |
    | `pre` | the source population, a part of it, or its size, if `comm` is a rule, or a function with a `delay` |
    | `plasticity` | a rule of `sl.plasticity` by which weights change, or a list of one and `HomeostaticScaling` |
    | `label` | a name for messages |

    >>> source, target = sl.LIF(10), sl.LIF(4)
    >>> projection = sl.AlignPostProj(
    ...     pre=source, comm=sl.connect.FixedInDegree(3, 0.1 * u.mS), post=target,
    ...     syn=sl.Expon.desc(4, tau=5 * u.ms), out=sl.COBA.desc(E=0 * u.mV),
    ... )
    >>> _ = sl.nn.init_all_states(source), sl.nn.init_all_states(target)
    >>> projection(jnp.ones(10))  # every source spikes
    >>> print(projection.syn.g.value.to_decimal(u.mS).round(1))
    [0.3 0.3 0.3 0.3]
    """

    def __init__(
        self,
        *modules: Any,
        comm: Any,
        syn: Any,
        out: Any,
        post: Neuron | Part,
        delay: Any = None,
        pre: Any = None,
        plasticity: Any = None,
        label: str | None = None,
    ):
        super().__init__(modules, comm, post, pre, label, delay)
        population = whole(post)
        receptor = receptor_of(population, syn, out, self.where, label)
        self.syn, self.out, self.post = receptor.syn, receptor.out, population
        self.check_weight(receptor.syn.unit, f"{type(receptor.syn).__name__}.g")
        self.learn(plasticity, receptor.syn.unit)
        self.delay_each(receptor, population.varshape, receptor.syn.unit)

    def update(self, *inputs: Any) -> None:
        """Deliver the spikes."""
        self.deliver(self.source(inputs), self.syn)


class DeltaProj(CommProjection):
    """A spike makes the membrane potential V of its targets jump by the weight.

    The jump happens at the end of the next step of `post`; a refractory neuron ignores it. Weights are in mV.

    | name | meaning |
    |---|---|
    | `*modules` | called on the input in this order first, as in `AlignPostProj` |
    | `comm` | weights between source and target, as in `AlignPostProj`; a voltage |
    | `post` | the target population |
    | `delay`, `pre`, `plasticity` | as in `AlignPostProj` |
    | `label` | a name for messages |

    >>> neurons = sl.LIF(2, V_th=10 * u.mV)
    >>> projection = sl.DeltaProj(pre=2, comm=sl.connect.OneToOne(3 * u.mV), post=neurons)
    >>> _ = sl.nn.init_all_states(neurons)
    >>> projection(jnp.array([1.0, 0.0]))
    >>> _ = neurons()
    >>> neurons.V.value
    Quantity([3. 0.], "mV")
    """

    def __init__(
        self,
        *modules: Any,
        comm: Any,
        post: Neuron | Part,
        delay: Any = None,
        pre: Any = None,
        plasticity: Any = None,
        label: str | None = None,
    ):
        super().__init__(modules, comm, post, pre, label, delay)
        population = whole(post)
        population.take_delta()
        self.check_weight(population.delta_unit, f"{population.path}.{population.delta_into}")
        self.post = population
        if getattr(self.comm, "has_own_delays", False) and population.shares_delta:
            raise TypeError(
                f"{self.where}: {type(population).__name__} divides delta input between its currents, which has to "
                "happen when it is sent; for a delay of each synapse, use AlignPostProj."
            )
        self.learn(plasticity, population.delta_unit)
        self.delay_each(population, population.varshape, population.delta_unit)

    def update(self, *inputs: Any) -> None:
        """Deliver the spikes."""
        self.deliver(self.source(inputs), self.post)


def _rules(plasticity: Any, where: str) -> tuple[WeightRule, ...]:
    rules = plasticity if isinstance(plasticity, tuple) else () if plasticity is None else (plasticity,)
    for rule in rules:
        if not isinstance(rule, WeightRule):
            raise TypeError(f"{where}: plasticity must be a rule of sl.plasticity; given {brief(rule)}.")
    of_spikes = [type(rule).__name__ for rule in rules if rule.acts_on_spikes]
    if len(of_spikes) > 1:
        raise ValueError(
            f"{where}: only one rule of a projection can act on single spikes; given {' and '.join(of_spikes)}. "
            "Write one rule that does what both do, or use two projections."
        )
    return rules


_LAYERS = (AllToAll, EventFixedNumConn, EventLinear, FixedNumConn, Linear, OneToOne, SignedWLinear, SparseLinear)


def weight_unit(comm: Any) -> Any:
    """The unit of the weights of a connection or layer of the library; None if it is not known."""
    if not isinstance(comm, Connectivity) and type(comm) not in _LAYERS:
        return None
    value = comm.weight.value
    return unit_of(value["weight"] if isinstance(value, dict) else value)


def _connected(comm: Any, pre: Any, post: Neuron | Part, delay: Any, where: str) -> tuple[Any, Any]:
    """(what a rule makes, or what is given; the delay that is not in there yet)."""
    if not callable(comm):
        raise TypeError(f"{where}: comm must be a connection, a layer, a rule or a function; given {brief(comm)}.")
    if not isinstance(comm, Rule):
        return comm, delay
    if pre is None:
        raise TypeError(f"{where}: comm is the rule {comm!r}, which needs to know the source; pass pre=population.")
    if delay is None or (not callable(delay) and np.shape(delay) in ((), as_view(pre, where).varshape)):
        return comm(pre, post), delay
    return comm.with_delay(delay, where)(pre, post), None
