"""The update of a LIF population with refractoriness, and nothing else.

No target: with constant parameters the pure-JAX loop has no exponential left to compute, and runs at the
speed of its memory traffic (0.25 ns a neuron and step). `coba_update` is the scene with work in it.
"""

from benches.scenes._spec import Scene, Size
from benches.scenes._update import network

RATE = (35.0, 65.0)

SCENE = Scene(
    name="lif_update",
    sizes=(
        Size(4_000, 4_000, RATE, short_steps=400),
        Size(40_000, 2_000, RATE, short_steps=200),
        Size(400_000, 1_000, RATE, short_steps=100),
    ),
    peers=("pure_jax",),
    network=lambda api, n, count: network(api, n, count, conductances=False),
    counts_while_timed=False,
)
