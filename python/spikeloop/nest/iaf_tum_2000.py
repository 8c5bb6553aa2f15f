"""The leaky neuron with short-term plasticity of the synapses that leave it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from .iaf_psc_exp import iaf_psc_exp


class iaf_tum_2000(iaf_psc_exp):
    r"""`iaf_psc_exp` that computes the short-term plasticity of its outgoing synapses, once for all of them.

    $$\dot x = \frac{1 - x - y}{\tau_\mathrm{rec}}, \qquad \dot y = -\frac{y}{\tau_\mathrm{psc}}, \qquad
    \dot u = -\frac{u}{\tau_\mathrm{fac}}, \qquad \text{at a spike } u \leftarrow u + U (1 - u),\
    x \leftarrow x - u x,\ y \leftarrow y + u x$$

    `release` is u x in the step of a spike, else 0. A projection that is given `neurons.release.value` in place of the
    spikes is NEST's connection to receptor 1 of another such neuron. NEST changes x, y and u at spikes only. Its
    `delta` and `rho` are left out, and tau_fac is greater than 0.

    >>> neurons = sl.nest.iaf_tum_2000(4)
    >>> comm = sl.connect.FixedInDegree(2, 100 * u.pA)
    >>> depressing = sl.AlignPostProj(comm=comm, pre=4, post=neurons, **neurons.port("ex"))
    >>> net = sl.nn.init_all_states(sl.nn.Sequential(neurons))
    >>> depressing(neurons.release.value)

    Tsodyks M, Uziel A, Markram H (2000) J. Neurosci. 20:RC50.
    """

    tau_fac = param(1000.0 * u.ms, positive=True)
    tau_psc = param(2.0 * u.ms, positive=True)
    tau_rec = param(400.0 * u.ms, positive=True)
    U = param(0.5)
    x = variable(0.0)
    y = variable(0.0)
    u = variable(0.0)
    release = variable(0.0)

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        rates = {"x": (1 - s.x - s.y) / p.tau_rec, "y": -s.y / p.tau_psc, "u": -s.u / p.tau_fac}
        return {**iaf_psc_exp.derivative(p, s, drive), **rates}

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        iaf_psc_exp.reset(p, s, spike, hard)
        s.u = s.u + spike * p.U * (1 - s.u)
        s.release = spike * s.u * s.x
        s.x, s.y = s.x - s.release, s.y + s.release
