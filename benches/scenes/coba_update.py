"""The update of a LIF population with two exponential conductances: decay, currents, integration, spikes."""

from benches.scenes._spec import Scene, Size, Target
from benches.scenes._update import network

# Conductances die out within 100 ms; the rate is that of the constant drive. Runs stay short enough that
# they do not decay to denormal numbers, which not every simulator flushes to zero.
RATE = (35.0, 65.0)

SCENE = Scene(
    name="coba_update",
    sizes=(
        Size(4_000, 4_000, RATE, short_steps=400),
        Size(40_000, 2_000, RATE, short_steps=200),
        Size(400_000, 1_000, RATE, short_steps=100),
    ),
    peers=("pure_jax",),
    network=lambda api, n, count: network(api, n, count, conductances=True),
    targets=(Target(4_000, "pure_jax", min_ratio=8.0), Target(400_000, "pure_jax", min_ratio=4.0)),
    counts_while_timed=False,
)
