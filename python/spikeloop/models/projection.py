"""Projections: spikes of one population become input of another."""

from __future__ import annotations

from typing import Any

from ._comm_projection import CommProjection
from ._comm_projection import Projection as Projection
from ._neuron import Neuron
from ._part import Part, whole
from ._receptor import receptor_of


class AlignPostProj(CommProjection):
    """Spikes pass through `comm` into a synapse with one conductance per target neuron.

    Called with spikes, it adds their weights to the conductance at once; the next step of `post` uses it. Called
    before `post` in a step with the spikes of the step before, as is usual, input arrives one step after its spike;
    called after `post` with the new spikes, it arrives one step after its spike as well.

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
        self.syn.received = self.add_into(self.source(inputs), self.syn.received)


class DeltaProj(CommProjection):
    """Spikes let the membrane potential of their targets jump by the weight.

    The jump happens at the end of the next step of `post`; a refractory neuron ignores it.

    | name | meaning |
    |---|---|
    | `*modules` | called on the input in this order first, as in `AlignPostProj` |
    | `comm` | weights between source and target, as in `AlignPostProj`; a voltage |
    | `post` | the target population |
    | `delay`, `pre`, `plasticity` | as in `AlignPostProj` |
    | `label` | a name for messages |
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
                f"{self.where}: {type(population).__name__} shares delta input out between its currents, which has to "
                "happen when it is sent; for a delay of each synapse, use AlignPostProj."
            )
        self.learn(plasticity, population.delta_unit)
        self.delay_each(population, population.varshape, population.delta_unit)

    def update(self, *inputs: Any) -> None:
        """Deliver the spikes."""
        self.post.received = self.add_into(self.source(inputs), self.post.received)
