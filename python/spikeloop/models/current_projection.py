"""Projections of conductances and currents that are computed on the side of the source."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u

from .._desc import Desc
from .._units import check_unit, unit_of, with_unit
from ..connect import Connectivity
from ..delays._line import DelayLine
from ._comm_projection import CommProjection
from ._inputs import OneStep
from ._neuron import Neuron
from ._part import Part, whole
from ._receptor import check_output, receptor_of
from ._synapse import Synapse


class CurrentProj(CommProjection):
    """Values of the source, such as the conductances of its synapses, pass through `comm` and `out` as a current.

    The values of a call act in the next step of `post` only; several calls before that step add up.

    | name | meaning |
    |---|---|
    | `*modules` | called on the input in this order first, as in `AlignPostProj` |
    | `comm` | weights between source and target, as in `AlignPostProj`; times the values a conductance |
    | `out` | the output that makes the conductance a current |
    | `post` | the target population |
    | `delay`, `pre` | as in `AlignPostProj` |
    | `plasticity` | as in `AlignPostProj`, if the values are spikes, 0 where there is none |
    | `label` | a name for messages |
    """

    front = 0  # modules that come before the spikes, by which weights change
    spike_delay: DelayLine | None = None  # of these spikes, if other values are delivered

    def __init__(
        self,
        *modules: Any,
        comm: Any,
        out: Any,
        post: Neuron | Part,
        delay: Any = None,
        pre: Any = None,
        plasticity: Any = None,
        label: str | None = None,
    ):
        super().__init__(modules, comm, post, pre, label, delay)
        if getattr(self.comm, "has_own_delays", False):
            raise TypeError(f"{self.where}: a delay of each synapse needs AlignPostProj or DeltaProj; here give one.")
        self.out = out() if isinstance(out, Desc) else out
        check_output(self.out, self.where)
        population = whole(post)
        one_step = OneStep(population.varshape, g_initializer=with_unit(0.0, self.out.conductance_unit(population)))
        self.current = receptor_of(population, one_step, self.out, self.where, label).syn
        made_by = modules[-1] if modules else None  # spikes if weights change by them, else unknown
        values = made_by.unit if isinstance(made_by, Synapse) else None if plasticity is None else u.UNITLESS
        self.check_weight(self.current.unit, f"{type(self.out).__name__} of {population.path}", values)
        self.post = population
        self.learn_behind(len(modules), plasticity)

    def learn_behind(self, front: int, plasticity: Any) -> None:
        """Let the weights change by spikes, which are what the first `front` modules return."""
        if plasticity is None:
            return
        for module in self.modules[:front]:
            if isinstance(module, Synapse):
                raise TypeError(
                    f"{self.where}: plasticity acts on spikes, and the {type(module).__name__} in front of comm makes "
                    "conductances of them. Write align_pre_projection(syn=..., comm=..., plasticity=...), whose rule "
                    "is given the spikes, or use AlignPostProj."
                )
        self.front = front
        self.learn(plasticity, unit_of(self.comm.weight.value) if isinstance(self.comm, Connectivity) else u.UNITLESS)
        for rule in self.rules:
            if front < len(self.modules):  # conductances pass by all weights
                rule.update_eagerly()
                if rule.delivers_else:
                    raise ValueError(f"{self.where}: spikes deliver what the {type(rule).__name__} says, so a synapse "
                                     "in front of comm has no use; write the text without g_post.")  # fmt: skip
        if self.delay is not None and not self.delay_in_dendrite and front < len(self.modules):
            self.spike_delay = DelayLine(self.delay.time, self.comm.n_pre)

    def update(self, *inputs: Any) -> None:
        """Deliver the values."""
        self.check_dt()
        if self.rules:
            spikes = self.through(self.modules[: self.front], inputs)
            check_unit(spikes, u.UNITLESS, f"{self.path}: plasticity acts on spikes, which")
            if self.front == len(self.modules):
                self.current.received = self.add_into(spikes, self.current.received)
                return
            delivered = self._deliver_learning(spikes)
        else:
            values = self.source(inputs)
            delivered = self._carried(values if self.delay is None else self.delay(values))
        self.current.received = self.added(delivered, self.current.received)

    def _deliver_learning(self, spikes: Any) -> Any:
        """What comm delivers of the values that the modules behind the spikes make, after its weights have changed."""
        values, line = self.through(self.modules[self.front :], (spikes,)), self.delay
        if line is not None and not self.delay_in_dendrite:
            values = line(values)
            spikes = values if self.spike_delay is None else self.spike_delay.of_sources(spikes)
        for rule in self.rules:
            rule(self.comm, spikes)
        delivered = self._carried(values, self.comm.weight.value)
        return line(delivered) if line is not None and self.delay_in_dendrite else delivered

    def _carried(self, values: Any, weight: Any = None) -> Any:
        """`comm` of the values; connections take plain numbers and have one axis of targets."""
        if not hasattr(self.comm, "add_into"):
            return self.comm(values)
        numbers = u.get_mantissa(values)
        result = self.comm.undelayed(numbers, weight) if isinstance(self.comm, Connectivity) else self.comm(numbers)
        result = result * (1.0 * unit_of(values))
        n = math.prod(self.post.varshape)
        return result.reshape((*result.shape[:-1], *self.post.varshape)) if result.shape[-1:] == (n,) else result
