"""What integrate-and-fire models with linear equations share."""

from __future__ import annotations

from typing import Any

import brainunit as u

from .._form import param, variable
from ._nest_neuron import NestNeuron
from ._ports import ex_and_in
from ._synapses import alpha_jump


class _Leaky(NestNeuron):
    """Base of leaky models with a time constant of the membrane, integrated exactly."""

    C_m = param(250.0 * u.pF, positive=True)
    tau_m = param(10.0 * u.ms, positive=True)
    t_ref = param(2.0 * u.ms)
    E_L = param(-70.0 * u.mV)
    V_th = param(-55.0 * u.mV)
    V_reset = param(-70.0 * u.mV)
    I_e = param(0.0 * u.pA)
    V_m = variable("E_L", u.mV)

    integrator = "exact"


class _LeakyExp(_Leaky):
    """Base of those with two ports whose currents are exponential."""

    tau_syn_ex = param(2.0 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("I_syn", u.pA)


class _LeakyAlpha(_Leaky):
    """Base of those with two ports whose currents are alpha functions."""

    tau_syn_ex = param(2.0 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    dI_syn_ex = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    dI_syn_in = variable(0.0 * u.pA / u.ms, u.pA / u.ms)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("dI_syn", u.pA, alpha_jump, ("tau_syn",))


def leak(p: Any, s: Any, current: Any) -> Any:
    """The rate of V_m."""
    return (p.E_L - s.V_m) / p.tau_m + (p.I_e + current) / p.C_m
