"""Multi-timescale adaptive threshold neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._leaky import leak
from ._nest_neuron import NestNeuron
from ._ports import ex_and_in
from ._synapses import exponentials


class mat2_psc_exp(NestNeuron):
    r"""Leaky integrate-and-fire neuron without a reset, whose threshold jumps at each spike (MAT model).

    $$V_\mathrm{th} = \omega + V_{\mathrm{th},\alpha 1} + V_{\mathrm{th},\alpha 2}, \qquad
    \tau_j \dot V_{\mathrm{th},\alpha j} = -V_{\mathrm{th},\alpha j}, \qquad
    \text{at a spike } V_{\mathrm{th},\alpha j} \leftarrow V_{\mathrm{th},\alpha j} + \alpha_j$$

    V_m and the exponential currents are those of `iaf_psc_exp`, integrated exactly. Weights of the port `in` are
    negative.

    Kobayashi R, Tsubo Y, Shinomoto S (2009) Front. Comput. Neurosci. 3:9.
    """

    C_m = param(100.0 * u.pF, positive=True)
    tau_m = param(5.0 * u.ms, positive=True)
    t_ref = param(2.0 * u.ms)
    E_L = param(-70.0 * u.mV)
    tau_syn_ex = param(1.0 * u.ms, positive=True)
    tau_syn_in = param(3.0 * u.ms, positive=True)
    tau_1 = param(10.0 * u.ms, positive=True)
    tau_2 = param(200.0 * u.ms, positive=True)
    alpha_1 = param(37.0 * u.mV)
    alpha_2 = param(2.0 * u.mV)
    omega = param(-51.0 * u.mV)
    I_e = param(0.0 * u.pA)
    V_m = variable("E_L", u.mV)
    I_syn_ex = variable(0.0 * u.pA, u.pA)
    I_syn_in = variable(0.0 * u.pA, u.pA)
    V_th_alpha_1 = variable(0.0 * u.mV, u.mV)
    V_th_alpha_2 = variable(0.0 * u.mV, u.mV)

    integrator = "exact"
    holds = ()
    ports = ex_and_in("I_syn", u.pA)

    @property
    def V_th(self) -> Any:
        """The threshold."""
        return self.quantities().omega + self.V_th_alpha_1.value + self.V_th_alpha_2.value

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        current = s.I_syn_ex + s.I_syn_in + drive.current + drive.synaptic
        thresholds = {"V_th_alpha_1": -s.V_th_alpha_1 / p.tau_1, "V_th_alpha_2": -s.V_th_alpha_2 / p.tau_2}
        return {"V_m": leak(p, s, current), **exponentials(s, "I_syn", p), **thresholds}

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - p.omega - s.V_th_alpha_1 - s.V_th_alpha_2) / (p.omega - p.E_L)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        s.V_th_alpha_1 = s.V_th_alpha_1 + p.alpha_1 * spike
        s.V_th_alpha_2 = s.V_th_alpha_2 + p.alpha_2 * spike


class amat2_psc_exp(mat2_psc_exp):
    r"""`mat2_psc_exp` with a threshold that follows the potential as well.

    $$V_\mathrm{th} = \omega + V_{\mathrm{th},\alpha 1} + V_{\mathrm{th},\alpha 2} + V_{\mathrm{th},v}, \qquad
    V_{\mathrm{th},v}(t) = \beta \int_0^\infty s\, e^{-s/\tau_v}\, \dot V_m(t - s)\, ds$$

    Yamauchi S, Kim H, Shinomoto S (2011) Front. Comput. Neurosci. 5:42.
    """

    C_m = param(200.0 * u.pF, positive=True)
    tau_m = param(10.0 * u.ms, positive=True)
    alpha_1 = param(10.0 * u.mV)
    alpha_2 = param(0.0 * u.mV)
    beta = param(0.0 / u.ms)
    tau_v = param(5.0 * u.ms, positive=True)
    omega = param(-65.0 * u.mV)
    V_th_dv = variable(0.0 * u.mV / u.ms, u.mV / u.ms)
    V_th_v = variable(0.0 * u.mV, u.mV)

    @property
    def V_th(self) -> Any:
        """The threshold."""
        p = self.quantities()
        return p.omega + self.V_th_alpha_1.value + self.V_th_alpha_2.value + self.V_th_v.value

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        rates = mat2_psc_exp.derivative(p, s, drive)
        follows = {"V_th_dv": p.beta * rates["V_m"] - s.V_th_dv / p.tau_v, "V_th_v": s.V_th_dv - s.V_th_v / p.tau_v}
        return {**rates, **follows}

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - p.omega - s.V_th_alpha_1 - s.V_th_alpha_2 - s.V_th_v) / (p.omega - p.E_L)
