"""Alpha synapse."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from .._form import param, variable
from ._math import exp
from ._synapse import Synapse


class Alpha(Synapse):
    r"""Synapse whose conductance rises and decays with one time constant.

    $$\tau \dot h = -h, \qquad \tau \dot g = h - g, \qquad h \leftarrow h + w \text{ at a spike}$$

    Integrated exactly. A spike of weight w makes $g = w\, (t/\tau)\, e^{-t/\tau}$, which peaks at w/e after τ.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `tau` | time constant | ms | 8 |
    | `h_initializer` | initial h | as g | 0 |
    | `g_initializer` | initial g; its unit is that of g | any | 0 mS |

    Rall W (1967) J. Neurophysiol. 30:1138.
    """

    tau = param(8.0 * u.ms, positive=True)
    h = variable(0.0, u.mS)
    g = variable(0.0 * u.mS, u.mS)

    dynamics = "cascade"

    def derive(self, p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        decay = exp(-dt / p.tau)
        return decay, decay, dt / p.tau * decay
