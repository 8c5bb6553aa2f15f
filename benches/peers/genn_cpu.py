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

from benches.peers import _genn_brunel
from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes._balanced import Balanced
from benches.scenes.brunel import Brunel

genn = import_module("pygenn")

VERSIONS_OF = ("pygenn", "numpy")

# Currents and conductances are in units of the leak: Isyn is in mV, gE and gI have no unit.
CURRENT = "V += (1.0 - decay) * (rest - V + Isyn);"
# Exponential Euler with the derivative of the whole right-hand side, as the other simulators integrate it.
EXPONENTIAL_EULER = """
            const scalar J = 1.0 + gE + gI;
            V += (1.0 - exp(-dtTau * J)) / J * (rest - V + gE * (Ee - V) + gI * (Ei - V));"""
# The arithmetic of GeNN's own LIF with ExpCond: conductances enter as currents at the old V, no exponential.
AS_CURRENTS = "V += (1.0 - decay) * (rest - V + gE * (Ee - V) + gI * (Ei - V));"
SIM_CODE = """
        if (RefracTime <= 0.0) {{
            {integrate}
        }}
        else {{
            RefracTime -= dt;
        }}"""


def neuron(p: Balanced, conductance: str) -> tuple[Any, dict[str, float]]:
    """A LIF that counts its spikes, and its parameters."""
    values = {"rest": p.E_L + p.drive, "Vreset": p.V_reset, "Vthresh": p.V_th, "TauRefrac": p.t_ref}
    if p.E_e is None or p.E_i is None:
        integrate, inputs = CURRENT, []
    else:
        integrate, inputs = conductance, [("gE", "scalar", 0.0), ("gI", "scalar", 0.0)]
        values |= {"Ee": p.E_e, "Ei": p.E_i}
    values |= {"dtTau": DT_MS / p.tau, "decay": exp(-DT_MS / p.tau)}
    model = genn.create_neuron_model(
        "CountingLIF", params=list(values),
        vars=[("V", "scalar"), ("RefracTime", "scalar"), ("nSpk", "scalar")],
        additional_input_vars=inputs, sim_code=SIM_CODE.format(integrate=integrate),
        threshold_condition_code="RefracTime <= 0.0 && V >= Vthresh",
        reset_code="V = Vreset; RefracTime = TauRefrac; nSpk += 1.0;",
        auto_refractory_required=False,
    )  # fmt: skip
    return model, values


# A spike adds the weight, which decays exponentially (ExpCurr would scale it to unit area).
# Module-level: GeNN keeps a pointer to the model, not a reference.
STEP = genn.create_postsynaptic_model("ExpStep", params=["decay"], sim_code="injectCurrent(inSyn); inSyn *= decay;")


def receptor(tau: float) -> Any:
    return genn.init_postsynaptic(STEP, {"decay": exp(-DT_MS / tau)})


def connect(model: Any, p: Balanced, populations: dict[str, Any], n: int) -> None:
    """GeNN has no view of a part of a population: four projections, the out-degree shared by size."""
    rule = "FixedNumberPostWithReplacement"
    for pre, weight, tau in (("E", p.w_e, p.tau_e), ("I", p.w_i, p.tau_i)):
        for post, size in (("E", p.n_exc(n)), ("I", n - p.n_exc(n))):
            synapses = model.add_synapse_population(
                pre + post, "SPARSE", populations[pre], populations[post],
                genn.init_weight_update("StaticPulseConstantWeight", {"g": weight}), receptor(tau),
                genn.init_sparse_connectivity(rule, {"num": p.out_degree * size // n}),
            )  # fmt: skip
            if p.E_e is not None:
                synapses.post_target_var = f"g{pre}"


def populate(model: Any, p: Balanced, n: int, conductance: str) -> dict[str, Any]:
    """Add the populations "E" and "I" and their synapses; returns the populations."""
    kind, a, b = p.v_init
    start = {"mean": a, "sd": b} if kind == "normal" else {"min": a, "max": b}
    state = {"V": genn.init_var(kind.capitalize(), start), "RefracTime": 0.0, "nSpk": 0.0}
    lif, values = neuron(p, conductance)
    sizes = {"E": p.n_exc(n), "I": n - p.n_exc(n)}
    populations = {k: model.add_neuron_population(k, size, lif, values, state) for k, size in sizes.items()}
    connect(model, p, populations, n)
    return populations


class GeNNSession:
    """Each run loads the model anew, outside of the time: this draws its synapses and first states."""

    def __init__(self, p: Balanced | Brunel, n: int, steps: int, conductance: str = EXPONENTIAL_EULER):
        self.n, self.steps = n, steps
        folder = tempfile.mkdtemp(prefix="genn-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        # Read by the generated Makefile, which overrides CXXFLAGS.
        os.environ["CXX"] = "g++ -march=native"
        self.model = genn.GeNNModel("float", "network", backend="single_threaded_cpu", optimize_code=True)
        self.model.dt, self.model.seed = DT_MS, 1  # 0 asks for another seed in each run
        if isinstance(p, Brunel):
            populations = _genn_brunel.populate(self.model, p, n)
        else:
            populations = populate(self.model, p, n, conductance)
        self.populations = populations.values()
        self.model.build(folder)
        self.loaded = False

    def _start_anew(self) -> None:
        if self.loaded:
            self.model.unload()
        self.model.load()
        self.loaded = True

    def _spikes(self) -> float:
        counts = [population.vars["nSpk"] for population in self.populations]
        for count in counts:
            count.pull_from_device()
        return float(sum(count.view.sum() for count in counts))

    def check(self) -> Run:
        return self.run(self.steps)

    def run(self, steps: int) -> Run:
        self._start_anew()
        cpu, wall = time.process_time(), time.perf_counter()
        step_time = self.model.step_time
        for _ in range(steps):
            step_time()
        seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rate = self._spikes() / self.n / (steps * DT_MS * 1e-3)
        return Run(steps, seconds, cpu, rate)


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> GeNNSession:
    return GeNNSession(import_module(f"benches.scenes.{scene.name}").PARAMS, n, max(steps))
