"""This library without its native kernels: the reference step of each model, compiled by JAX."""

import os
from importlib import import_module

from benches.peers._loop import LoopSession
from benches.scenes import Scene

os.environ["SPIKELOOP_NATIVE"] = "0"
api = import_module("spikeloop")

VERSIONS_OF = ("spikeloop", "jax", "jaxlib", "numpy")


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> LoopSession:
    return LoopSession(api, scene, n, steps)
