"""This library."""

from importlib import import_module

from benches.peers._loop import LoopSession
from benches.scenes import Scene

api = import_module("spikeloop")

VERSIONS_OF = ("spikeloop", "jax", "jaxlib", "brainunit", "numpy")


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> LoopSession:
    return LoopSession(api, scene, n, steps)
