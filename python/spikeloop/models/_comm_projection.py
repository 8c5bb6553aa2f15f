"""CommProjection: what all projections through a connection or a layer share."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import _mesh
from .._errors import ShapeError, UnitError
from .._module import Module, as_size
from .._state import State
from .._trace import stored
from .._tree import brief
from .._units import check_unit, fits, time_step, unit_of
from ..connect import Connection, Connectivity, Rule
from ..connect._connectivity import plain_spikes
from ..connect._view import as_view
from ..delays._history import History
from ..delays._input_ring import InputRing
from ..delays._line import DelayLine
from ..delays._spike_queue import SpikeQueue
from ..delays._steps import delay_times
from ..nn import (
    AllToAll,
    EventFixedNumConn,
    EventLinear,
    FixedNumConn,
    Linear,
    OneToOne,
    SignedWLinear,
    SparseLinear,
)
from ..plasticity import WeightRule
from ._neuron import Neuron
from ._part import Part, whole


class Projection(Module):
    """Base of projections."""

    call_level = 2


class CommProjection(Projection):
    """A projection that passes its input through modules and then through `comm` to the population `post`."""

    ring: InputRing | None = None  # of the population, where a delay of each synapse leads to
    queue: SpikeQueue | None = None  # in front of the ring, if rows are long
    history: History | None = None  # spikes on their way to synapses that learn and have a delay each
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

    # --- construction ------------------------------------------------------------------------------------------------

    def learn(self, plasticity: Any, unit: Any) -> None:
        """Let the weights, in `unit`, change by `plasticity`: None, a rule, or several."""
        self.plasticity = tuple(plasticity) if isinstance(plasticity, (list, tuple)) else plasticity
        self.rules = _rules(self.plasticity, self.where)
        line, unit = self.delay, weight_unit(self.comm) if unit is None else unit
        for rule in self.rules[:-1]:
            if rule.delivers_else:
                raise ValueError(f"{self.where}: spikes deliver what the {type(rule).__name__} says, so it is the last "
                                 "one of plasticity=[…].")  # fmt: skip
        for rule in self.rules:
            rule.attach(self.comm, self.post, unit, self.where, line)
            if rule.delay is not None:
                if line is not None and line.has_each:
                    raise ValueError(f"{self.where}: in the dendrite, all synapses have one delay; given one for each "
                                     "source.")  # fmt: skip
                self.delay = DelayLine(rule.delay.time, self.post.varshape)
        self.delay_in_dendrite = any(rule.delay_in == "dendrite" for rule in self.rules)
        if self.rules and self.comm.has_own_delays and not self.delay_in_dendrite:
            self.history = History(self.comm.n_pre, self.comm.longest_delay)

    def delay_each(self, owner: Any, size: Any, unit: Any) -> None:
        """Lead input of synapses that have a delay each into the ring of `owner`, a receptor or population.

        Spikes stay with the projection instead for synapses that learn until they arrive, and for those of long rows.
        """
        own_delays = isinstance(self.comm, Connectivity) and self.comm.has_own_delays
        if not own_delays or self.history is not None:
            return
        if owner.input_ring is None:
            owner.input_ring = InputRing(size, unit)
        self.ring = ring = owner.input_ring
        ring.make_room(self.comm.longest_delay + 1)
        if not self.rules and isinstance(self.comm, Connection) and self.comm.has_long_pieces:
            self.queue = SpikeQueue(self)
            ring.queues.append(self.queue)

    # --- one step ----------------------------------------------------------------------------------------------------

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

    def add_into(self, spikes: Any, target: Any) -> Any:
        """`target` plus what the connection delivers in this step, of spikes whose delay has passed."""
        self.check_dt()
        comm, line = self.comm, self.delay
        if self.rules:
            return self._learn_and_add(spikes, target)
        if self.ring is not None:
            self.ring.put(comm, spikes, self.path, self.queue)
            return target
        if line is not None and isinstance(comm, Connectivity):
            return line.add_into(comm, spikes, target)
        spikes = spikes if line is None else line.of_sources(spikes)
        return comm.add_into(spikes, target) if hasattr(comm, "add_into") else self.added(comm(spikes), target)

    def _learn_and_add(self, spikes: Any, target: Any) -> Any:
        """Weights change by the spikes that reach the synapses now, then deliver them."""
        in_dendrite = self.delay is not None and self.delay_in_dendrite
        if self.delay is not None and not in_dendrite:
            spikes = self.delay.of_sources(spikes)
        *rules, last = self.rules
        for rule in rules:
            rule(self.comm, spikes)
        if not in_dendrite and self.history is None and self.ring is None:
            return last.add_into(self.comm, spikes, target, self.walked_weight)
        last(self.comm, spikes)
        return self._add_later(spikes, self.walked_weight(), target)

    def _add_later(self, spikes: Any, weight: Any, target: Any) -> Any:
        """`target` plus what arrives now, of spikes under way for as long as axons or dendrites take."""
        comm, history = self.comm, self.history
        if history is not None:
            history.put(plain_spikes(spikes, comm.n_pre, comm.path))
            return comm.add_past(history.values, history.cursor.value, target, weight)
        if self.ring is not None:
            self.ring.put(comm, spikes, self.path, weight=weight)
            return target
        assert self.delay is not None
        return self.added(self.delay(comm.undelayed(spikes, weight).reshape(self.post.varshape)), target)

    def walked_weight(self) -> Any:
        """The weights, up to date for the sources that spike now: a rule of spikes has just seen to these."""
        weight = self.comm.weight
        return stored(weight) if any(rule.acts_on_spikes for rule in self.rules) else weight.value

    def check_dt(self) -> None:
        """Refuse a time step other than that in which delays of synapses were counted."""
        if isinstance(self.comm, Connectivity) and self.comm.dt is not None:
            self.comm.check_dt(time_step(self.path))

    def added(self, value: Any, target: Any) -> Any:
        """`target` plus what `comm` delivers, after a look at its unit and shape."""
        check_unit(value, unit_of(target), f"{self.path}: what comm delivers")
        if not fits(jnp.shape(value), target.shape):
            raise ShapeError(
                f"{self.path}: comm delivers the shape {jnp.shape(value)}, but the target takes {target.shape}. "
                "For a batch, call init_all_states(model, batch_size=...)."
            )
        return target + value


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
        return _placed(comm, post, where, may_reorder=False), delay
    if pre is None:
        raise TypeError(f"{where}: comm is the rule {comm!r}, which needs to know the source; pass pre=population.")
    if delay is not None and (callable(delay) or np.shape(delay) not in ((), as_view(pre, where).varshape)):
        comm, delay = comm.with_delay(delay, where), None
    mesh = _mesh.current()
    drawn = None if mesh is None else mesh.draw(comm, as_view(pre, where), as_view(post, where))
    return _placed(comm(pre, post), post, where, may_reorder=True) if drawn is None else drawn, delay


def _placed(comm: Any, post: Neuron | Part, where: str, *, may_reorder: bool) -> Any:
    """The connection as one to the whole population, whose synapses are where their targets are."""
    comm = post.embed(comm, where, may_reorder=may_reorder) if isinstance(post, Part) else comm
    mesh = _mesh.current()
    return comm if mesh is None else mesh.cut(comm)


def delay_line(delay: Any, comm: Any, pre: Any, where: str) -> DelayLine | None:
    """The line for the `delay` of a projection or the one delay of its connection; None if there is neither."""
    own = comm.delay if isinstance(comm, Connectivity) else None
    if delay is None:
        return DelayLine(own, comm.n_pre) if isinstance(own, int) and own > 0 else None
    if own is not None:
        raise ValueError(f"{where}: delays are given twice, here and by the connection; remove one of them.")
    times = delay_times(delay, f"{where}: delay")
    size = comm.n_pre if isinstance(comm, Connectivity) else getattr(comm, "in_size", None) or pre
    if size is None:
        raise TypeError(f"{where}: a delay has to know the source; pass pre=population.")
    shape = as_size(getattr(size, "varshape", size), where)
    if times.ndim and times.shape not in (shape, getattr(comm, "in_size", shape)):
        raise ShapeError(
            f"{where}: delay must be one time, or one for each source in an array of shape {shape}; given shape "
            f"{times.shape}. A delay for each synapse belongs to the rule or connection: comm=rule(..., delay=...)."
        )
    return DelayLine(delay.reshape(shape) if times.ndim else delay, shape)
