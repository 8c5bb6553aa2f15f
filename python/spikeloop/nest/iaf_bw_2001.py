"""The neuron of Brunel and Wang with AMPA, GABA and NMDA receptors."""

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

_TERMS = 24  # of the series below; right to 1e-16 for alpha tau_rise up to 4


class iaf_bw_2001(NestNeuron):
    r"""Leaky integrate-and-fire neuron with conductances, whose NMDA receptors saturate.

    $$C_m \dot V_m = -g_L (V_m - E_L) - s_\mathrm{AMPA} (V_m - E_\mathrm{ex}) - s_\mathrm{GABA} (V_m - E_\mathrm{in}) -
    \frac{s_\mathrm{NMDA} (V_m - E_\mathrm{ex})}{1 + [\mathrm{Mg}^{2+}] e^{-0.062 V_m} / 3.57} + I, \qquad
    \tau_k \dot s_k = -s_k$$

    At a spike the neuron computes how much its NMDA synapses open, `release`, from how open they are, and so
    approximates the equations of `s` with a rise time by a jump; `release` is 0 in other steps. A projection to the
    port `NMDA` is given `neurons.release.value` in place of the spikes. Weights are positive conductances in nS.
    Integrated by RK4 with two substeps.

    >>> neurons = sl.nest.iaf_bw_2001(4)
    >>> comm = sl.connect.FixedInDegree(2, 0.3 * u.nS)
    >>> recurrent = sl.AlignPostProj(comm=comm, pre=4, post=neurons, **neurons.port("NMDA"))

    Wang XJ (1999) J. Neurosci. 19:9587; Brunel N, Wang XJ (2001) J. Comput. Neurosci. 11:63.
    """

    C_m = param(500.0 * u.pF, positive=True)
    g_L = param(25.0 * u.nS)
    E_L = param(-70.0 * u.mV)
    E_ex = param(0.0 * u.mV)
    E_in = param(-70.0 * u.mV)
    V_th = param(-55.0 * u.mV)
    V_reset = param(-60.0 * u.mV)
    t_ref = param(2.0 * u.ms)
    tau_AMPA = param(2.0 * u.ms, positive=True)
    tau_GABA = param(5.0 * u.ms, positive=True)
    tau_decay_NMDA = param(100.0 * u.ms, positive=True)
    tau_rise_NMDA = param(2.0 * u.ms, positive=True)
    alpha = param(0.5 / u.ms)
    conc_Mg2 = param(1.0)
    V_m = variable("E_L", u.mV)
    s_AMPA = variable(0.0 * u.nS, u.nS)
    s_GABA = variable(0.0 * u.nS, u.nS)
    s_NMDA = variable(0.0 * u.nS, u.nS)
    s_NMDA_pre = variable(0.0)
    release = variable(0.0)

    integrator = "rk4(2)"
    ports: ClassVar[dict[str, Port]] = {name: Port(f"s_{name}", u.nS) for name in ("AMPA", "GABA", "NMDA")}

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        free = 1 / (1 + p.conc_Mg2 / 3.57 * jnp.exp(-0.062 * s.V_m))
        excitation = (s.s_AMPA + free * s.s_NMDA) * (p.E_ex - s.V_m)
        total = p.g_L * (p.E_L - s.V_m) + excitation + s.s_GABA * (p.E_in - s.V_m) + drive.current + drive.synaptic
        decays = {"s_AMPA": p.tau_AMPA, "s_GABA": p.tau_GABA, "s_NMDA": p.tau_decay_NMDA}
        return {"V_m": total / p.C_m, **{name: -getattr(s, name) / tau for name, tau in decays.items()}}

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V_m = hard_reset(s.V_m, p.V_reset, spike) if hard else s.V_m - (p.V_th - p.V_reset) * spike
        before = s.s_NMDA_pre * jnp.exp(-p.dt / p.tau_decay_NMDA)
        s.release = spike * (_opened(p) + before * jnp.expm1(-p.alpha * p.tau_rise_NMDA))
        s.s_NMDA_pre = before + s.release


def _opened(p: Any) -> Any:
    """What a spike opens of closed NMDA synapses: xᵃ γ(1 − a, x) with x = alpha tau_rise, a = tau_rise/tau_decay.

    The incomplete gamma function is γ(s, x) = xˢ e⁻ˣ Σ xᵏ/(s (s + 1) … (s + k)).
    """
    x, s = p.alpha * p.tau_rise_NMDA, 1 - p.tau_rise_NMDA / p.tau_decay_NMDA
    term = total = 1 / s
    for k in range(1, _TERMS):
        term = term * x / (s + k)
        total = total + term
    return x * jnp.exp(-x) * total
