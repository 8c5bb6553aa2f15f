"""Adaptive exponential integrate-and-fire neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from ..kernels import Drive
from ._adaptive import _Adaptive
from ._lists import elements, param_list, variable_list
from ._ports import Port, ex_and_in
from ._synapses import (
    Course,
    alpha_jump,
    alphas,
    alphas_after,
    beta_jump,
    betas,
    betas_after,
    conductances,
    exponentials,
    exponentials_after,
)


class _AdaptiveCond(_Adaptive):
    """Base of the models with an excitatory and an inhibitory conductance."""

    E_ex = param(0.0 * u.mV)
    E_in = param(-85.0 * u.mV)
    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return conductances(p, s)


class aeif_cond_exp(_AdaptiveCond):
    r"""Adaptive exponential integrate-and-fire neuron with exponential conductances.

    $$C_m \dot V_m = -g_L (V_m - E_L) + g_L \Delta_T e^{(V_m - V_\mathrm{th})/\Delta_T}
    - g_\mathrm{ex} (V_m - E_\mathrm{ex}) - g_\mathrm{in} (V_m - E_\mathrm{in}) - w + I_e + I, \qquad
    \tau_w \dot w = a (V_m - E_L) - w$$

    At V_peak V_m is reset, and w jumps by b. Integrated by RK4 with eight substeps, four where V_m does not rise fast.
    A spike has its time inside of the step, and a neuron may spike more than once in a step. NEST's own method, with
    spikes at the end of its steps, is `integrator="rkf45(1e-6)"`. Weights of both ports are positive conductances; NEST
    takes negative weights for g_in.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    g_ex = variable(0.0 * u.nS, u.nS)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("g", u.nS)
    course = Course("g", exponentials, exponentials_after)


class aeif_cond_alpha(_AdaptiveCond):
    r"""`aeif_cond_exp` with conductances that follow alpha functions; a weight is the peak.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    dg_ex = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_ex = variable(0.0 * u.nS, u.nS)
    dg_in = variable(0.0 * u.nS / u.ms, u.nS / u.ms)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("dg", u.nS, alpha_jump, ("tau_syn",))
    course = Course("g", alphas, alphas_after)


class aeif_cond_alpha_astro(aeif_cond_alpha):
    r"""`aeif_cond_alpha` with a slow inward current from astrocytes, `I_SIC`.

    The port `SIC` takes what an `astrocyte_lr_1994` sends, with weights in pA; its sum flows through the next step.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637; Nadkarni S, Jung P (2003) Phys. Rev. Lett. 91:268101.
    """

    I_SIC = variable(0.0 * u.pA, u.pA)

    ports: ClassVar[dict[str, Port]] = {**aeif_cond_alpha.ports, "SIC": Port("I_SIC", u.pA)}

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return conductances(p, s) + s.I_SIC

    @classmethod
    def synapses(cls) -> tuple[str, ...]:
        return tuple(aeif_cond_alpha.ports)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        s.I_SIC = 0.0 * s.I_SIC
        super().arrive(p, s)


class aeif_psc_delta(_Adaptive):
    r"""`aeif_cond_exp` with delta input: a spike makes V_m jump by the weight, at the end of the step.

    A jump above V_peak makes a spike in the same step. A refractory neuron ignores its input (NEST's
    `refractory_input=False`). NEST adds the weight after the first step of its solver, which may be a part of the step
    of the grid, so its results depend on `gsl_error_tol`. Projections need to name no port.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    ports: ClassVar[dict[str, Port]] = {"delta": Port("V_m", u.mV)}
    course = Course("", exponentials, exponentials_after)

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return 0.0 * s.V_m

    @classmethod
    def synapses(cls) -> tuple[str, ...]:
        return ()

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> Any:
        spikes = super().integrate(p, s, drive)
        held = p.refractory | ((spikes > 0) & p.has_period)
        V = s.V_m + jnp.where(held, 0.0, p.arrived.get("delta", 0.0))
        spike = jnp.where(held, 0.0, p.spike_of((V - p.V_peak) / (p.V_peak - p.V_reset)))
        s.V_m, s.w = hard_reset(V, p.V_reset, spike), s.w + p.b * spike
        return spikes + spike

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        del p, s  # `integrate` has done it


class _AdaptivePsc(_Adaptive):
    """Base of the models with an excitatory and an inhibitory current."""

    tau_syn_ex = param(0.2 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return s.I_syn_ex + s.I_syn_in


class aeif_psc_exp(_AdaptivePsc):
    r"""`aeif_cond_exp` with exponential synaptic currents.

    Weights of the port `in` are negative; NEST records I_syn_in with the other sign.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    I_syn_ex = variable(0.0 * u.pA, u.pA)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("I_syn", u.pA)
    course = Course("I_syn", exponentials, exponentials_after)


class aeif_psc_alpha(_AdaptivePsc):
    r"""`aeif_psc_exp` with currents that follow alpha functions; a weight is the peak.

    Brette R, Gerstner W (2005) J. Neurophysiol. 94:3637.
    """

    dI_syn_ex = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    dI_syn_in = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("dI_syn", u.pA, alpha_jump, ("tau_syn",))
    course = Course("I_syn", alphas, alphas_after)


class _AdaptivePorts(_Adaptive):
    """Base of the models with any number of conductances."""

    @staticmethod
    def synaptic(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return sum(g * (E - s.V_m) for g, E in zip(elements(s, "g"), elements(p, "E_rev"), strict=True))


class aeif_cond_alpha_multisynapse(_AdaptivePorts):
    r"""`aeif_cond_alpha` with any number of receptor ports, each with a time constant and a reversal potential.

    >>> neurons = sl.nest.aeif_cond_alpha_multisynapse(3, tau_syn=[0.2, 20.0] * u.ms, E_rev=[0.0, -85.0] * u.mV)
    >>> sorted(neurons.ports)
    ['1', '2']
    """

    E_rev = param_list([0.0 * u.mV], "port")
    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    dg = variable_list(0.0 * u.nS / u.ms, u.nS / u.ms, "port")
    g = variable_list(0.0 * u.nS, u.nS, "port")

    port_list = ("port", Port("dg", u.nS, alpha_jump, ("tau_syn",)))
    course = Course("g", alphas, alphas_after)


class aeif_cond_beta_multisynapse(_AdaptivePorts):
    r"""`aeif_cond_alpha_multisynapse` with conductances that rise and decay exponentially."""

    E_rev = param_list([0.0 * u.mV], "port")
    tau_rise = param_list([2.0 * u.ms], "port", positive=True)
    tau_decay = param_list([20.0 * u.ms], "port", positive=True)
    dg = variable_list(0.0 * u.nS / u.ms, u.nS / u.ms, "port")
    g = variable_list(0.0 * u.nS, u.nS, "port")

    port_list = ("port", Port("dg", u.nS, beta_jump, ("tau_rise", "tau_decay")))
    course = Course("g", betas, betas_after)
