"""`project`: a projection that reads the spikes of its source by itself."""

from __future__ import annotations

from typing import Any

from .._tree import brief
from ..nn import Desc, Module
from ._neuron import Neuron
from ._part import Part, whole
from .projection import AlignPostProj, DeltaProj


class SpikesOf:
    """A function that returns the spikes of the last step of a population, or of a part of one."""

    def __init__(self, population: Neuron | Part):
        self.population = population

    def __call__(self, *_: Any) -> Any:
        return self.population.get_spike()


def project(
    pre: Any,
    post: Neuron | Part,
    comm: Any,
    syn: Any = None,
    out: Any = None,
    *,
    delay: Any = None,
    plasticity: Any = None,
    label: str | None = None,
) -> AlignPostProj | DeltaProj:
    """A projection from `pre` to `post` that reads the spikes of `pre` by itself: call it once in each step.

    | name | meaning | default |
    |---|---|---|
    | `pre` | the source: a population, a part of one, or an input such as `PoissonSpike` | |
    | `post` | the target: a population or a part of one | |
    | `comm` | the synapses: a rule such as `connect.FixedProb(0.1, 6 * u.nS)`, a connection, a layer | |
    | `syn`, `out` | synapse and output, such as `Expon.desc(tau=5 * u.ms)` and `COBA.desc(E=0 * u.mV)`; the synapse \
takes the size of `post`. Without both, a spike makes V jump by the weight, in mV | no synapse |
    | `delay`, `plasticity`, `label` | as in `AlignPostProj` | None |

    Returns an `AlignPostProj`, or a `DeltaProj` where there is no synapse. It reads the spikes that `pre` has made
    last: those of the step before where projections are called before populations. An input is called by its
    projection, so give every projection an input of its own.

    >>> neurons = sl.LIF(100, V_th=-50 * u.mV, V_rest=-65 * u.mV, V_reset=-65 * u.mV)
    >>> to_all = sl.project(neurons[:80], neurons, sl.connect.FixedOutDegree(10, 0.5 * u.mV))
    >>> type(to_all).__name__, to_all.comm.num_synapses
    ('DeltaProj', 800)
    """
    where = label or "project"
    if not isinstance(pre, (Neuron, Part)) and not _is_input(pre):
        raise TypeError(
            f"{where}: pre must be a population, a part of one such as neurons[:800], or an input such as "
            f"sl.PoissonSpike; given {brief(pre)}."
        )
    if not isinstance(whole(post), Neuron):
        raise TypeError(f"{where}: post must be a neuron population or a part of one; given {brief(post)}.")
    if (syn is None) != (out is None):
        missing = "out, such as sl.COBA.desc(E=0 * u.mV)" if out is None else "syn, such as sl.Expon.desc(tau=5 * u.ms)"
        raise TypeError(f"{where}: give syn and out together, or neither; missing is {missing}.")
    options = {"pre": pre, "comm": comm, "post": post, "delay": delay, "plasticity": plasticity, "label": label}
    front = SpikesOf(pre) if isinstance(pre, (Neuron, Part)) else pre
    if syn is None:
        return DeltaProj(front, **options)
    return AlignPostProj(front, syn=_sized(syn, whole(post)), out=out, **options)


def _is_input(pre: Any) -> bool:
    """Whether calls of this Module give spikes: it has a size, and needs no argument."""
    return isinstance(pre, Module) and pre.out_size is not None and not isinstance(pre, Neuron)


def _sized(syn: Any, post: Neuron) -> Any:
    """The description of a synapse with the size of its target, where it gives none."""
    if not isinstance(syn, Desc) or syn.args or "in_size" in syn.kwargs:
        return syn
    return Desc(syn.cls, (post.varshape,), syn.kwargs)
