"""CUBA: current-based balanced network (Vogels & Abbott 2005; Brette et al. 2007, benchmark 2)."""

from benches.scenes._balanced import Balanced, network
from benches.scenes._spec import Scene, Size

PARAMS = Balanced(E_L=-49.0, w_e=1.62, w_i=-9.0, drive=0.0, E_e=None, E_i=None, v_init=("uniform", -60.0, -50.0))

SCENE = Scene(
    name="cuba",
    sizes=(
        Size(4_000, 10_000, (4.0, 7.5)),
        Size(40_000, 5_000, (4.0, 7.5)),
        Size(400_000, 2_000, (4.0, 8.0)),
    ),
    peers=("brainpy_state", "brian2_cpp", "genn_cpu"),
    network=lambda api, n, count: network(api, PARAMS, n),
)
