"""Short-term depression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u

from ._form import param, variable
from ._math import exp, relax
from ._short_term import ShortTermPlasticity


class STD(ShortTermPlasticity):
    r"""Depression x of transmitter release.

    $$\tau \dot x = 1 - x, \qquad \text{at a spike: release } x, \quad x \leftarrow x - U x$$

    Integrated exactly between spikes.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `tau` | time constant of recovery | ms | 200 |
    | `U` | part of x that a spike uses | | 0.07 |
    | `x_initializer` | initial x, the part of transmitter that is ready | | 1 |

    Abbott LF, Varela JA, Sen K, Nelson SB (1997) Science 275:220.
    """

    tau = param(200.0 * u.ms, positive=True)
    U = param(0.07)
    x = variable(1.0)

    kernel = "std"
    operands = ("U", "decay")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.U, exp(-dt / p.tau)

    @staticmethod
    def release(p: SimpleNamespace, s: SimpleNamespace, spikes: Any) -> tuple[tuple[Any, ...], Any]:
        ready = relax(s.x, 1.0, p.decay)
        release = spikes * ready
        return (ready - p.U * release,), release
