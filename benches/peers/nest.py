"""NEST: the Brunel networks, in double precision; the delay of a plastic synapse lies in the dendrite."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes.brunel import Brunel
from benches.scenes.brunel_stdp import BrunelSTDP

nest = import_module("nest")

VERSIONS_OF = ("nest-simulator", "numpy")


def network(p: Brunel, n: int) -> Any:
    """The network and its spike recorder."""
    params = {"E_L": 0.0, "V_th": p.V_th, "V_reset": p.V_reset, "tau_m": p.tau, "t_ref": p.t_ref, "C_m": 1.0}
    neurons = nest.Create("iaf_psc_delta", n, params=params)
    neurons.V_m = nest.random.uniform(0.0, p.V_th)
    excitatory, inhibitory = neurons[: p.n_exc(n)], neurons[p.n_exc(n) :]
    connect(p, inhibitory, neurons, p.inhibitory_inputs, -p.g * p.J)
    if isinstance(p, BrunelSTDP):
        neurons.tau_minus = p.tau_stdp
        rule = {"lambda": p.rate, "alpha": p.asymmetry, "mu_plus": 0.0, "mu_minus": 0.0}
        nest.SetDefaults("stdp_synapse_hom", {**rule, "tau_plus": p.tau_stdp, "Wmax": p.w_max})
        connect(p, excitatory, excitatory, p.excitatory_inputs, p.J, "stdp_synapse_hom")
        connect(p, excitatory, inhibitory, p.excitatory_inputs, p.J)
    else:
        connect(p, excitatory, neurons, p.excitatory_inputs, p.J)
    external = nest.Create("poisson_generator", params={"rate": p.external_rate})
    nest.Connect(external, neurons, syn_spec={"weight": p.J, "delay": DT_MS})
    return nest.Create("spike_recorder"), neurons


def connect(p: Brunel, sources: Any, targets: Any, inputs: int, weight: float, model: str = "static_synapse") -> None:
    rule = {"rule": "fixed_indegree", "indegree": inputs}
    nest.Connect(sources, targets, rule, {"synapse_model": model, "weight": weight, "delay": p.delay})


class NestSession:
    """NEST cannot reset weights and potentials, so each run builds the network anew, outside of the time."""

    def __init__(self, p: Brunel, n: int, steps: int, threads: int):
        self.p, self.n, self.steps, self.threads = p, n, steps, threads

    def check(self) -> Run:
        return self.run(self.steps)

    def run(self, steps: int) -> Run:
        recorder = self._build()
        nest.Prepare()
        cpu, wall = time.process_time(), time.perf_counter()
        nest.Run(steps * DT_MS)
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Run(steps, seconds, cpu, recorder.n_events / self.n / (steps * DT_MS * 1e-3))

    def _build(self) -> Any:
        """The network, ready to start; returns its spike recorder."""
        nest.ResetKernel()
        nest.set(resolution=DT_MS, local_num_threads=self.threads, print_time=False)
        recorder, neurons = network(self.p, self.n)
        nest.Connect(neurons, recorder)
        return recorder


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> NestSession:
    return NestSession(import_module(f"benches.scenes.{scene.name}").PARAMS, n, max(steps), threads)
