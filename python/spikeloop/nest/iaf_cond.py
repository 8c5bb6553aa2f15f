"""Leaky integrate-and-fire neurons with synaptic conductances."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from .._hard_reset import hard_reset
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import ex_and_in
from ._synapses import alpha_jump, alphas, beta_jump, betas, conductances, exponentials


class _Conductances(NestNeuron):
    """Base of models with an excitatory and an inhibitory conductance."""

    C_m = param(250.0 * u.pF, positive=True)
    g_L = param(16.6667 * u.nS)
    E_L = param(-70.0 * u.mV)
    E_ex = param(0.0 * u.mV)
    E_in = param(-85.0 * u.mV)
    t_ref = param(2.0 * u.ms)
    V_th = param(-55.0 * u.mV)
    V_reset = param(-60.0 * u.mV)
    I_e = param(0.0 * u.pA)
    V_m = variable("E_L", u.mV)

    integrator = "rk4(2)"


def _rate(p: Any, s: Any, drive: Drive, more: Any = 0.0) -> Any:
    """The rate of V_m, with `more` current."""
    synaptic = conductances(p, s)
    return (p.g_L * (p.E_L - s.V_m) + synaptic + p.I_e + drive.current + drive.synaptic + more) / p.C_m


class iaf_cond_exp(_Conductances):
    r"""Leaky integrate-and-fire neuron with conductances that jump at a spike and decay exponentially.

    $$C_m \dot V_m = -g_L (V_m - E_L) - g_\mathrm{ex} (V_m - E_\mathrm{ex}) - g_\mathrm{in} (V_m - E_\mathrm{in})
    + I_e + I, \qquad \tau_{\mathrm{syn},k} \dot g_k = -g_k$$

    Integrated by RK4 with two substeps. Weights of both ports are positive conductances; NEST takes negative weights
    for g_in.

    >>> neurons = sl.nest.iaf_cond_exp(2)
    >>> [name for (name,) in neurons.states()] if neurons.states() else sorted(neurons.ports)
    ['ex', 'in']

    Meffin H, Burkitt AN, Grayden DB (2004) J. Comput. Neurosci. 16:159.
    """

    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    g_ex = variable(0.0 * u.nS, u.nS)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("g", u.nS)

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        return {"V_m": _rate(p, s, drive), **exponentials(s, "g", p)}


class iaf_cond_alpha(_Conductances):
    r"""`iaf_cond_exp` with conductances that follow alpha functions; a weight is the peak.

    Meffin H, Burkitt AN, Grayden DB (2004) J. Comput. Neurosci. 16:159.
    """

    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    dg_ex = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_ex = variable(0.0 * u.nS, u.nS)
    dg_in = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("dg", u.nS, alpha_jump, ("tau_syn",))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        return {"V_m": _rate(p, s, drive), **alphas(s, "g", p)}


class iaf_cond_beta(_Conductances):
    r"""`iaf_cond_exp` with conductances that rise and decay exponentially; a weight is the peak.

    Meffin H, Burkitt AN, Grayden DB (2004) J. Comput. Neurosci. 16:159.
    """

    tau_rise_ex = param(0.2 * u.ms, positive=True)
    tau_decay_ex = param(0.2 * u.ms, positive=True)
    tau_rise_in = param(2.0 * u.ms, positive=True)
    tau_decay_in = param(2.0 * u.ms, positive=True)
    dg_ex = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_ex = variable(0.0 * u.nS, u.nS)
    dg_in = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("dg", u.nS, beta_jump, ("tau_rise", "tau_decay"))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        return {"V_m": _rate(p, s, drive), **betas(s, "g", p)}


class iaf_cond_exp_sfa_rr(_Conductances):
    r"""`iaf_cond_exp` with spike-frequency adaptation and a relative refractory period, both conductances.

    $$\tau_\mathrm{sfa} \dot g_\mathrm{sfa} = -g_\mathrm{sfa}, \qquad \tau_\mathrm{rr} \dot g_\mathrm{rr} =
    -g_\mathrm{rr}, \qquad \text{at a spike they jump by } q_\mathrm{sfa}, q_\mathrm{rr}$$

    Muller E, Buesing L, Schemmel J, Meier K (2007) Neural Comput. 19:2958.
    """

    C_m = param(289.5 * u.pF, positive=True)
    g_L = param(28.95 * u.nS)
    E_in = param(-75.0 * u.mV)
    t_ref = param(0.5 * u.ms)
    V_th = param(-57.0 * u.mV)
    V_reset = param(-70.0 * u.mV)
    tau_syn_ex = param(1.5 * u.ms, positive=True)
    tau_syn_in = param(10.0 * u.ms, positive=True)
    E_sfa = param(-70.0 * u.mV)
    q_sfa = param(14.48 * u.nS)
    tau_sfa = param(110.0 * u.ms, positive=True)
    E_rr = param(-70.0 * u.mV)
    q_rr = param(3214.0 * u.nS)
    tau_rr = param(1.97 * u.ms, positive=True)
    g_ex = variable(0.0 * u.nS, u.nS)
    g_in = variable(0.0 * u.nS, u.nS)
    g_sfa = variable(0.0 * u.nS, u.nS)
    g_rr = variable(0.0 * u.nS, u.nS)

    ports = iaf_cond_exp.ports

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        after_spikes = s.g_sfa * (p.E_sfa - s.V_m) + s.g_rr * (p.E_rr - s.V_m)
        decays = {"g_sfa": -s.g_sfa / p.tau_sfa, "g_rr": -s.g_rr / p.tau_rr}
        return {"V_m": _rate(p, s, drive, after_spikes), **exponentials(s, "g", p), **decays}

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V_m = hard_reset(s.V_m, p.V_reset, spike) if hard else s.V_m - (p.V_th - p.V_reset) * spike
        s.g_sfa = s.g_sfa + p.q_sfa * spike
        s.g_rr = s.g_rr + p.q_rr * spike
