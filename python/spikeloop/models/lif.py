"""Leaky integrate-and-fire neurons."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ..kernels import Drive
from ._math import exp_euler
from ._neuron import Neuron


class LIF(Neuron):
    r"""Leaky integrate-and-fire neuron.

    $$\tau \dot V = -(V - V_\mathrm{rest}) + R I, \qquad V \ge V_\mathrm{th}: \text{spike, reset}$$

    Integrated exactly for constant input and conductances over a step (exponential Euler).

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | Ω | 1 |
    | `tau` | membrane time constant | ms | 5 |
    | `V_th` | threshold | mV | 1 |
    | `V_reset` | reset potential | mV | 0 |
    | `V_rest` | resting potential | mV | 0 |
    | `V_initializer` | initial V | mV | `V_rest` |
    | `spk_fun` | surrogate gradient of the spike | | `ReluGrad()` |
    | `spk_reset` | 'soft' subtracts V_th − V_reset, 'hard' sets V_reset | | 'soft' |

    >>> neuron = sl.nn.init_all_states(sl.LIF(2, tau=10 * u.ms, V_th=15 * u.mV))
    >>> neuron([1.0, 2.0] * u.mA).tolist()
    [0.0, 0.0]
    >>> print(neuron.V.value.to_decimal(u.mV).round(3))
    [0.01 0.02]

    Lapicque L (1907) J. Physiol. Pathol. Gen. 9:620; Abbott LF (1999) Brain Res. Bull. 50:303.
    """

    R = param(1.0 * u.ohm)
    tau = param(5.0 * u.ms, positive=True)
    V_th = param(1.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_rest = param(0.0 * u.mV)
    V = variable("V_rest", u.mV)

    operands = ("V_rest", "V_th", "V_reset", "R", "dt_tau")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.V_rest, p.V_th, p.V_reset, p.R, dt / p.tau

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        return p.R

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        rate = p.V_rest - s.V + p.R * drive.current + drive.synaptic
        s.V = exp_euler(s.V, p.dt_tau, rate, drive.slope - 1)


class LIFRef(LIF):
    """Leaky integrate-and-fire neuron that stays at its reset potential for a refractory period.

    `LIF` with one more constant. The period is counted in steps, rounded to the nearest: a neuron that spikes in step
    n integrates again in step n + tau_ref/dt.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_ref` | refractory period | ms | 5 |

    >>> neuron = sl.nn.init_all_states(sl.LIFRef(1, tau=1 * u.ms, tau_ref=0.3 * u.ms))
    >>> spikes = sl.transform.for_loop(lambda: neuron(20 * u.mA), length=8)
    >>> spikes[:, 0].astype(int).tolist()
    [1, 0, 0, 1, 0, 0, 1, 0]
    """

    tau_ref = param(5.0 * u.ms)
