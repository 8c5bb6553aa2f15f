"""The session of a library that has the State paradigm: one jitted function around a per-step `for_loop`."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene


class LoopSession:
    """`api` has the names of `spikeloop`: LIFRef, nn, init, environ, random, transform, ..."""

    def __init__(self, api: Any, scene: Scene, n: int, steps: tuple[int, ...]):
        u = import_module("brainunit")
        self.api, self.scene, self.n = api, scene, n
        api.environ.set(dt=DT_MS * u.ms)
        self.longest = max(steps)
        timed = self._network(scene.counts_while_timed)
        self.timed = {s: self._compile(timed, scene.counts_while_timed, s) for s in steps}
        if scene.counts_while_timed:
            self.counted = self.timed[self.longest]
        else:
            self.counted = self._compile(self._network(True), True, self.longest)
        for run in {*self.timed.values(), self.counted}:
            for _ in range(2):  # brainstate compiles again on the second call
                run()

    def _network(self, count: bool) -> Any:
        self.api.random.seed(0)
        net = self.scene.network(self.api, self.n, count)
        self.api.nn.init_all_states(net)
        return net

    def _compile(self, net: Any, count: bool, steps: int) -> Callable[[], Any]:
        u = import_module("brainunit")
        api, with_v = self.api, not self.scene.counts_while_timed

        @api.transform.jit
        def simulate():
            api.nn.reset_all_states(net)
            times = u.math.arange(steps) * (DT_MS * u.ms)
            api.transform.for_loop(net.update, times)
            v_mean = u.get_magnitude(net.N.V.value.mean()) if with_v else 0.0
            return (net.n_spk.value.sum() if count else 0.0), v_mean

        return lambda: import_module("jax").block_until_ready(simulate())

    def check(self) -> Run:
        return self._measure(self.counted, self.longest, True)

    def run(self, steps: int) -> Run:
        return self._measure(self.timed[steps], steps, self.scene.counts_while_timed)

    def _measure(self, simulate: Callable[[], Any], steps: int, counted: bool) -> Run:
        cpu, wall = time.process_time(), time.perf_counter()
        spikes, v_mean = simulate()
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = float(spikes) / self.n / (steps * DT_MS * 1e-3) if counted else None
        return Run(steps, seconds, cpu, rate, None if self.scene.counts_while_timed else float(v_mean))
