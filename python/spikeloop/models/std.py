"""Short-term depression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ._math import exp, log_rest, relax
from ._short_term import ShortTermPlasticity


class STD(ShortTermPlasticity):
    r"""Depression x of transmitter release.

    $$\tau \dot x = 1 - x, \qquad \text{at a spike: release } x, \quad x \leftarrow x - U x$$

    Integrated exactly between spikes. Several spikes in a step act one after the other, and their releases add up.

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

    operands = ("U", "decay")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.U, exp(-dt / p.tau)

    @staticmethod
    def release(p: SimpleNamespace, s: SimpleNamespace, spikes: Any) -> tuple[tuple[Any, ...], Any]:
        ready = relax(s.x, 1.0, p.decay)
        part = jnp.maximum(p.U, 1e-12)  # instead of 0/0
        several = -jnp.expm1(spikes * log_rest(part)) / part  # the sum of the (1 - U)^k that n spikes find
        release = jnp.where(spikes > 1, several, spikes) * ready
        return (ready - p.U * release,), release
