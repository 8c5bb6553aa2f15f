"""Exponential synapse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ._math import exp
from ._synapse import Synapse


class Expon(Synapse):
    r"""Synapse whose conductance jumps at a spike and decays exponentially.

    $$\tau \dot g = -g, \qquad g \leftarrow g + w \text{ at a spike}$$

    Integrated exactly.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `tau` | decay time constant | ms | 8 |
    | `g_initializer` | initial g; its unit is that of g | any | 0 mS |

    >>> synapse = sl.nn.init_all_states(sl.Expon(1, tau=5 * u.ms))
    >>> synapse(1.0 * u.mS)
    Quantity([1.], "mS")
    >>> f"{synapse()[0].to_decimal(u.mS):.2f} mS"
    '0.98 mS'
    """

    tau = param(8.0 * u.ms, positive=True)
    g = variable(0.0 * u.mS, u.mS)

    dynamics = "expon"

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return (exp(-dt / p.tau),)
