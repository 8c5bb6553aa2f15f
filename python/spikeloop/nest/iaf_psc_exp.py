"""Leaky integrate-and-fire neurons with exponential currents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._units import check_not_negative
from ..kernels import Drive
from ._leaky import _Leaky, _LeakyExp, leak
from ._lists import elements, param_list, variable_list
from ._ports import Port
from ._synapses import exponentials


class iaf_psc_exp(_LeakyExp):
    r"""Leaky integrate-and-fire neuron with exponential synaptic currents, integrated exactly.

    $$C_m \dot V_m = -\frac{C_m}{\tau_m} (V_m - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in}, \qquad
    \tau_{\mathrm{syn},k} \dot I_k = -I_k$$

    Weights of the port `in` are negative. NEST's escape-rate threshold (`delta` > 0) is left out.

    >>> neurons = sl.nest.iaf_psc_exp(10, tau_syn_ex=0.5 * u.ms, tau_syn_in=8 * u.ms)
    >>> inhibition = sl.project(neurons, neurons, sl.connect.FixedInDegree(5, -80 * u.pA), **neurons.port("in"))
    >>> inhibition.comm.num_synapses
    50

    Rotter S, Diesmann M (1999) Biol. Cybern. 81:381.
    """

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        current = s.I_syn_ex + s.I_syn_in + drive.current + drive.synaptic
        return {"V_m": leak(p, s, current), **exponentials(s, "I_syn", p)}


class iaf_psc_exp_htum(iaf_psc_exp):
    r"""`iaf_psc_exp` with an absolute and a total refractory period.

    V_m is held for `t_ref_abs` after a spike, and then integrates again; no other spike is sent for `t_ref_tot`.
    `abs_left` is the rest of the absolute period. NEST records V_m relative to E_L.

    Tsodyks M, Uziel A, Markram H (2000) J. Neurosci. 20:RC50.
    """

    t_ref = None
    t_ref_abs = param(2.0 * u.ms, positive=True)
    t_ref_tot = param(2.0 * u.ms, positive=True)
    abs_left = variable(0.0 * u.ms, u.ms)

    period = "t_ref_tot"
    holds = ()

    def _check(self) -> None:
        super()._check()
        p = self.quantities()
        check_not_negative(p.t_ref_tot - p.t_ref_abs, f"{self.path}: t_ref_tot − t_ref_abs")

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        s.V_m = jnp.where(s.abs_left > 0.5 * p.dt, p.start.V_m, s.V_m)
        s.abs_left = jnp.maximum(s.abs_left - p.dt, 0.0)
        super().arrive(p, s)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        _Leaky.reset(p, s, spike, hard)
        s.abs_left = jnp.where(spike > 0, p.t_ref_abs, s.abs_left)


class iaf_psc_exp_multisynapse(_Leaky):
    r"""`iaf_psc_exp` with any number of receptor ports, each with a time constant of its own.

    >>> neurons = sl.nest.iaf_psc_exp_multisynapse(4, tau_syn=[0.5, 2.0, 8.0] * u.ms)
    >>> sorted(neurons.ports)
    ['1', '2', '3']
    """

    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    I_syn = variable_list(0.0 * u.pA, u.pA, "port")

    port_list = ("port", Port("I_syn", u.pA))

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        currents = elements(s, "I_syn")
        total = sum(currents, drive.current + drive.synaptic)
        return {"V_m": leak(p, s, total), **exponentials(s, "I_syn", p, tuple(range(1, len(currents) + 1)))}
