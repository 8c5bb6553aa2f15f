"""GeNN with the scheme of its own LIF and ExpCond instead of exponential Euler: cheaper, and another result."""

from importlib import import_module

from benches.peers.genn_cpu import AS_CURRENTS, VERSIONS_OF, GeNNSession
from benches.scenes import Scene

__all__ = ["VERSIONS_OF", "prepare"]


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> GeNNSession:
    return GeNNSession(import_module(f"benches.scenes.{scene.name}").PARAMS, n, max(steps), AS_CURRENTS)
