"""COBA: conductance-based balanced network (Vogels & Abbott 2005; Brette et al. 2007, benchmark 1).

w_e = 6 nS and w_i = 67 nS over g_L = 10 nS. The mean rate of one second is 19-22 Hz; seeds differ by up to
15 % at 4,000 neurons.
"""

from benches.scenes._balanced import Balanced, network
from benches.scenes._spec import Scene, Size, Target

PARAMS = Balanced(E_L=-60.0, w_e=0.6, w_i=6.7, drive=20.0, E_e=0.0, E_i=-80.0, v_init=("normal", -55.0, 2.0))

SCENE = Scene(
    name="coba",
    sizes=(
        Size(4_000, 10_000, (17.0, 26.0)),
        Size(40_000, 5_000, (18.0, 26.0)),
        Size(400_000, 2_000, (18.0, 28.0)),
    ),
    peers=("brainpy_state", "brian2_cpp", "genn_cpu", "genn_lif"),
    network=lambda api, n, count: network(api, PARAMS, n),
    targets=(
        Target(4_000, max_us=4.0),
        Target(4_000, "best", min_ratio=7.0),
        Target(40_000, "brainpy_state", min_ratio=5.0),
        Target(400_000, "brainpy_state", min_ratio=2.5),
    ),
)
