"""The astrocyte of Li and Rinzel, with the slow inward current that it causes in neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class astrocyte_lr_1994(NestNeuron):
    r"""Astrocyte whose calcium rises with IP3, which spikes release.

    $$\dot{[\mathrm{IP_3}]} = \frac{[\mathrm{IP_3}]_0 - [\mathrm{IP_3}]}{\tau_\mathrm{IP_3}}, \qquad
    \dot{[\mathrm{Ca}]} = J_\mathrm{channel} - J_\mathrm{pump} + J_\mathrm{leak} + J, \qquad
    \dot h_\mathrm{IP3R} = \alpha_h (1 - h_\mathrm{IP3R}) - \beta_h h_\mathrm{IP3R}$$

    A spike makes IP3 jump by delta_IP3 times the weight, a number. In each step the astrocyte sends SIC_scale times the
    logarithm of the calcium above SIC_th, in nM, or 0 where that is below 1 nM: a projection from it to the port `SIC`
    of `aeif_cond_alpha_astro` is NEST's `sic_connection`. Integrated by RK4. Projections need to name no port.

    >>> astrocytes, neurons = sl.nest.astrocyte_lr_1994(10), sl.nest.aeif_cond_alpha_astro(10)
    >>> slow = sl.project(astrocytes, neurons, sl.connect.FixedInDegree(2, 5 * u.pA), **neurons.port("SIC"))
    >>> slow.comm.num_synapses
    20

    Li YX, Rinzel J (1994) J. Theor. Biol. 166:461; Nadkarni S, Jung P (2003) Phys. Rev. Lett. 91:268101.
    """

    Ca_tot = param(2.0 * u.umolar, positive=True)
    IP3_0 = param(0.16 * u.umolar)
    Kd_IP3_1 = param(0.13 * u.umolar, positive=True)
    Kd_IP3_2 = param(0.9434 * u.umolar, positive=True)
    Kd_act = param(0.08234 * u.umolar, positive=True)
    Kd_inh = param(1.049 * u.umolar)
    Km_SERCA = param(0.1 * u.umolar, positive=True)
    SIC_scale = param(1.0, positive=True)
    SIC_th = param(0.19669 * u.umolar)
    delta_IP3 = param(0.0002 * u.umolar)
    k_IP3R = param(0.0002 / (u.umolar * u.ms))
    rate_IP3R = param(0.006 / u.ms)
    rate_L = param(0.00011 / u.ms)
    rate_SERCA = param(0.0009 * u.umolar / u.ms)
    ratio_ER_cyt = param(0.185, positive=True)
    tau_IP3 = param(7142.0 * u.ms, positive=True)
    IP3 = variable("IP3_0", u.umolar)
    Ca_astro = variable(0.073 * u.umolar, u.umolar)
    h_IP3R = variable(0.793)

    integrator = "rk4"
    holds = ()
    current_unit: ClassVar[Any] = u.umolar / u.ms
    ports: ClassVar[dict[str, Port]] = {"IP3": Port("IP3", u.UNITLESS, lambda jump: jump, ("delta_IP3",))}

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        # Ca_tot counts all calcium of the cell as if it were in the cytosol.
        Ca = jnp.clip(s.Ca_astro, 0.0, p.Ca_tot)
        gradient = (p.Ca_tot - Ca) / p.ratio_ER_cyt - Ca  # from the endoplasmic reticulum
        open_ = s.IP3 / (s.IP3 + p.Kd_IP3_1) * Ca / (Ca + p.Kd_act) * s.h_IP3R
        flow = p.ratio_ER_cyt * gradient * (p.rate_IP3R * open_ * open_ * open_ + p.rate_L)
        pump = p.rate_SERCA * Ca * Ca / (p.Km_SERCA * p.Km_SERCA + Ca * Ca)
        opening = p.k_IP3R * p.Kd_inh * (s.IP3 + p.Kd_IP3_1) / (s.IP3 + p.Kd_IP3_2)
        return {
            "IP3": (p.IP3_0 - s.IP3) / p.tau_IP3,
            "Ca_astro": flow - pump + drive.current + drive.synaptic,
            "h_IP3R": opening * (1 - s.h_IP3R) - p.k_IP3R * Ca * s.h_IP3R,
        }

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        super().arrive(p, s)
        above = 1e3 * (s.Ca_astro - p.SIC_th)  # nM
        return p.SIC_scale * jnp.log(jnp.maximum(above, 1.0))
