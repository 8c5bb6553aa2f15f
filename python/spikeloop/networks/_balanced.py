"""What the balanced networks of excitatory and inhibitory neurons share."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .. import connect, environ, init, nn
from .._state import ShortTermState
from ..models import AlignPostProj, Expon, LIFRef


class Balanced(nn.Module):
    """80% excitatory and 20% inhibitory neurons, each with the same number of randomly drawn targets."""

    neuron: ClassVar[dict[str, Any]]
    synapses: ClassVar[dict[str, tuple[Any, Any, Any]]]  # name -> (weight, tau, output)
    drive: ClassVar[Any] = None
    default_size: ClassVar[int] = 4000

    def __init__(self, size: int | None = None, *, out_degree: int = 80, seed: int = 0):
        super().__init__()
        self.size = size or self.default_size
        self.num_excitatory = 4 * self.size // 5
        start = init.Uniform(self.neuron["V_reset"], self.neuron["V_th"])
        self.N = LIFRef(self.size, V_initializer=start, spk_reset="hard", **self.neuron)
        self.E = self._projection("E", self.num_excitatory, out_degree, seed)
        self.I = self._projection("I", self.size - self.num_excitatory, out_degree, seed + 1)

    def _projection(self, name: str, sources: int, out_degree: int, seed: int) -> AlignPostProj:
        weight, tau, output = self.synapses[name]
        zero = init.Constant(0.0 * weight.unit)
        return AlignPostProj(
            pre=sources,
            comm=connect.FixedOutDegree(out_degree, weight, seed=seed),
            syn=Expon.desc(self.size, tau=tau, g_initializer=zero),
            out=output,
            post=self.N,
            label=name,
        )

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the count of spikes, with a first axis of `batch_size` samples if given."""
        shape = (self.size,) if batch_size is None else (batch_size, self.size)
        self.count = ShortTermState(jnp.zeros(shape, environ.dftype()))

    def update(self, t: Any = None) -> Any:
        """One step: the spikes of the step before arrive, then the neurons advance; returns their spikes."""
        with environ.context(t=t):
            spikes = self.N.get_spike()
            self.E(spikes[..., : self.num_excitatory])
            self.I(spikes[..., self.num_excitatory :])
            spikes = self.N(self.drive)
            self.count.value = self.count.value + spikes
            return spikes

    def mean_rate(self, duration: Any) -> Any:
        """The mean firing rate over a run of `duration`."""
        return float(self.count.value.mean()) / duration.to_decimal(u.second) * u.Hz
