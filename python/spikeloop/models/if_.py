"""Integrate-and-fire neuron."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from .lif import LIF


class IF(LIF):
    r"""Integrate-and-fire neuron with a resting and reset potential of 0.

    $$\tau \dot V = -V + R I, \qquad V \ge V_\mathrm{th}: \text{spike, reset}$$

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `R` | membrane resistance | Ω | 1 |
    | `tau` | membrane time constant | ms | 5 |
    | `V_th` | threshold | mV | 1 |
    | `V_initializer` | initial V | mV | 0 |
    | `spk_fun`, `spk_reset` | as in `LIF` | | |
    """

    R = param(1.0 * u.ohm)
    tau = param(5.0 * u.ms, positive=True)
    V_th = param(1.0 * u.mV)
    V_reset = V_rest = None
    V = variable(0.0 * u.mV, u.mV)

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return 0.0, p.V_th, 0.0, p.R, dt / p.tau
