"""Hodgkin–Huxley neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exprel
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import ex_and_in
from ._synapses import alpha_jump, alphas, beta_jump, betas, conductances, exponentials


class _Peaks(NestNeuron):
    """Base of models that spike where V_m has its maximum above `spikes_above`, and are not reset."""

    holds = ()
    integrator = "rk4(4)"
    spikes_above: ClassVar[Any] = staticmethod(lambda p: 0.0)

    @classmethod
    def threshold(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return jnp.minimum(s.V_m - cls.spikes_above(p), p.start.V_m - s.V_m)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del p, s, spike, hard


def _membrane(p: Any, s: Any, current: Any) -> Any:
    """The rate of V_m."""
    sodium = p.g_Na * s.Act_m * s.Act_m * s.Act_m * s.Inact_h * (p.E_Na - s.V_m)
    potassium = p.g_K * s.Act_n * s.Act_n * s.Act_n * s.Act_n * (p.E_K - s.V_m)
    return (sodium + potassium + p.g_L * (p.E_L - s.V_m) + p.I_e + current) / p.C_m


def _gates(s: Any, m: tuple[Any, Any], h: tuple[Any, Any], n: tuple[Any, Any]) -> dict[str, Any]:
    """The rates of the gates from their (α, β)."""
    pairs = {"Act_m": m, "Inact_h": h, "Act_n": n}
    return {name: a * (1 - getattr(s, name)) - b * getattr(s, name) for name, (a, b) in pairs.items()}


class hh_psc_alpha(_Peaks):
    r"""Hodgkin–Huxley neuron with alpha-function synaptic currents.

    $$C_m \dot V_m = -g_\mathrm{Na} m^3 h (V_m - E_\mathrm{Na}) - g_\mathrm{K} n^4 (V_m - E_\mathrm{K})
    - g_L (V_m - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in}$$

    Integrated by RK4 with four substeps. A spike is the maximum of V_m above 0 mV; after it no other one is counted for
    t_ref. Weights of the port `in` are negative.

    Hodgkin AL, Huxley AF (1952) J. Physiol. 117:500.
    """

    C_m = param(100.0 * u.pF, positive=True)
    g_Na = param(12000.0 * u.nS)
    g_K = param(3600.0 * u.nS)
    g_L = param(30.0 * u.nS)
    E_Na = param(50.0 * u.mV)
    E_K = param(-77.0 * u.mV)
    E_L = param(-54.402 * u.mV)
    t_ref = param(2.0 * u.ms)
    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    I_e = param(0.0 * u.pA)
    V_m = variable(-65.0 * u.mV, u.mV)
    Act_m = variable(0.05293248525724958)
    Inact_h = variable(0.5961207535084603)
    Act_n = variable(0.3176769140606974)
    dI_syn_ex = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    dI_syn_in = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("dI_syn", u.pA, alpha_jump, ("tau_syn",))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        V = s.V_m
        m = 1 / exprel(-(V + 40) / 10), 4 * jnp.exp(-(V + 65) / 18)
        h = 0.07 * jnp.exp(-(V + 65) / 20), 1 / (1 + jnp.exp(-(V + 35) / 10))
        n = 0.1 / exprel(-(V + 55) / 10), 0.125 * jnp.exp(-(V + 65) / 80)
        current = s.I_syn_ex + s.I_syn_in + drive.current + drive.synaptic
        return {"V_m": _membrane(p, s, current), **_gates(s, m, h, n), **alphas(s, "I_syn", p)}


class hh_psc_alpha_clopath(hh_psc_alpha):
    r"""`hh_psc_alpha` with the low-pass filtered potentials of Clopath's rule.

    $$\tau_\pm \dot{\bar u}_\pm = V_m - \bar u_\pm, \qquad
    \tau_{\bar{\bar u}} \dot{\bar{\bar u}} = \bar u_- - \bar{\bar u}$$

    They are recorded as u_bar_plus, u_bar_minus and u_bar_bar, and change nothing else. NEST's `clopath_synapse` reads
    them, with the constants of the rule in the neuron; `sl.plasticity.Clopath` filters the potential of any neuron.

    Clopath C et al. (2010) Nat. Neurosci. 13:344.
    """

    tau_u_bar_plus = param(114.0 * u.ms, positive=True)
    tau_u_bar_minus = param(10.0 * u.ms, positive=True)
    tau_u_bar_bar = param(500.0 * u.ms, positive=True)
    u_bar_plus = variable(0.0 * u.mV, u.mV)
    u_bar_minus = variable(0.0 * u.mV, u.mV)
    u_bar_bar = variable(0.0 * u.mV, u.mV)

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        rates = hh_psc_alpha.derivative(p, s, drive)
        return {
            **rates,
            "u_bar_plus": (s.V_m - s.u_bar_plus) / p.tau_u_bar_plus,
            "u_bar_minus": (s.V_m - s.u_bar_minus) / p.tau_u_bar_minus,
            "u_bar_bar": (s.u_bar_minus - s.u_bar_bar) / p.tau_u_bar_bar,
        }


class _Traub(_Peaks):
    """Base of the neurons of Traub and Miles."""

    C_m = param(200.0 * u.pF, positive=True)
    g_Na = param(20000.0 * u.nS)
    g_K = param(6000.0 * u.nS)
    g_L = param(10.0 * u.nS)
    E_Na = param(50.0 * u.mV)
    E_K = param(-90.0 * u.mV)
    E_L = param(-60.0 * u.mV)
    V_T = param(-63.0 * u.mV)
    E_ex = param(0.0 * u.mV)
    E_in = param(-80.0 * u.mV)
    t_ref = param(2.0 * u.ms)
    I_e = param(0.0 * u.pA)
    V_m = variable("E_L", u.mV)
    Act_m = variable(9.895563096746586e-09)
    Inact_h = variable(0.999999999106396)
    Act_n = variable(2.551577051602551e-07)

    integrator = "rk4(8)"
    spikes_above = staticmethod(lambda p: p.V_T + 30)

    @staticmethod
    def synapses(p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        """The rates of the conductances."""
        raise NotImplementedError

    @classmethod
    def derivative(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        V = s.V_m - p.V_T
        m = 1.28 / exprel((13 - V) / 4), 1.4 / exprel((V - 40) / 5)
        h = 0.128 * jnp.exp((17 - V) / 18), 4 / (1 + jnp.exp((40 - V) / 5))
        n = 0.16 / exprel((15 - V) / 5), 0.5 * jnp.exp((10 - V) / 40)
        synaptic = conductances(p, s)
        current = synaptic + drive.current + drive.synaptic
        return {"V_m": _membrane(p, s, current), **_gates(s, m, h, n), **cls.synapses(p, s)}


class hh_cond_exp_traub(_Traub):
    r"""Hodgkin–Huxley neuron of Traub and Miles with exponential conductances.

    $$C_m \dot V_m = -g_\mathrm{Na} m^3 h (V_m - E_\mathrm{Na}) - g_\mathrm{K} n^4 (V_m - E_\mathrm{K})
    - g_L (V_m - E_L) - \sum_k g_k (V_m - E_k) + I_e + I$$

    Integrated by RK4 with eight substeps. A spike is the maximum of V_m above V_T + 30 mV. Weights of both ports are
    positive conductances.

    Traub RD, Miles R (1991) Neuronal Networks of the Hippocampus; Brette R et al. (2007) J. Comput. Neurosci. 23:349.
    """

    tau_syn_ex = param(5.0 * u.ms, positive=True)
    tau_syn_in = param(10.0 * u.ms, positive=True)
    g_ex = variable(0.0 * u.nS, u.nS)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("g", u.nS)

    @staticmethod
    def synapses(p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        return exponentials(s, "g", p)


class hh_cond_beta_gap_traub(_Traub):
    r"""`hh_cond_exp_traub` with conductances that rise and decay exponentially; a weight is the peak.

    Gap junctions are those of `sl.SymmetryGapJunction`, whose currents are constant in a step, without NEST's waveform
    relaxation.

    Traub RD, Miles R (1991) Neuronal Networks of the Hippocampus; Brette R et al. (2007) J. Comput. Neurosci. 23:349.
    """

    V_T = param(-50.0 * u.mV)
    tau_rise_ex = param(0.5 * u.ms, positive=True)
    tau_decay_ex = param(5.0 * u.ms, positive=True)
    tau_rise_in = param(0.5 * u.ms, positive=True)
    tau_decay_in = param(10.0 * u.ms, positive=True)
    dg_ex = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_ex = variable(0.0 * u.nS, u.nS)
    dg_in = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("dg", u.nS, beta_jump, ("tau_rise", "tau_decay"))

    @staticmethod
    def synapses(p: SimpleNamespace, s: SimpleNamespace) -> dict[str, Any]:
        return betas(s, "g", p)
