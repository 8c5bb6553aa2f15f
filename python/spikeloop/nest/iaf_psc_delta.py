"""Leaky integrate-and-fire neuron whose potential jumps at a spike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from ..kernels import Drive
from ._leaky import _Leaky, leak
from ._ports import Port


class iaf_psc_delta(_Leaky):
    r"""Leaky integrate-and-fire neuron with delta input: a spike makes V_m jump by the weight.

    $$C_m \dot V_m = -\frac{C_m}{\tau_m} (V_m - E_L) + I_e + I$$

    Integrated exactly. A jump above threshold makes a spike in the same step. A refractory neuron ignores its input
    (NEST's `refractory_input=False`). NEST's `V_min` is left out. Projections need to name no port.

    >>> neurons = sl.nest.iaf_psc_delta(10)
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(5, 0.1 * u.mV))
    >>> loop.comm.weight.value
    Quantity(0.1, "mV")
    """

    ports = {"delta": Port("V_m", u.mV)}

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        return {"V_m": leak(p, s, drive.current + drive.synaptic)}

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        s.V_m = s.V_m + jnp.where(p.refractory, 0.0, p.arrived.get("delta", 0.0))
