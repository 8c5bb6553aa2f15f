"""Spike-response neuron of retinal ganglion input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import numpy as np

from .._form import param, variable
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class iaf_chs_2007(NestNeuron):
    r"""Spike-response neuron without a unit of potential, whose threshold is 1.

    $$V_m = V_\mathrm{syn} + V_\mathrm{spike}, \qquad \tau_\mathrm{epsp} \dot V_\mathrm{syn} = -V_\mathrm{syn} +
    e\, V_\mathrm{epsp}\, i, \qquad \tau_\mathrm{epsp} \dot i = -i, \qquad
    \tau_\mathrm{reset} \dot V_\mathrm{spike} = -V_\mathrm{spike}$$

    A spike of weight 1 adds 1 to i, so that V_syn follows an alpha function with the peak V_epsp; weights are positive.
    At a spike of the neuron, V_spike and V_m fall by V_reset. Integrated exactly. The neuron takes no current. NEST's
    `noise` is left out. Projections need to name no port.

    Carandini M, Horton JC, Sincich LC (2007) J. Vis. 7(14):20.
    """

    tau_epsp = param(8.5 * u.ms, positive=True)
    tau_reset = param(15.4 * u.ms, positive=True)
    V_epsp = param(0.77)
    V_reset = param(2.31)
    V_m = variable(0.0)
    i_syn_ex = variable(0.0)
    V_syn = variable(0.0)
    V_spike = variable(0.0)

    integrator = "exact"
    ports: ClassVar[dict[str, Port]] = {"ex": Port("i_syn_ex", u.UNITLESS)}

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        del drive
        V_syn = (np.e * p.V_epsp * s.i_syn_ex - s.V_syn) / p.tau_epsp
        return {"i_syn_ex": -s.i_syn_ex / p.tau_epsp, "V_syn": V_syn, "V_spike": -s.V_spike / p.tau_reset}

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        super().arrive(p, s)
        s.V_m = s.V_syn + s.V_spike

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return s.V_m - 1

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        s.V_spike = s.V_spike - p.V_reset * spike
        s.V_m = s.V_m - p.V_reset * spike
