"""Short-term facilitation and depression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from ._math import exp, log_rest, relax
from ._short_term import ShortTermPlasticity


class STP(ShortTermPlasticity):
    r"""Facilitation u and depression x of transmitter release.

    $$\tau_f \dot u = -u, \qquad \tau_d \dot x = 1 - x, \qquad \text{at a spike: } u \leftarrow u + U (1 - u),
    \quad \text{release } u x, \quad x \leftarrow x - u x$$

    Integrated exactly between spikes. The first spike of a synapse at rest releases U. Several spikes in a step act one
    after the other, and their releases add up.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `U` | what a spike adds to u | | 0.15 |
    | `tau_f` | time constant of facilitation | ms | 1500 |
    | `tau_d` | time constant of recovery from depression | ms | 200 |
    | `x_initializer` | initial x, the part of transmitter that is ready | | 1 |
    | `u_initializer` | initial u, the part of it that a spike uses | | 0 |

    >>> plasticity = sl.nn.init_all_states(sl.STP(1, U=0.5, tau_f=100 * u.ms, tau_d=200 * u.ms))
    >>> [round(float(plasticity(jnp.ones(1))[0]), 2) for _ in range(3)]
    [0.5, 0.38, 0.11]

    Tsodyks M, Pawelzik K, Markram H (1998) Neural Comput. 10:821.
    """

    U = param(0.15)
    tau_f = param(1500.0 * u.ms, positive=True)
    tau_d = param(200.0 * u.ms, positive=True)
    x = variable(1.0)
    u = variable(0.0)

    operands = ("U", "decay_f", "decay_d")

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        return p.U, exp(-dt / p.tau_f), exp(-dt / p.tau_d)

    @staticmethod
    def release(p: SimpleNamespace, s: SimpleNamespace, spikes: Any) -> tuple[tuple[Any, ...], Any]:
        decayed, ready = s.u * p.decay_f, relax(s.x, 1.0, p.decay_d)
        used = decayed + spikes * p.U * (1 - decayed)
        release = spikes * used * ready
        # Of n spikes each one makes 1 - u smaller by the factor 1 - U, and x by the factor 1 - u that it finds then.
        unused, factor = log_rest(decayed), log_rest(p.U)
        kept = spikes * (unused + factor * (spikes + 1) / 2)
        used = jnp.where(spikes > 1, -jnp.expm1(unused + spikes * factor), used)
        release = jnp.where(spikes > 1, -jnp.expm1(kept) * ready, release)
        return (ready - release, used), release
