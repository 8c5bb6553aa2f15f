"""NEST: the Brunel network, in double precision and with its default of one thread."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes.brunel import Brunel

nest = import_module("nest")

VERSIONS_OF = ("nest-simulator", "numpy")


def network(p: Brunel, n: int) -> Any:
    """The network and its spike recorder."""
    params = {"E_L": 0.0, "V_th": p.V_th, "V_reset": p.V_reset, "tau_m": p.tau, "t_ref": p.t_ref, "C_m": 1.0}
    neurons = nest.Create("iaf_psc_delta", n, params=params)
    neurons.V_m = nest.random.uniform(0.0, p.V_th)
    groups = (
        (neurons[: p.n_exc(n)], p.excitatory_inputs, p.J),
        (neurons[p.n_exc(n) :], p.inhibitory_inputs, -p.g * p.J),
    )
    for sources, inputs, weight in groups:
        rule = {"rule": "fixed_indegree", "indegree": inputs}
        nest.Connect(sources, neurons, rule, {"weight": weight, "delay": p.delay})
    external = nest.Create("poisson_generator", params={"rate": p.external_rate})
    nest.Connect(external, neurons, syn_spec={"weight": p.J, "delay": DT_MS})
    return nest.Create("spike_recorder"), neurons


class NestSession:
    """Every run goes on from the state that the last one left."""

    def __init__(self, p: Brunel, n: int, steps: int, threads: int):
        self.n, self.steps = n, steps
        nest.ResetKernel()
        nest.set(resolution=DT_MS, local_num_threads=threads, print_time=False)
        self.recorder, neurons = network(p, n)
        nest.Connect(neurons, self.recorder)
        nest.Prepare()

    def check(self) -> Run:
        return self.run(self.steps)

    def run(self, steps: int) -> Run:
        before = self.recorder.n_events
        cpu, wall = time.process_time(), time.perf_counter()
        nest.Run(steps * DT_MS)
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = (self.recorder.n_events - before) / self.n / (steps * DT_MS * 1e-3)
        return Run(steps, seconds, cpu, rate)


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> NestSession:
    return NestSession(import_module(f"benches.scenes.{scene.name}").PARAMS, n, max(steps), threads)
