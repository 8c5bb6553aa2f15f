"""Clopath: plasticity that depends on the potential of the target."""

from __future__ import annotations

from types import SimpleNamespace

import brainunit as u
import jax.numpy as jnp

from .._form import param
from ._plasticity import Change, Plasticity, trace


class Clopath(Plasticity):
    r"""Voltage-dependent plasticity.

    A presynaptic spike at a depolarised target weakens the synapse; strong depolarisation after presynaptic spikes
    strengthens it.

    $$\text{pre: } w \mathrel{-}= A_{LTD} W [\bar u_- - \theta_-]_+, \qquad
    \dot w = A_{LTP} W \bar x\, [u - \theta_+]_+ [\bar u_+ - \theta_-]_+, \qquad W = w_{max} - w_{min}$$

    with the potential u of the target, its low-pass filtered values ū, and the filtered spikes of the source,
    τ_x dx̄/dt = −x̄ + Σ δ(t − t_k).

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `A_LTD` | rate of depression, as a part of w_max − w_min; not negative | 1/mV | 14e-5 |
    | `A_LTP` | rate of potentiation, as above | 1/mV² | 8e-5 |
    | `theta_minus`, `theta_plus` | thresholds of ū and u | mV | −70.6, −45.3 |
    | `tau_minus`, `tau_plus` | time constants of ū₋ and ū₊ | ms | 10, 7 |
    | `tau_x` | time constant of x̄ | ms | 15 |
    | `w_max`, `w_min` | as in `Plasticity` | | |

    The delay lies in the axon. Filtered potentials start at V.

    Clopath C, Büsing L, Vasilaki E, Gerstner W (2010) Nat. Neurosci. 13:344.
    """

    A_LTD = param(14e-5 / u.mV)
    A_LTP = param(8e-5 / u.mV**2)
    theta_minus = param(-70.6 * u.mV)
    theta_plus = param(-45.3 * u.mV)
    tau_minus = param(10.0 * u.ms, positive=True)
    tau_plus = param(7.0 * u.ms, positive=True)
    tau_x = param(15.0 * u.ms, positive=True)
    x = trace("pre", "tau_x")
    u_minus = trace("post", "tau_minus", follows="V")
    u_plus = trace("post", "tau_plus", follows="V")

    rates = ("A_LTD", "A_LTP")
    lazy_trace = "x"

    @staticmethod
    def change(p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:
        depolarised = jnp.maximum(post.V - p.theta_plus, 0) * jnp.maximum(post.u_plus - p.theta_minus, 0)
        return Change(
            pre.spikes,
            -p.A_LTD * p.range * jnp.maximum(post.u_minus - p.theta_minus, 0),
            p.dt * p.A_LTP * depolarised,
            p.range * pre.x / p.tau_x,
        )
