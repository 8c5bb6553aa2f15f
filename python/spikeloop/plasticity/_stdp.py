"""STDP: spike-timing dependent plasticity of pairs of spikes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param
from ._plasticity import Change, Plasticity, trace


class STDP(Plasticity):
    r"""Pairs of a presynaptic and a postsynaptic spike change the weight by their order and distance in time.

    $$\text{post: } w \mathrel{+}= A_+ W x\,\Big(\frac{w_{max} - w}{W}\Big)^{\mu_+}, \qquad
    \text{pre: } w \mathrel{-}= A_- W y\,\Big(\frac{w - w_{min}}{W}\Big)^{\mu_-}, \qquad W = w_{max} - w_{min}$$

    with traces x of the sources, time constant `tau_plus`, and y of the targets, `tau_minus`.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `tau_plus`, `tau_minus` | time constants of the traces | ms | 20 |
    | `A_plus`, `A_minus` | largest change by a pair, as a part of w_max − w_min; not negative | | 0.01, 0.0105 |
    | `mu_plus`, `mu_minus` | dependence on the weight: 0 additive, 1 multiplicative, between them a power law | | 0 |
    | `pairs` | "all" spikes of the past count, or the "nearest" alone | | "all" |
    | `w_max`, `w_min`, `delay_in` | as in `Plasticity` | | |

    >>> rule = sl.plasticity.STDP(A_plus=0.01, A_minus=0.012, w_max=1.0 * u.mV)
    >>> neurons = sl.LIF(10)
    >>> learning = sl.project(neurons, neurons, sl.connect.FixedOutDegree(5, 0.5 * u.mV), plasticity=rule)
    >>> learning.comm.weight.value.shape  # a weight for each synapse
    (50,)

    Morrison A, Diesmann M, Gerstner W (2008) Biol. Cybern. 98:459.
    """

    tau_plus = param(20.0 * u.ms, positive=True)
    tau_minus = param(20.0 * u.ms, positive=True)
    A_plus = param(0.01)
    A_minus = param(0.0105)
    mu_plus = param(0.0)
    mu_minus = param(0.0)
    x = trace("pre", "tau_plus")
    y = trace("post", "tau_minus")

    rates = ("A_plus", "A_minus", "mu_plus", "mu_minus")
    lazy_trace = "x"
    options: ClassVar[dict[str, Any]] = {"pairs": "all"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"pairs": ("all", "nearest")}

    @staticmethod
    def change(p: SimpleNamespace, pre: SimpleNamespace, post: SimpleNamespace) -> Change:
        return Change(pre.spikes, -p.A_minus * p.range * post.y, post.spikes, p.A_plus * p.range * pre.x)

    def jump(self, value: Any, spikes: Any) -> Any:
        return value + spikes if self.pairs == "all" else jnp.where(spikes != 0, 1, value)
