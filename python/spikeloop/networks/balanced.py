"""What the benchmark networks of excitatory and inhibitory neurons share."""

from __future__ import annotations

from typing import Any, ClassVar

import brainunit as u

from .. import connect, init
from ..models import AlignPostProj, Expon, LIFRef, Neuron
from .standard_network import StandardNetwork, whole


class Balanced(StandardNetwork):
    """Base of the benchmark networks: four excitatory neurons for each inhibitory one, with random targets.

    | name | meaning | default |
    |---|---|---|
    | `size` | number of neurons, 2 or more | `default_size` |
    | `out_degree` | targets of each neuron | `default_out_degree` |
    | `seed` | seed of the connectivity | 0 |

    A network declares the `model` of its neurons and their constants `neuron`; `synapses`, {"E" or "I": (weight, time
    constant, output)}; the current `drive`; and the initial potentials `start`.
    """

    model: ClassVar[type[Neuron]] = LIFRef
    neuron: ClassVar[dict[str, Any]]
    synapses: ClassVar[dict[str, tuple[Any, Any, Any]]]
    drive: ClassVar[Any] = None
    start: ClassVar[Any] = init.Uniform(-60.0 * u.mV, -50.0 * u.mV)
    default_size: ClassVar[int] = 4000
    default_out_degree: ClassVar[int] = 80
    least_out_degree: ClassVar[int] = 1

    def __init__(self, size: int | None = None, *, out_degree: int | None = None, seed: int = 0):
        super().__init__()
        name = type(self).__name__
        self.size = whole(self.default_size if size is None else size, 2, f"{name}: size")
        out_degree = self.default_out_degree if out_degree is None else out_degree
        self.out_degree = whole(out_degree, self.least_out_degree, f"{name}: out_degree")
        self.num_excitatory = 4 * self.size // 5
        self.populations = {"E": slice(0, self.num_excitatory), "I": slice(self.num_excitatory, self.size)}
        self.N = self.model(self.size, V_initializer=self.start, **self.neuron)
        self.E = self._projection("E", self.num_excitatory, seed)
        self.I = self._projection("I", self.size - self.num_excitatory, seed + 1)

    def _projection(self, name: str, sources: int, seed: int) -> Any:
        weight, tau, output = self.synapses[name]
        return AlignPostProj(
            pre=sources,
            comm=connect.FixedOutDegree(self.out_degree, weight, seed=seed),
            syn=Expon.desc(self.size, tau=tau, g_initializer=init.Constant(0.0 * weight.unit)),
            out=output,
            post=self.N,
            label=name,
        )

    def step(self) -> Any:
        """Advance by one step; returns the spikes."""
        spikes = self.N.get_spike()
        self.E(spikes[..., : self.num_excitatory])
        self.I(spikes[..., self.num_excitatory :])
        return self.N(self.drive)
