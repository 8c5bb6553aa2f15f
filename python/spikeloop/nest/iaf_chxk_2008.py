"""Leaky neuron of the lateral geniculate nucleus with an after-hyperpolarisation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exp
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import ex_and_in
from ._synapses import alpha_jump, alphas, conductances


class iaf_chxk_2008(NestNeuron):
    r"""Leaky neuron with alpha-function conductances, one of which follows its spikes, and without a reset.

    $$C_m \dot V_m = -g_L (V_m - E_L) - g_\mathrm{ex} (V_m - E_\mathrm{ex}) - g_\mathrm{in} (V_m - E_\mathrm{in})
    - G_\mathrm{ahp} (V_m - E_\mathrm{ahp}) + I_e + I$$

    The neuron spikes where V_m rises above V_th. From the time of the crossing, interpolated in the step, an alpha
    function with the peak g_ahp adds to `G_ahp`, which NEST records as g_ahp. Integrated by RK4 with four substeps.
    Weights of both ports are positive conductances; NEST takes negative weights for g_in. NEST's `ahp_bug=True` is left
    out.

    Casti A, Hayot F, Xiao Y, Kaplan E (2008) J. Comput. Neurosci. 24:235.
    """

    C_m = param(1000.0 * u.pF, positive=True)
    g_L = param(100.0 * u.nS)
    E_L = param(-60.0 * u.mV)
    E_ex = param(20.0 * u.mV)
    E_in = param(-90.0 * u.mV)
    E_ahp = param(-95.0 * u.mV)
    V_th = param(-45.0 * u.mV)
    tau_syn_ex = param(1.0 * u.ms, positive=True)
    tau_syn_in = param(1.0 * u.ms, positive=True)
    tau_ahp = param(0.5 * u.ms, positive=True)
    g_ahp = param(443.8 * u.nS)
    I_e = param(0.0 * u.pA)
    V_m = variable("E_L", u.mV)
    dg_ex = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_ex = variable(0.0 * u.nS, u.nS)
    dg_in = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_in = variable(0.0 * u.nS, u.nS)
    dG_ahp = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    G_ahp = variable(0.0 * u.nS, u.nS)

    integrator = "rk4(4)"
    ports = ex_and_in("dg", u.nS, alpha_jump, ("tau_syn",))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        synaptic = conductances(p, s) + s.G_ahp * (p.E_ahp - s.V_m)
        total = p.g_L * (p.E_L - s.V_m) + synaptic + p.I_e + drive.current + drive.synaptic
        ahp = {"dG_ahp": -s.dG_ahp / p.tau_ahp, "G_ahp": s.dG_ahp - s.G_ahp / p.tau_ahp}
        return {"V_m": total / p.C_m, **alphas(s, "g", p), **ahp}

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        above = (s.V_m - p.V_th) / (p.V_th - p.E_L)
        return jnp.where(p.start.V_m < p.V_th, above, -jnp.abs(above) - 1.0)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        rise = jnp.where(spike > 0, s.V_m - p.start.V_m, 1.0)
        since = jnp.where(spike > 0, p.dt * (s.V_m - p.V_th) / rise, 0.0)
        jump = spike * p.g_ahp * alpha_jump(p.tau_ahp) * exp(-since / p.tau_ahp)
        s.dG_ahp, s.G_ahp = s.dG_ahp + jump, s.G_ahp + jump * since
