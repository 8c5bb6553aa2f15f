"""Point process neuron with delta input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from .._math import exp, exprel
from ..kernels import Drive
from ._lists import elements, param_list, variable_list
from ._nest_neuron import NestNeuron
from ._ports import Port


class pp_psc_delta(NestNeuron):
    r"""Leaky neuron with delta input that spikes at a rate, linear and exponential in V_m, with adaptation.

    $$\dot V_m = -\frac{V_m}{\tau_m} + \frac{I_e + I}{C_m}, \qquad
    \lambda = c_1 V' + c_2 e^{c_3 V'}, \qquad V' = V_m - \sum_j \gamma_j$$

    The neuron spikes with the rate λ, in a step with the probability 1 − exp(−λ dt), but not in the dead time after a
    spike. At a spike V_m becomes 0, and each γ_j jumps by q_sfa; it decays with tau_sfa. `E_sfa` is the sum of γ_j that
    acted in the step. NEST's `with_reset=False`, `dead_time_random` and a dead time of 0 are left out. Projections need
    to name no port.

    >>> neurons = sl.nest.pp_psc_delta(5, tau_sfa=[34.0] * u.ms, q_sfa=[7.0] * u.mV)
    >>> neurons.q_sfa_1
    Quantity(7., "mV")

    Jolivet R, Rauch A, Luescher H-R, Gerstner W (2006) J. Comput. Neurosci. 21:35.
    """

    C_m = param(250.0 * u.pF, positive=True)
    tau_m = param(10.0 * u.ms, positive=True)
    dead_time = param(1.0 * u.ms, positive=True)
    c_1 = param(0.0 / u.second / u.mV)
    c_2 = param(1.238 / u.second)
    c_3 = param(0.25 / u.mV)
    I_e = param(0.0 * u.pA)
    tau_sfa = param_list([], "threshold term", u.ms, positive=True)
    q_sfa = param_list([], "threshold term", u.mV)
    V_m = variable(0.0 * u.mV, u.mV)
    E_sfa = variable(0.0 * u.mV, u.mV)
    sfa = variable_list(0.0 * u.mV, u.mV, "threshold term")

    draws = True
    holds = ()
    period = "dead_time"
    ports: ClassVar[dict[str, Port]] = {"delta": Port("V_m", u.mV)}

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        rate = (p.I_e + drive.current + drive.synaptic) / p.C_m - s.V_m / p.tau_m
        s.V_m = s.V_m + rate * p.dt * exprel(-p.dt / p.tau_m)
        for k, tau in enumerate(elements(p, "tau_sfa"), 1):
            setattr(s, f"sfa_{k}", getattr(s, f"sfa_{k}") * exp(-p.dt / tau))
        s.E_sfa = sum(elements(s, "sfa"), 0.0 * s.V_m)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        V = s.V_m - s.E_sfa
        hazard = 1e-3 * (p.c_1 * V + p.c_2 * jnp.exp(p.c_3 * V))
        return p.uniform() - jnp.exp(-jnp.maximum(hazard, 0.0) * p.dt)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        s.V_m = hard_reset(s.V_m, 0.0, spike)
        for k, jump in enumerate(elements(p, "q_sfa"), 1):
            setattr(s, f"sfa_{k}", getattr(s, f"sfa_{k}") + jump * spike)
