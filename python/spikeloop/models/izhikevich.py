"""Izhikevich neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._math import exp, relax
from ._upswing import Upswing


class Izhikevich(Upswing):
    r"""Izhikevich's neuron: a quadratic membrane with a recovery variable u.

    $$\dot V = 0.04 V^2 + 5 V + 140 - u + I, \qquad \dot u = a (b V - u), \qquad
    V \ge V_\mathrm{th}: \text{spike, } V \leftarrow c,\; u \leftarrow u + d$$

    V in mV, time in ms; the input I is in mV/ms. A step advances V and u from the same values, and V is limited to
    2 V_th − c.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `a` | rate of u | 1/ms | 0.02 |
    | `b` | coupling of u to V | 1/ms | 0.2 |
    | `c` | reset potential | mV | −65 |
    | `d` | jump of u at a spike | mV/ms | 8 |
    | `V_th` | peak of a spike | mV | 30 |
    | `V_initializer` | initial V | mV | −65 |
    | `u_initializer` | initial u | mV/ms | 0 |
    | `spk_fun`, `spk_reset` | as in `ExpIF`, but 'hard' | | |

    >>> neuron = sl.nn.init_all_states(sl.Izhikevich(1))
    >>> spikes = sl.transform.for_loop(lambda: neuron(10 * u.mV / u.ms), length=1000)  # 100 ms
    >>> int(spikes.sum()) > 0
    True

    Izhikevich EM (2003) IEEE Trans. Neural Netw. 14:1569.
    """

    options: ClassVar[dict[str, Any]] = {"spk_reset": "hard"}
    current_unit = u.mV / u.ms

    a = param(0.02 / u.ms)
    b = param(0.2 / u.ms)
    c = param(-65.0 * u.mV)
    d = param(8.0 * u.mV / u.ms)
    V_th = param(30.0 * u.mV)
    V = variable(-65.0 * u.mV, u.mV)

    operands = ("V_th", "V_reset", "b", "d", "dt", "decay_u")
    holds_all = True

    u = variable(0.0 * u.mV / u.ms, u.mV / u.ms)

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.V_th, p.c, p.b, p.d, dt, exp(-dt * p.a)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        Upswing.reset(p, s, spike, hard)
        s.u = s.u + p.d * spike

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        next_u = relax(s.u, p.b * s.V, p.decay_u)
        rate = (0.04 * s.V + 5) * s.V + 140 - s.u + drive.current + drive.synaptic
        Upswing.rise(p, s, p.dt, rate, 0.08 * s.V + 5 + drive.slope)
        s.u = next_u


class IzhikevichRef(Izhikevich):
    """`Izhikevich` with a refractory period, in which u is held as well.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 0 |
    """

    tau_ref = param(0.0 * u.ms)
