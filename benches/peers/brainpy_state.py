"""brainpy.state on brainstate, braintools and brainevent (numba kernels on the CPU)."""

from importlib import import_module
from types import SimpleNamespace

from benches.peers._loop import LoopSession
from benches.peers._traub_miles import TraubMilesHH
from benches.scenes import Scene

VERSIONS_OF = ("brainpy_state", "brainstate", "braintools", "brainevent", "numba", "jax", "numpy")

import_module("numba")  # without it brainevent falls back to kernels of another speed
_models = import_module("brainpy").state
_base = import_module("brainstate")

api = SimpleNamespace(
    **{name: getattr(_models, name) for name in ("LIFRef", "Expon", "COBA", "CUBA", "AlignPostProj")},
    TraubMilesHH=TraubMilesHH,
    ShortTermState=_base.ShortTermState,
    nn=_base.nn,
    environ=_base.environ,
    random=_base.random,
    transform=_base.transform,
    init=import_module("braintools").init,
)


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> LoopSession:
    return LoopSession(api, scene, n, steps)
