"""The Izhikevich neuron as NEST steps it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._form import param, variable
from .._hard_reset import hard_reset
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class izhikevich(NestNeuron):
    r"""Izhikevich's simple model with delta input.

    $$\dot V_m = 0.04 V_m^2 + 5 V_m + 140 - U_m + I_e + I, \qquad \dot U_m = a (b V_m - U_m), \qquad
    V_m \ge V_\mathrm{th}: V_m \leftarrow c,\ U_m \leftarrow U_m + d$$

    Euler's method, as in NEST with `consistent_integration`; so results depend on dt. U_m is a number, and currents in
    pA count as mV/ms. NEST's `V_min` is left out. Projections need to name no port.

    Izhikevich EM (2003) IEEE Trans. Neural Netw. 14:1569.
    """

    a = param(0.02)
    b = param(0.2)
    c = param(-65.0 * u.mV)
    d = param(8.0)
    V_th = param(30.0 * u.mV)
    I_e = param(0.0 * u.pA)
    V_m = variable(-65.0 * u.mV, u.mV)
    U_m = variable(-13.0)

    ports: ClassVar[dict[str, Port]] = {"delta": Port("V_m", u.mV)}

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        V, current = s.V_m, p.I_e + drive.current + drive.synaptic
        s.V_m = V + p.dt * (0.04 * V * V + 5 * V + 140 - s.U_m + current)
        s.U_m = s.U_m + p.dt * p.a * (p.b * V - s.U_m)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - p.V_th) / (p.V_th - p.c)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        s.V_m = hard_reset(s.V_m, p.c, spike) if hard else s.V_m - (p.V_th - p.c) * spike
        s.U_m = s.U_m + p.d * spike
