"""The session of a library that has the State paradigm: one jitted function around a per-step `for_loop`."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene

SEED = 0


class LoopSession:
    """`api` has the names of `spikeloop`: LIFRef, nn, init, environ, random, transform, ..."""

    def __init__(self, api: Any, scene: Scene, n: int, steps: tuple[int, ...]):
        u = import_module("brainunit")
        self.api, self.scene, self.n = api, scene, n
        api.environ.set(dt=DT_MS * u.ms)
        self.longest = max(steps)
        timed = self._network(scene.counts_while_timed)
        self.timed = {s: self._loop(timed, scene.counts_while_timed, s) for s in steps}
        if scene.counts_while_timed:
            self.counted = self.timed[self.longest]
        else:
            self.counted = self._loop(self._network(True), True, self.longest)
        for loop in {*self.timed.values(), self.counted}:
            for _ in range(2):  # brainstate compiles again on the second call
                loop.start_anew()
                loop.run()

    def _network(self, count: bool) -> Network:
        self.api.random.seed(SEED)
        net = self.scene.network(self.api, self.n, count)
        self.api.nn.init_all_states(net)
        return Network(net)

    def _loop(self, network: Network, count: bool, steps: int) -> Loop:
        u = import_module("brainunit")
        api, net, with_v = self.api, network.net, not self.scene.counts_while_timed

        @api.transform.jit
        def simulate():
            times = u.math.arange(steps) * (DT_MS * u.ms)
            api.transform.for_loop(net.update, times)
            v_mean = u.get_magnitude(net.N.V.value.mean()) if with_v else 0.0
            return (net.n_spk.value.sum() if count else 0.0), v_mean

        return Loop(api, network, simulate)

    def check(self) -> Run:
        return self._measure(self.counted, self.longest, True)

    def run(self, steps: int) -> Run:
        return self._measure(self.timed[steps], steps, self.scene.counts_while_timed)

    def _measure(self, loop: Loop, steps: int, counted: bool) -> Run:
        loop.start_anew()
        cpu, wall = time.process_time(), time.perf_counter()
        spikes, v_mean = loop.run()
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = float(spikes) / self.n / (steps * DT_MS * 1e-3) if counted else None
        return Run(steps, seconds, cpu, rate, None if self.scene.counts_while_timed else float(v_mean))


class Network:
    """A network and the first values of all its States: also of those that a reset leaves alone, such as weights."""

    def __init__(self, net: Any):
        self.net = net
        self.first = {path: _copy(state.value) for path, state in net.states().items()}

    def restore(self) -> None:
        for path, state in self.net.states().items():
            state.value = _copy(self.first[path])
        import_module("jax").block_until_ready([state.value for state in self.net.states().values()])


class Loop:
    """A compiled loop over the steps of a network."""

    def __init__(self, api: Any, network: Network, simulate: Callable[[], Any]):
        self.api, self.network, self.simulate = api, network, simulate

    def start_anew(self) -> None:
        """Put first weights, first states and the first random key back. This takes no part in the time."""
        self.network.restore()
        self.api.random.seed(SEED)

    def run(self) -> Any:
        return import_module("jax").block_until_ready(self.simulate())


def _copy(value: Any) -> Any:
    """A value of its own: a compiled loop may take the memory of the States that it is given."""
    jax = import_module("jax")
    return jax.tree.map(import_module("jax.numpy").copy, value)
