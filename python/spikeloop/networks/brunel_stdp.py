"""Brunel's network with plastic synapses between excitatory neurons."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .. import connect
from ..models import DeltaProj
from ..plasticity import STDP
from .brunel import Brunel


class BrunelSTDP(Brunel):
    """`Brunel` whose synapses from excitatory to excitatory neurons learn by additive STDP.

    λ = 0.001, α = 1.05, weights from 0 to 2 J; the projection `E` learns, `EI` reaches the inhibitory neurons.
    """

    rule: ClassVar = {"A_plus": 1e-3, "A_minus": 1.05e-3, "w_max": 0.2 * u.mV}
    expected_rate = (35.0, 50.0)

    def _projection(self, name: str, sources: int, seed: int) -> Any:
        if name == "I":
            return super()._projection(name, sources, seed)
        self.EI = self._part(1, sources, seed + 2, None)
        return self._part(0, sources, seed, STDP(**self.rule))

    def _part(self, part: int, sources: int, seed: int, plasticity: STDP | None) -> DeltaProj:
        """The projection of excitatory neurons to one part of the targets."""
        rule = connect.FixedInDegree(sources * self.out_degree // self.size, self.J, seed=seed)
        name, post = (("E", self.N[:sources]), ("EI", self.N[sources:]))[part]
        return DeltaProj(comm=rule, pre=sources, post=post, delay=self.delay, plasticity=plasticity, label=name)

    def step(self) -> Any:
        """As `Brunel`; weights change before they deliver the spikes."""
        self.EI(self.N.get_spike()[..., : self.num_excitatory])
        return super().step()
