"""The leaky integrate-and-fire neuron with three compartments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port
from ._synapses import alpha_jump

# suffix of the names -> (name, capacitance in pF, leak conductance in nS)
_COMPARTMENTS = {"s": ("soma", 150.0, 10.0), "p": ("proximal", 75.0, 5.0), "d": ("distal", 150.0, 10.0)}
_SIDES = {"ex": "exc", "in": "inh"}


def _of_compartment(k: str, C_m: float, g_L: float) -> dict[str, Any]:
    """The constants and States of a compartment."""
    constants = {
        "C_m": param(C_m * u.pF, positive=True), "g_L": param(g_L * u.nS), "E_L": param(-70.0 * u.mV),
        "E_ex": param(0.0 * u.mV), "E_in": param(-85.0 * u.mV), "tau_syn_ex": param(0.5 * u.ms, positive=True),
        "tau_syn_in": param(2.0 * u.ms, positive=True), "I_e": param(0.0 * u.pA),
    }  # fmt: skip
    states = {"V_m": variable(f"E_L_{k}", u.mV)}
    for side in _SIDES:
        states |= {f"dg_{side}": variable(0.0 * u.nS / u.ms, u.nS / u.ms), f"g_{side}": variable(0.0 * u.nS, u.nS)}
    return {f"{name}_{k}": declared for name, declared in {**constants, **states}.items()}


_DECLARED = {k: x for end, (_, C_m, g_L) in _COMPARTMENTS.items() for k, x in _of_compartment(end, C_m, g_L).items()}
_Compartments: Any = type("_Compartments", (NestNeuron,), {"__module__": __name__, **_DECLARED})


class iaf_cond_alpha_mc(_Compartments):
    r"""Leaky integrate-and-fire neuron of three compartments, with conductances that follow alpha functions.

    $$C_m \dot V_m = -g_L (V_m - E_L) - g_\mathrm{ex} (V_m - E_\mathrm{ex}) - g_\mathrm{in} (V_m - E_\mathrm{in})
    + I_\mathrm{neighbours} + I_e + I$$

    The soma (names that end in `_s`) is coupled with the proximal dendrite (`_p`) by `g_sp`, and that with the distal
    one (`_d`) by `g_pd`; in NEST the constants are in `soma`, `proximal` and `distal`. V_m_s is compared with the
    threshold; after a spike all potentials stand still for t_ref, as in NEST. The current of a call reaches the soma.
    Ports are `soma_exc`, `soma_inh`, …, `distal_inh`; weights are positive conductances. Integrated by RK4 with two
    substeps.

    >>> neurons = sl.nest.iaf_cond_alpha_mc(10, I_e_d=100 * u.pA)
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(3, 1 * u.nS), **neurons.port("distal_exc"))

    Nordlie E, Gewaltig MO, Plesser HE (2009) PLoS Comput. Biol. 5:e1000456.
    """

    V_th = param(-55.0 * u.mV)
    V_reset = param(-60.0 * u.mV)
    t_ref = param(2.0 * u.ms)
    g_sp = param(2.5 * u.nS)
    g_pd = param(1.0 * u.nS)

    integrator = "rk4(2)"
    holds = ("V_m_s",)
    ports: ClassVar[dict[str, Port]] = {
        f"{name}_{full}": Port(f"dg_{side}_{k}", u.nS, alpha_jump, (f"tau_syn_{side}_{k}",))
        for k, (name, _, _) in _COMPARTMENTS.items()
        for side, full in _SIDES.items()
    }

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        soma = jnp.where(p.refractory, p.V_reset, jnp.minimum(s.V_m_s, p.V_th))
        V = {"s": soma, "p": s.V_m_p, "d": s.V_m_d}
        near = p.g_sp * (s.V_m_s - V["p"]) + p.g_pd * (V["d"] - V["p"])
        inflow = {"s": p.g_sp * (V["p"] - soma), "p": near, "d": p.g_pd * (V["p"] - V["d"])}
        inflow["s"] = inflow["s"] + drive.current + drive.synaptic
        rates = {}
        for k in _COMPARTMENTS:
            rates |= _rates(k, p, s, V[k], inflow[k])
        return rates

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m_s - p.V_th) / (p.V_th - p.V_reset)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V_m_s = hard_reset(s.V_m_s, p.V_reset, spike) if hard else s.V_m_s - (p.V_th - p.V_reset) * spike


def _rates(k: str, p: Any, s: Any, V: Any, current: Any) -> dict[str, Any]:
    """The rates of the States of a compartment."""
    own = lambda name: getattr(p, f"{name}_{k}")  # noqa: E731
    rates, total = {}, own("g_L") * (own("E_L") - V) + own("I_e") + current
    for side in _SIDES:
        g, dg = getattr(s, f"g_{side}_{k}"), getattr(s, f"dg_{side}_{k}")
        tau = own(f"tau_syn_{side}")
        total = total + g * (own(f"E_{side}") - V)
        rates |= {f"dg_{side}_{k}": -dg / tau, f"g_{side}_{k}": dg - g / tau}
    return {**rates, f"V_m_{k}": jnp.where(p.refractory, 0.0, total / own("C_m"))}
