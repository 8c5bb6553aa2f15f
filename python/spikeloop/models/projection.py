"""Projections: spikes of one population become input of another."""

from __future__ import annotations

from typing import Any

from ._comm_projection import CommProjection
from ._comm_projection import Projection as Projection
from ._neuron import Neuron
from ._part import Part, whole
from ._receptor import receptor_of


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
        self.syn.received = self.add_into(self.source(inputs), self.syn.received)


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
        self.post.received = self.add_into(self.source(inputs), self.post.received)
