"""Leaky integrate-and-fire neurons with alpha-function currents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from ..kernels import Drive
from ._leaky import _Leaky, _LeakyAlpha, leak
from ._lists import elements, param_list, variable_list
from ._ports import Port
from ._synapses import alpha_jump, alphas


class iaf_psc_alpha(_LeakyAlpha):
    r"""Leaky integrate-and-fire neuron with alpha-function synaptic currents, integrated exactly.

    $$C_m \dot V_m = -\frac{C_m}{\tau_m} (V_m - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in}, \qquad
    I_k(t) = w \frac{t}{\tau_{\mathrm{syn},k}} e^{1 - t/\tau_{\mathrm{syn},k}}$$

    A weight is the peak of the current. Weights of the port `in` are negative. NEST's `V_min` is left out.

    Rotter S, Diesmann M (1999) Biol. Cybern. 81:381.
    """

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        current = s.I_syn_ex + s.I_syn_in + drive.current + drive.synaptic
        return {"V_m": leak(p, s, current), **alphas(s, "I_syn", p)}


class iaf_psc_alpha_multisynapse(_Leaky):
    r"""`iaf_psc_alpha` with any number of receptor ports, each with a time constant of its own."""

    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    dI_syn = variable_list(0.0 * u.pA / u.ms, u.pA / u.ms, "port")
    I_syn = variable_list(0.0 * u.pA, u.pA, "port")

    port_list = ("port", Port("dI_syn", u.pA, alpha_jump, ("tau_syn",)))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        currents = elements(s, "I_syn")
        total = sum(currents, drive.current + drive.synaptic)
        return {"V_m": leak(p, s, total), **alphas(s, "I_syn", p, tuple(range(1, len(currents) + 1)))}
