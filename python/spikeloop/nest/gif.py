"""Generalised integrate-and-fire neurons with escape noise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exp, exprel
from ..kernels import Drive
from ._lists import elements, param_list, variable_list
from ._nest_neuron import NestNeuron
from ._ports import Port, ex_and_in
from ._synapses import exponentials


class _Escape(NestNeuron):
    """Base of models that spike at a rate that grows exponentially with V_m, with adaptation of any number of terms.

    In a step V_m follows the adaptation as it was at its start, which then decays, and jumps at a spike.
    """

    C_m = param(80.0 * u.pF, positive=True)
    g_L = param(4.0 * u.nS, positive=True)
    E_L = param(-70.0 * u.mV)
    V_reset = param(-55.0 * u.mV)
    V_T_star = param(-35.0 * u.mV)
    Delta_V = param(0.5 * u.mV, positive=True)
    lambda_0 = param(1.0 / u.second)
    t_ref = param(4.0 * u.ms)
    I_e = param(0.0 * u.pA)
    tau_sfa = param_list([], "threshold term", u.ms, positive=True)
    q_sfa = param_list([], "threshold term", u.mV)
    tau_stc = param_list([], "current term", u.ms, positive=True)
    q_stc = param_list([], "current term", u.pA)
    V_m = variable("E_L", u.mV)
    E_sfa = variable(0.0 * u.mV, u.mV)
    I_stc = variable(0.0 * u.pA, u.pA)
    sfa = variable_list(0.0 * u.mV, u.mV, "threshold term")
    stc = variable_list(0.0 * u.pA, u.pA, "current term")

    draws = True
    holds = ()

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        hazard = 1e-3 * p.lambda_0 * jnp.exp((s.V_m - s.E_sfa) / p.Delta_V)
        return p.uniform() - jnp.exp(-hazard * p.dt)  # a refractory neuron does not spike, whatever this is

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard  # V_m is set to V_reset in the next step, the first one of the refractory period
        for name in ("sfa", "stc"):
            for k, jump in enumerate(elements(p, f"q_{name}"), 1):
                setattr(s, f"{name}_{k}", getattr(s, f"{name}_{k}") + jump * spike)


def _adapt(p: Any, s: Any) -> None:
    """Sum up the terms of the adaptation, and let them decay."""
    s.E_sfa, s.I_stc = sum(elements(s, "sfa"), p.V_T_star + 0.0 * s.V_m), sum(elements(s, "stc"), 0.0 * s.V_m)
    for name in ("sfa", "stc"):
        for k, tau in enumerate(elements(p, f"tau_{name}"), 1):
            setattr(s, f"{name}_{k}", getattr(s, f"{name}_{k}") * exp(-p.dt / tau))


class _EscapePsc(_Escape):
    """Base of the models with exponential currents, integrated exactly.

    `arrives_first`: V_m follows the currents as they are at the end of the step, with what arrives in it.
    """

    arrives_first: ClassVar[bool] = False

    @staticmethod
    def currents(p: SimpleNamespace) -> dict[str, Any]:
        """The currents with their time constants."""
        raise NotImplementedError

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        _adapt(p, s)
        rate, currents = p.g_L / p.C_m, cls.currents(p)
        total = p.g_L * (p.E_L - s.V_m) + (drive.current + p.I_e) + drive.synaptic - s.I_stc
        V = s.V_m + total * (p.dt / p.C_m * exprel(-rate * p.dt))
        before = {name: getattr(s, name) for name in currents}
        for name, tau in currents.items():
            setattr(s, name, before[name] * exp(-p.dt / tau))
        super().arrive(p, s)
        for name, tau in currents.items():
            current = getattr(s, name) if cls.arrives_first else before[name]
            V = V + current * (p.dt / p.C_m * exp(-p.dt * rate) * exprel(p.dt * (rate - 1 / tau)))
        s.V_m = jnp.where(p.refractory, p.V_reset, V)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        del p, s  # `integrate` has done it


class gif_psc_exp(_EscapePsc):
    r"""Generalised integrate-and-fire neuron with exponential synaptic currents.

    $$C_m \dot V_m = -g_L (V_m - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in} - \sum_j \eta_j, \qquad
    \lambda = \lambda_0 \exp\frac{V_m - V_T^* - \sum_j \gamma_j}{\Delta_V}$$

    The neuron spikes with the rate λ, in a step with the probability 1 − exp(−λ dt). At a spike each η_j jumps by
    q_stc and each γ_j by q_sfa; they decay with tau_stc and tau_sfa. `E_sfa` is the threshold and `I_stc` the sum of
    η_j that acted in the step. As in NEST, V_m follows the currents as they are at the end of a step, one step earlier
    than in other models. Weights of the port `in` are negative.

    >>> neurons = sl.nest.gif_psc_exp(5, tau_sfa=[110.0] * u.ms, q_sfa=[14.0] * u.mV)
    >>> neurons.q_sfa_1
    Quantity(14., "mV")

    Mensi S et al. (2012) J. Neurophysiol. 107:1756; Pozzorini C et al. (2015) PLoS Comput. Biol. 11:e1004275.
    """

    tau_syn_ex = param(2.0 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    I_syn_in = variable(0.0 * u.pA, u.pA)

    ports = ex_and_in("I_syn", u.pA)
    arrives_first = True

    @staticmethod
    def currents(p: SimpleNamespace) -> dict[str, Any]:
        return {"I_syn_ex": p.tau_syn_ex, "I_syn_in": p.tau_syn_in}


class gif_psc_exp_multisynapse(_EscapePsc):
    r"""`gif_psc_exp` with any number of receptor ports, whose currents act as in other models."""

    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    I_syn = variable_list(0.0 * u.pA, u.pA, "port")

    port_list = ("port", Port("I_syn", u.pA))

    @staticmethod
    def currents(p: SimpleNamespace) -> dict[str, Any]:
        return {f"I_syn_{k}": tau for k, tau in enumerate(elements(p, "tau_syn"), 1)}


class _EscapeCond(_Escape):
    """Base of the models with exponential conductances, integrated by RK4."""

    integrator = "rk4(4)"
    solves = True

    @staticmethod
    def reversal(p: SimpleNamespace) -> dict[Any, Any]:
        """The reversal potential of each conductance, by what follows `g_` in its name."""
        raise NotImplementedError

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        _adapt(p, s)
        reversal = cls.reversal(p)

        def rates(x: Any, part: float = 0.0) -> dict[str, Any]:
            del part
            y = SimpleNamespace(**x)
            synaptic = sum(getattr(y, f"g_{k}") * (E - y.V_m) for k, E in reversal.items())
            receptors = drive.synaptic + drive.slope * (y.V_m - p.start.V_m)
            total = p.g_L * (p.E_L - y.V_m) + synaptic + p.I_e + drive.current + receptors - s.I_stc
            return {"V_m": total / p.C_m, **exponentials(y, "g", p, tuple(reversal))}

        names = ["V_m", *(f"g_{k}" for k in reversal)]
        vars(s).update(p.solve(rates, {name: getattr(s, name) for name in names}))
        s.V_m = jnp.where(p.refractory, p.V_reset, s.V_m)


class gif_cond_exp(_EscapeCond):
    r"""`gif_psc_exp` with exponential conductances, integrated by RK4 with four substeps.

    Weights of both ports are positive conductances; NEST takes negative weights for g_in.

    Mensi S et al. (2012) J. Neurophysiol. 107:1756; Pozzorini C et al. (2015) PLoS Comput. Biol. 11:e1004275.
    """

    E_ex = param(0.0 * u.mV)
    E_in = param(-85.0 * u.mV)
    tau_syn_ex = param(2.0 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    g_ex = variable(0.0 * u.nS, u.nS)
    g_in = variable(0.0 * u.nS, u.nS)

    ports = ex_and_in("g", u.nS)

    @staticmethod
    def reversal(p: SimpleNamespace) -> dict[Any, Any]:
        return {"ex": p.E_ex, "in": p.E_in}


class gif_cond_exp_multisynapse(_EscapeCond):
    r"""`gif_cond_exp` with any number of receptor ports, each with a time constant and a reversal potential.

    Mensi S et al. (2012) J. Neurophysiol. 107:1756; Pozzorini C et al. (2015) PLoS Comput. Biol. 11:e1004275.
    """

    E_rev = param_list([0.0 * u.mV], "port")
    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    g = variable_list(0.0 * u.nS, u.nS, "port")

    port_list = ("port", Port("g", u.nS))

    @staticmethod
    def reversal(p: SimpleNamespace) -> dict[Any, Any]:
        return dict(enumerate(elements(p, "E_rev"), 1))
