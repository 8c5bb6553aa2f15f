"""COBAHH: balanced network of Hodgkin-Huxley neurons (Brette et al. 2007, benchmark 3).

The constants of the neurons are the defaults of `TraubMilesHH`: those of the paper for an area of 20,000 µm². They fire
at 30 to 40 Hz.
"""

from benches.scenes._balanced import Balanced, network
from benches.scenes._spec import Scene, Size, Target

PARAMS = Balanced(
    E_L=-60.0, w_e=6.0, w_i=67.0, drive=0.0, E_e=0.0, E_i=-80.0, v_init=("normal", -65.0, 5.0), V_th=-20.0,
    hodgkin_huxley=True,
)  # fmt: skip

SCENE = Scene(
    name="cobahh",
    sizes=(Size(4_000, 5_000, (26.0, 44.0)), Size(40_000, 2_000, (26.0, 44.0))),
    peers=("brainpy_state", "brian2_cpp"),
    network=lambda api, n, count: network(api, PARAMS, n),
    targets=(Target(40_000, "brainpy_state", min_ratio=5.0),),
)
