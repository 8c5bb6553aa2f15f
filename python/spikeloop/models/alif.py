"""Leaky integrate-and-fire neurons with an adaptive threshold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._math import exp
from .lif import LIF


class ALIF(LIF):
    r"""Leaky integrate-and-fire neuron whose threshold rises with its own spikes.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + R I, \qquad \tau_a \dot a = -a, \qquad
    V \ge V_\mathrm{th} + \beta a: \text{spike, reset, } a \leftarrow a + 1$$

    Integrated exactly for constant input and conductances over a step.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_a` | time constant of a | ms | 100 |
    | `beta` | rise of the threshold per spike | mV | 0.1 |
    | `a_initializer` | initial a | | 0 |
    | others | as in `LIF` | | |

    >>> neuron = sl.nn.init_all_states(sl.ALIF(1, tau=10 * u.ms, tau_a=100 * u.ms))
    >>> spikes = sl.transform.for_loop(lambda: neuron(3 * u.mA), length=1000)
    >>> int(spikes[:200].sum()) > int(spikes[-200:].sum())
    True

    Bellec G et al. (2018) Adv. Neural Inf. Process. Syst. 31:787.
    """

    tau_a = param(100.0 * u.ms, positive=True)
    beta = param(0.1 * u.mV)
    a = variable(0.0)

    operands = (*LIF.operands, "beta", "decay_a")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return *LIF.derive(p, dt), p.beta, exp(-dt / p.tau_a)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V - p.V_th - p.beta * s.a) / (p.V_th - p.V_reset)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        LIF.reset(p, s, spike, hard)
        s.a = s.a + spike

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        LIF.integrate(p, s, drive)
        s.a = s.a * p.decay_a
