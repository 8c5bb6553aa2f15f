"""GeNN, single-threaded CPU, optimised: its default passes no -O flag to the compiler."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from importlib import import_module
from math import exp
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes._balanced import Balanced

genn = import_module("pygenn")

VERSIONS_OF = ("pygenn", "numpy")

# Isyn is in mV: conductances and currents are in units of the leak.
COUNTING_LIF = {
    "params": ["decay", "rest", "Vreset", "Vthresh", "TauRefrac"],
    "vars": [("V", "scalar"), ("RefracTime", "scalar"), ("nSpk", "scalar")],
    "sim_code": """
        if (RefracTime <= 0.0) {
            const scalar alpha = Isyn + rest;
            V = alpha - (decay * (alpha - V));
        }
        else {
            RefracTime -= dt;
        }""",
    "threshold_condition_code": "RefracTime <= 0.0 && V >= Vthresh",
    "reset_code": "V = Vreset; RefracTime = TauRefrac; nSpk += 1.0;",
    "auto_refractory_required": False,
}


def receptor(p: Balanced, post: Any, excitatory: bool) -> Any:
    """An exponential receptor on which a spike adds the weight (ExpCurr would scale it to unit area)."""
    tau, E = (p.tau_e, p.E_e) if excitatory else (p.tau_i, p.E_i)
    if E is not None:
        potential = {"V": genn.create_var_ref(post, "V")}
        return genn.init_postsynaptic("ExpCond", {"tau": tau, "E": E}, var_refs=potential)
    step = genn.create_postsynaptic_model(
        "ExpStep", params=["decay"], sim_code="injectCurrent(inSyn); inSyn *= decay;"
    )
    return genn.init_postsynaptic(step, {"decay": exp(-DT_MS / tau)})


def connect(model: Any, p: Balanced, populations: dict[str, Any], n: int) -> None:
    """GeNN has no view of a part of a population: four projections, the out-degree shared by size."""
    rule = "FixedNumberPostWithReplacement"
    for pre, weight in (("E", p.w_e), ("I", p.w_i)):
        for post, size in (("E", p.n_exc(n)), ("I", n - p.n_exc(n))):
            model.add_synapse_population(
                pre + post, "SPARSE", populations[pre], populations[post],
                genn.init_weight_update("StaticPulseConstantWeight", {"g": weight}),
                receptor(p, populations[post], excitatory=pre == "E"),
                genn.init_sparse_connectivity(rule, {"num": p.out_degree * size // n}),
            )  # fmt: skip


def network(p: Balanced, n: int) -> tuple[Any, dict[str, Any]]:
    model = genn.GeNNModel("float", "balanced", backend="single_threaded_cpu", optimize_code=True)
    model.dt = DT_MS
    kind, a, b = p.v_init
    start = {"mean": a, "sd": b} if kind == "normal" else {"min": a, "max": b}
    state = {"V": genn.init_var(kind.capitalize(), start), "RefracTime": 0.0, "nSpk": 0.0}
    values = {
        "decay": exp(-DT_MS / p.tau), "rest": p.E_L + p.drive,
        "Vreset": p.V_reset, "Vthresh": p.V_th, "TauRefrac": p.t_ref,
    }  # fmt: skip
    lif = genn.create_neuron_model("CountingLIF", **COUNTING_LIF)
    sizes = {"E": p.n_exc(n), "I": n - p.n_exc(n)}
    populations = {k: model.add_neuron_population(k, size, lif, values, state) for k, size in sizes.items()}
    connect(model, p, populations, n)
    return model, populations


class GeNNSession:
    """Every run goes on from the state that the last one left."""

    def __init__(self, p: Balanced, n: int, steps: int):
        self.n, self.steps = n, steps
        folder = tempfile.mkdtemp(prefix="genn-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        # Read by the generated Makefile, which overrides CXXFLAGS.
        os.environ["CXX"] = "g++ -march=native"
        self.model, populations = network(p, n)
        self.counts = [population.vars["nSpk"] for population in populations.values()]
        self.model.build(folder)
        self.model.load()

    def spikes(self) -> float:
        for count in self.counts:
            count.pull_from_device()
        return float(sum(count.view.sum() for count in self.counts))

    def check(self) -> Run:
        return self.run(self.steps)

    def run(self, steps: int) -> Run:
        before = self.spikes()
        cpu, wall = time.process_time(), time.perf_counter()
        step_time = self.model.step_time
        for _ in range(steps):
            step_time()
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = (self.spikes() - before) / self.n / (steps * DT_MS * 1e-3)
        return Run(steps, seconds, cpu, rate)


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> GeNNSession:
    return GeNNSession(import_module(f"benches.scenes.{scene.name}").PARAMS, n, max(steps))
