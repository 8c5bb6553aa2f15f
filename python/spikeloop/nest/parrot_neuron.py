"""The neuron that repeats its input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import variable
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class parrot_neuron(NestNeuron):
    """A neuron that sends in each step as many spikes as arrive in it.

    Spikes count by their weight, which is 1 for one spike; NEST ignores the weight. Projections need to name no port.

    >>> relay = sl.nest.parrot_neuron(2)
    >>> into = sl.DeltaProj(comm=sl.nn.OneToOne(2, 1.0), post=relay)
    >>> _ = sl.nn.init_all_states(relay)
    >>> into(jnp.array([3.0, 0.0]))
    >>> relay().tolist()
    [3.0, 0.0]
    """

    multiplicity = variable(0.0)

    ports: ClassVar[dict[str, Port]] = {"0": Port("multiplicity", u.UNITLESS)}

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        del p, s, drive

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        s.multiplicity = p.arrived.get("0", jnp.zeros_like(s.multiplicity))
        return s.multiplicity
