"""The Hodgkin–Huxley neuron with fast potassium channels that NEST has for gap junctions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exprel
from ..kernels import Drive
from ._ports import ex_and_in
from ._synapses import alpha_jump, alphas
from .hh import _gates, _Peaks


class hh_psc_alpha_gap(_Peaks):
    r"""Hodgkin–Huxley neuron with two potassium currents and alpha-function synaptic currents.

    $$C_m \dot V_m = -g_\mathrm{Na} m^3 h (V_m - E_\mathrm{Na}) - (g_\mathrm{Kv1} n^4 + g_\mathrm{Kv3} p^2)
    (V_m - E_\mathrm{K}) - g_L (V_m - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in}$$

    Integrated by RK4 with 16 substeps. A spike is the maximum of V_m above 0 mV. Gap junctions are those of
    `sl.SymmetryGapJunction`, whose currents are constant in a step, without NEST's waveform relaxation. Weights of the
    port `in` are negative.

    Mancilla JG et al. (2007) J. Neurosci. 27:2058.
    """

    C_m = param(40.0 * u.pF, positive=True)
    g_Na = param(4500.0 * u.nS)
    g_Kv1 = param(9.0 * u.nS)
    g_Kv3 = param(9000.0 * u.nS)
    g_L = param(10.0 * u.nS)
    E_Na = param(74.0 * u.mV)
    E_K = param(-90.0 * u.mV)
    E_L = param(-70.0 * u.mV)
    t_ref = param(2.0 * u.ms)
    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    I_e = param(0.0 * u.pA)
    V_m = variable(-69.60401191631222 * u.mV, u.mV)
    Act_m = variable(0.019198766985083732)
    Inact_h = variable(0.868462041294399)
    Act_n = variable(0.0005741576228359767)
    Inact_p = variable(0.0002511318227150632)
    dI_syn_ex = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    dI_syn_in = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    integrator = "rk4(16)"  # the gate m follows V_m in 3 µs
    ports = ex_and_in("dI_syn", u.pA, alpha_jump, ("tau_syn",))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        V = s.V_m
        m = 540 / exprel(-(V - 75.5) / 13.5), 1.2262 * jnp.exp(-V / 42.248)
        h = 0.0035 * jnp.exp(-V / 24.186), 0.0884 / exprel(-(V + 51.25) / 5.2)
        n = 0.0322 / exprel(-(V + 44) / 2.3), 0.0043 * jnp.exp(-(V + 44) / 34)
        opening, closing = 11.8 / exprel(-(V - 95) / 11.8), 0.025 * jnp.exp(-V / 22.222)
        sodium = p.g_Na * s.Act_m**3 * s.Inact_h * (p.E_Na - V)
        potassium = (p.g_Kv1 * s.Act_n**4 + p.g_Kv3 * s.Inact_p**2) * (p.E_K - V)
        current = p.I_e + s.I_syn_ex + s.I_syn_in + drive.current + drive.synaptic
        return {
            "V_m": (sodium + potassium + p.g_L * (p.E_L - V) + current) / p.C_m,
            "Inact_p": opening * (1 - s.Inact_p) - closing * s.Inact_p,
            **_gates(s, m, h, n),
            **alphas(s, "I_syn", p),
        }
