"""Projections of conductances and currents that are computed on the side of the source."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u

from ..connect import Connectivity
from ..nn import Desc
from ._form import unit_of, with_unit
from ._inputs import OneStep
from ._neuron import Neuron
from ._part import Part, whole
from ._receptor import receptor_of
from .projection import CommProjection


class CurrentProj(CommProjection):
    """Values of the source, such as the conductances of its synapses, pass through `comm` and `out` as a current.

    What a call delivers acts during the next step of `post` and only in it; several calls before that step add up.

    | name | meaning |
    |---|---|
    | `*modules` | called on the input in this order first, as in `AlignPostProj` |
    | `comm` | weights between source and target, as in `AlignPostProj`; times the values a conductance |
    | `out` | the output that makes the conductance a current |
    | `post` | the target population |
    | `delay`, `pre` | as in `AlignPostProj` |
    | `label` | a name for messages |
    """

    def __init__(
        self,
        *modules: Any,
        comm: Any,
        out: Any,
        post: Neuron | Part,
        delay: Any = None,
        pre: Any = None,
        label: str | None = None,
    ):
        super().__init__(modules, comm, post, pre, label, delay)
        if getattr(self.comm, "has_own_delays", False):
            raise TypeError(f"{self.where}: a delay of each synapse needs AlignPostProj or DeltaProj; here give one.")
        self.out = out() if isinstance(out, Desc) else out
        if not hasattr(self.out, "output"):
            raise TypeError(f"{self.where}: out must be a synaptic output such as COBA or CUBA; given {out!r}.")
        population = whole(post)
        arriving = OneStep(population.varshape, g_initializer=with_unit(0.0, self.out.conductance_unit(population)))
        self.arriving = receptor_of(population, arriving, self.out, self.where).syn
        self.post = population

    def update(self, *inputs: Any) -> None:
        """Deliver the values."""
        self.check_dt()
        values = self.source(inputs)
        delivered = self._carried(values if self.delay is None else self.delay(values))
        self.arriving.receive(lambda present: present + self.checked(delivered, present))

    def _carried(self, values: Any) -> Any:
        """`comm` of the values; connections take plain numbers and have one axis of targets."""
        if not hasattr(self.comm, "accumulate"):
            return self.comm(values)
        comm = self.comm.undelayed if isinstance(self.comm, Connectivity) else self.comm
        result = comm(u.get_mantissa(values)) * (1.0 * unit_of(values))
        n = math.prod(self.post.varshape)
        return result.reshape((*result.shape[:-1], *self.post.varshape)) if result.shape[-1:] == (n,) else result
