"""Brunel with STDP: the network of `brunel`, whose synapses between excitatory neurons learn by the additive pair rule.

Rates fall by a few Hz in the first second, since depression outweighs potentiation: each run must begin with the first
weights, or it is another network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benches.scenes import brunel
from benches.scenes._spec import Scene, Size, Target


@dataclass(frozen=True)
class BrunelSTDP(brunel.Brunel):
    """A pair changes a weight by at most `rate` of w_max, `asymmetry` times that where it depresses."""

    rate: float = 1e-3
    asymmetry: float = 1.05
    tau_stdp: float = 20.0
    w_max: float = 0.2


PARAMS = BrunelSTDP()


def network(api: Any, n: int, count: bool) -> Any:
    del count
    return brunel.counting(api.networks.BrunelSTDP)(n)


SCENE = Scene(
    name="brunel_stdp",
    sizes=(Size(10_000, 2_000, (39.5, 43.5)),),
    peers=("brian2_cpp", "nest", "genn_cpu"),
    network=network,
    targets=(Target(10_000, "best", min_ratio=3.0),),
)
