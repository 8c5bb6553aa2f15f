"""The thalamocortical neuron of Hill and Tononi."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from .._math import exp
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port
from ._synapses import beta_jump, betas

_RECEPTORS = ("AMPA", "NMDA", "GABA_A", "GABA_B")


def _opened(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def _steady(V: Any, tau_D_KNa: Any) -> dict[str, Any]:
    """The gates at rest at V."""
    return {
        "m_Ih": _opened(-(V + 75) / 5.5),
        "D_IKNa": tau_D_KNa * 0.025 * _opened((V + 10) / 5) + 0.001,
        "m_IT": _opened((V + 59) / 6.2),
        "h_IT": _opened(-(V + 83) / 4),
    }


def _unblocked(V: Any, slope: Any, half: Any) -> Any:
    """The part of the NMDA channels that is free of magnesium at rest."""
    return _opened(slope * (V - half))


_START = {name: float(x) for name, x in _steady(-70.0, 1250.0).items()}
_UNBLOCKED = float(_unblocked(-70.0, 0.081, -25.57))
_PER_MS = u.UNITLESS / u.ms


class _Receptors(NestNeuron):
    """Base with the receptors AMPA, NMDA, GABA_A and GABA_B, whose conductances are numbers."""

    g_peak_AMPA = param(0.1)
    tau_rise_AMPA = param(0.5 * u.ms, positive=True)
    tau_decay_AMPA = param(2.4 * u.ms, positive=True)
    E_rev_AMPA = param(0.0 * u.mV)
    g_peak_NMDA = param(0.075)
    tau_rise_NMDA = param(4.0 * u.ms, positive=True)
    tau_decay_NMDA = param(40.0 * u.ms, positive=True)
    E_rev_NMDA = param(0.0 * u.mV)
    V_act_NMDA = param(-25.57 * u.mV)
    S_act_NMDA = param(0.081 / u.mV)
    tau_Mg_slow_NMDA = param(22.7 * u.ms, positive=True)
    tau_Mg_fast_NMDA = param(0.68 * u.ms, positive=True)
    g_peak_GABA_A = param(0.33)
    tau_rise_GABA_A = param(1.0 * u.ms, positive=True)
    tau_decay_GABA_A = param(7.0 * u.ms, positive=True)
    E_rev_GABA_A = param(-70.0 * u.mV)
    g_peak_GABA_B = param(0.0132)
    tau_rise_GABA_B = param(60.0 * u.ms, positive=True)
    tau_decay_GABA_B = param(200.0 * u.ms, positive=True)
    E_rev_GABA_B = param(-90.0 * u.mV)
    V_m = variable(-70.0 * u.mV, u.mV)
    dg_AMPA = variable(0.0 / u.ms, _PER_MS)
    g_AMPA = variable(0.0)
    dg_NMDA = variable(0.0 / u.ms, _PER_MS)
    g_NMDA = variable(0.0)
    dg_GABA_A = variable(0.0 / u.ms, _PER_MS)
    g_GABA_A = variable(0.0)
    dg_GABA_B = variable(0.0 / u.ms, _PER_MS)
    g_GABA_B = variable(0.0)
    m_fast_NMDA = variable(_UNBLOCKED)
    m_slow_NMDA = variable(_UNBLOCKED)

    ports: ClassVar[dict[str, Port]] = {
        name: Port(
            f"dg_{name}",
            u.UNITLESS,
            lambda rise, decay, peak: peak * beta_jump(rise, decay),
            tuple(f"{x}_{name}" for x in ("tau_rise", "tau_decay", "g_peak")),
        )
        for name in _RECEPTORS
    }

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> tuple[Any, dict[str, Any]]:
        """The current of the receptors in mV, and the rates of their States."""
        free = _unblocked(s.V_m, p.S_act_NMDA, p.V_act_NMDA)
        fast, slow = jnp.minimum(free, s.m_fast_NMDA), jnp.minimum(free, s.m_slow_NMDA)
        part = 0.51 - 0.0028 * s.V_m
        opened = {"NMDA": part * fast + (1 - part) * slow}
        current = sum(
            getattr(s, f"g_{k}") * opened.get(k, 1.0) * (getattr(p, f"E_rev_{k}") - s.V_m) for k in _RECEPTORS
        )
        blocks = {"m_fast_NMDA": (free - fast) / p.tau_Mg_fast_NMDA, "m_slow_NMDA": (free - slow) / p.tau_Mg_slow_NMDA}
        return current, {**betas(s, "g", p, _RECEPTORS), **blocks}

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        free = _unblocked(s.V_m, p.S_act_NMDA, p.V_act_NMDA)
        s.m_fast_NMDA, s.m_slow_NMDA = jnp.minimum(free, s.m_fast_NMDA), jnp.minimum(free, s.m_slow_NMDA)
        super().arrive(p, s)


class ht_neuron(_Receptors):
    r"""Neuron of Hill and Tononi with intrinsic currents and the receptors AMPA, NMDA, GABA_A and GABA_B.

    $$\tau_m \dot V_m = -g_\mathrm{NaL} (V_m - E_\mathrm{Na}) - g_\mathrm{KL} (V_m - E_\mathrm{K}) + I_\mathrm{syn} +
    I_\mathrm{NaP} + I_\mathrm{KNa} + I_\mathrm{T} + I_\mathrm{h} + I, \qquad
    \tau_\theta \dot\theta = -(\theta - \theta_\mathrm{eq})$$

    Where V_m exceeds θ, both become E_Na, and for t_ref a potassium current pulls V_m to E_K with the time constant
    tau_spike. Conductances are numbers that rise and decay exponentially; a weight of 1 gives the peak `g_peak_…`.
    `g_NMDA` is without the block by magnesium, which NEST records with it. Currents in pA count as mV. Integrated by
    RK4 with two substeps. NEST's `instant_unblock_NMDA` and `voltage_clamp` are left out.

    >>> sorted(sl.nest.ht_neuron(3).ports)
    ['AMPA', 'GABA_A', 'GABA_B', 'NMDA']

    Hill S, Tononi G (2005) J. Neurophysiol. 93:1671.
    """

    E_Na = param(30.0 * u.mV)
    E_K = param(-90.0 * u.mV)
    g_NaL = param(0.2)
    g_KL = param(1.0)
    tau_m = param(16.0 * u.ms, positive=True)
    theta_eq = param(-51.0 * u.mV)
    tau_theta = param(2.0 * u.ms, positive=True)
    tau_spike = param(1.75 * u.ms, positive=True)
    t_ref = param(2.0 * u.ms)
    g_peak_NaP = param(1.0)
    E_rev_NaP = param(30.0 * u.mV)
    N_NaP = param(3.0)
    g_peak_KNa = param(1.0)
    E_rev_KNa = param(-90.0 * u.mV)
    tau_D_KNa = param(1250.0 * u.ms, positive=True)
    g_peak_T = param(1.0)
    E_rev_T = param(0.0 * u.mV)
    N_T = param(2.0)
    g_peak_h = param(1.0)
    E_rev_h = param(-40.0 * u.mV)
    theta = variable(-51.0 * u.mV, u.mV)
    m_Ih = variable(_START["m_Ih"])
    D_IKNa = variable(_START["D_IKNa"])
    m_IT = variable(_START["m_IT"])
    h_IT = variable(_START["h_IT"])

    integrator = "rk4(2)"
    holds = ()

    @classmethod
    def derivative(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        synaptic, rates = cls.synaptic(p, s)
        leak = p.g_NaL * (p.E_Na - s.V_m) + p.g_KL * (p.E_K - s.V_m)
        total = leak + synaptic + _intrinsic(p, s) + drive.current + drive.synaptic
        spike = jnp.where(p.refractory, (p.E_K - s.V_m) / p.tau_spike, 0.0)
        gates = _gates(p, s)
        return {"V_m": total / p.tau_m + spike, "theta": (p.theta_eq - s.theta) / p.tau_theta, **rates, **gates}

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - s.theta) / (p.theta_eq - p.E_K)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        s.V_m, s.theta = hard_reset(s.V_m, p.E_Na, spike), hard_reset(s.theta, p.E_Na, spike)


def _intrinsic(p: Any, s: Any) -> Any:
    """The sum of the intrinsic currents in mV."""
    NaP = p.g_peak_NaP * jnp.power(_opened((s.V_m + 55.7) / 7.7), p.N_NaP) * (p.E_rev_NaP - s.V_m)
    KNa = p.g_peak_KNa / (1 + jnp.power(0.25 / s.D_IKNa, 3.5)) * (p.E_rev_KNa - s.V_m)
    T = p.g_peak_T * jnp.power(s.m_IT, p.N_T) * s.h_IT * (p.E_rev_T - s.V_m)
    return NaP + KNa + T + p.g_peak_h * s.m_Ih * (p.E_rev_h - s.V_m)


def _gates(p: Any, s: Any) -> dict[str, Any]:
    """The rates of the gates of the intrinsic currents."""
    V = s.V_m
    taus = {
        "m_Ih": 1 / (exp(-14.59 - 0.086 * V) + exp(-1.87 + 0.0701 * V)),
        "D_IKNa": p.tau_D_KNa,
        "m_IT": 0.22 / (exp(-(V + 132) / 16.7) + exp((V + 16.8) / 18.2)) + 0.13,
        "h_IT": 8.2 + (56.6 + 0.27 * exp((V + 115.2) / 5)) / (1 + exp((V + 86) / 3.2)),
    }
    return {name: (x - getattr(s, name)) / taus[name] for name, x in _steady(V, p.tau_D_KNa).items()}
