"""Projections from a generator of spikes through short-term plasticity and a synapse to a population."""

from __future__ import annotations

from typing import Any

from .._desc import Desc
from .._tree import brief
from ._claims import claim
from ._neuron import Neuron
from ._part import Part
from ._synapse import Synapse
from .current_projection import CurrentProj
from .projection import AlignPostProj


class align_pre_projection(CurrentProj):
    """Spikes drive a synapse on the side of the source, whose conductance passes through `comm` in every call.

    Called once in every step, it advances the synapse by that step and delivers its conductance to the next step of
    `post`; in a step without a call the synapse does not change and delivers nothing.

    | name | meaning |
    |---|---|
    | `*spike_generator` | called on the input in this order first; the last result is the spikes |
    | `syn` | the synapse, one conductance per source |
    | `comm` | weights between source and target, as in `AlignPostProj` |
    | `out` | the output that makes the conductance a current |
    | `post` | the target population |
    | `stp` | short-term plasticity between spikes and synapse |
    | `delay`, `pre` | as in `AlignPostProj` |
    | `plasticity` | as in `AlignPostProj`; it acts on the spikes, and weights are in their own unit |
    | `label` | a name for messages |
    """

    def __init__(
        self,
        *spike_generator: Any,
        syn: Any,
        comm: Any,
        out: Any,
        post: Neuron | Part,
        stp: Any = None,
        delay: Any = None,
        pre: Any = None,
        plasticity: Any = None,
        label: str | None = None,
    ):
        where = label or type(self).__name__
        syn, stp = _made(syn), _made(stp)
        if not isinstance(syn, Synapse):
            raise TypeError(f"{where}: syn must be a synapse such as AMPA or Expon; given {brief(syn)}.")
        stages = [stage for stage in (stp, syn) if stage is not None]
        for stage in stages:
            claim(stage, self, where)
        super().__init__(*spike_generator, *stages, comm=comm, out=out, post=post, delay=delay, pre=pre, label=label)
        self.syn, self.stp = syn, stp
        self.learn_behind(len(spike_generator), plasticity)


class align_post_projection(AlignPostProj):
    """`AlignPostProj` with short-term plasticity: spikes become releases, which are weighted and added to g.

    Called once in every step, it advances `stp` by that step; what it delivers acts from the next step of `post` on.

    | name | meaning |
    |---|---|
    | `*spike_generator` | called on the input in this order first; the last result is the spikes |
    | `comm`, `syn`, `out`, `post`, `delay`, `pre`, `plasticity`, `label` | as in `AlignPostProj` |
    | `stp` | short-term plasticity between spikes and weights |
    """

    def __init__(
        self,
        *spike_generator: Any,
        comm: Any,
        syn: Any,
        out: Any,
        post: Neuron | Part,
        stp: Any = None,
        delay: Any = None,
        pre: Any = None,
        plasticity: Any = None,
        label: str | None = None,
    ):
        stp = _made(stp)
        stages = () if stp is None else (stp,)
        for stage in stages:
            claim(stage, self, label or type(self).__name__)
        super().__init__(
            *spike_generator,
            *stages,
            comm=comm,
            syn=syn,
            out=out,
            post=post,
            delay=delay,
            pre=pre,
            plasticity=plasticity,
            label=label,
        )
        self.stp = stp


def _made(part: Any) -> Any:
    return part() if isinstance(part, Desc) else part
