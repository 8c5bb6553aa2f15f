"""Brian2, C++ standalone: -O3 -ffast-math -march=native, float32 preferred, OpenMP above one thread."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from importlib import import_module
from math import nan
from pathlib import Path
from typing import Any

from benches.peers._session import Run
from benches.scenes import DT_MS, Scene
from benches.scenes._balanced import Balanced
from benches.scenes.brunel import Brunel
from benches.scenes.brunel_stdp import BrunelSTDP

b2 = import_module("brian2")

VERSIONS_OF = ("brian2", "numpy", "Cython")

CONDUCTANCE = """
dv/dt = (E_L - v + drive + ge*(E_e - v) + gi*(E_i - v)) / tau : volt (unless refractory)
dge/dt = -ge / tau_e : 1
dgi/dt = -gi / tau_i : 1
"""
HODGKIN_HUXLEY = """
dv/dt = (20*uS*m**3*h*(50*mV - v) + 6*uS*n**4*(-90*mV - v) + 10*nS*(-60*mV - v)
         + ge*nS*(E_e - v) + gi*nS*(E_i - v)) / (200*pF) : volt
dm/dt = (1.28/exprel((13 - u)/4)*(1 - m) - 1.4/exprel((u - 40)/5)*m) / ms : 1
dh/dt = (0.128*exp((17 - u)/18)*(1 - h) - 4/(1 + exp((40 - u)/5))*h) / ms : 1
dn/dt = (0.16/exprel((15 - u)/5)*(1 - n) - 0.5*exp((10 - u)/40)*n) / ms : 1
dge/dt = -ge / tau_e : 1
dgi/dt = -gi / tau_i : 1
u = (v + 63*mV) / mV : 1
"""
# Each synapse has its traces, as in Brian2's own examples.
TRACES = """
w : volt
dx/dt = -x / tau_stdp : 1 (event-driven)
dy/dt = -y / tau_stdp : 1 (event-driven)
"""
DEPRESSES = "w = clip(w - A_minus * y, 0 * mV, w_max)\nx += 1\n"
POTENTIATES = "w = clip(w + A_plus * x, 0 * mV, w_max)\ny += 1"
CURRENT = """
dv/dt = (E_L - v + drive + ge + gi) / tau : volt (unless refractory)
dge/dt = -ge / tau_e : volt
dgi/dt = -gi / tau_i : volt
"""


def numbers(p: Balanced) -> dict[str, Any]:
    mV, ms = b2.mV, b2.ms
    weight = mV if p.E_e is None else 1.0
    values = {
        "E_L": p.E_L * mV, "V_th": p.V_th * mV, "V_reset": p.V_reset * mV, "drive": p.drive * mV,
        "tau": p.tau * ms, "tau_e": p.tau_e * ms, "tau_i": p.tau_i * ms,
        "w_e": p.w_e * weight, "w_i": p.w_i * weight,
    }  # fmt: skip
    if p.E_e is not None and p.E_i is not None:
        values |= {"E_e": p.E_e * mV, "E_i": p.E_i * mV}
    return values


def network(p: Balanced, n: int) -> tuple[Any, Any]:
    """The network and its spike counter; out-degrees are binomial around `out_degree`."""
    space = numbers(p)
    spikes: dict[str, Any] = {"threshold": "v > V_th", "reset": "v = V_reset", "refractory": p.t_ref * b2.ms}
    equations = CURRENT if p.E_e is None else CONDUCTANCE
    if p.hodgkin_huxley:
        equations, spikes = HODGKIN_HUXLEY, {"threshold": "v > V_th", "refractory": "v > V_th"}
    method = "exact" if p.E_e is None else "exponential_euler"
    neurons = b2.NeuronGroup(n, equations, **spikes, method=method, namespace=space)
    kind, a, b = p.v_init
    neurons.v = f"({a} + {b} * randn()) * mV" if kind == "normal" else f"({a} + ({b} - {a}) * rand()) * mV"
    parts = [neurons]
    excitatory, inhibitory = neurons[: p.n_exc(n)], neurons[p.n_exc(n) :]
    for target, weight, sources in (("ge", "w_e", excitatory), ("gi", "w_i", inhibitory)):
        synapses = b2.Synapses(sources, neurons, on_pre=f"{target}_post += {weight}", namespace=space)
        synapses.connect(p=p.out_degree / n)
        parts.append(synapses)
    counter = b2.SpikeMonitor(neurons, record=False)
    return b2.Network(*parts, counter), counter


def brunel(p: Brunel, n: int) -> tuple[Any, Any]:
    """Jumps reach V only outside the refractory period, as everywhere else."""
    space = {"tau": p.tau * b2.ms, "V_th": p.V_th * b2.mV, "V_reset": p.V_reset * b2.mV, "J": p.J * b2.mV, "g": p.g}
    neurons = b2.NeuronGroup(
        n, "dv/dt = -v / tau : volt (unless refractory)", threshold="v > V_th", reset="v = V_reset",
        refractory=p.t_ref * b2.ms, method="exact", namespace=space,
    )  # fmt: skip
    neurons.v = f"{p.V_th} * rand() * mV"
    rate = p.external_rate / p.excitatory_inputs * b2.Hz
    external = b2.PoissonInput(neurons, "v", p.excitatory_inputs, rate, "J * int(not_refractory)")
    excitatory, inhibitory = neurons[: p.n_exc(n)], neurons[p.n_exc(n) :]
    parts = [jumps(p, inhibitory, neurons, p.inhibitory_inputs, "-g * J", space)]
    if isinstance(p, BrunelSTDP):
        parts.append(learning(p, excitatory, space))
        parts.append(jumps(p, excitatory, inhibitory, p.excitatory_inputs, "J", space))
    else:
        parts.append(jumps(p, excitatory, neurons, p.excitatory_inputs, "J", space))
    counter = b2.SpikeMonitor(neurons, record=False)
    return b2.Network(neurons, external, *parts, counter), counter


def jumps(p: Brunel, sources: Any, targets: Any, inputs: int, weight: str, space: Any, on_pre: str = "", **more: Any):
    """Synapses whose spikes let v jump by `weight` after the delay, as many for each target."""
    on_pre += f"v_post += {weight} * int(not_refractory_post)"
    delay = {"pre": p.delay * b2.ms}
    synapses = b2.Synapses(sources, targets, on_pre=on_pre, delay=delay, namespace=space, **more)
    synapses.connect(i=f"k for k in sample(N_pre, size={inputs})")
    return synapses


def learning(p: BrunelSTDP, neurons: Any, space: Any) -> Any:
    space = space | {
        "w_max": p.w_max * b2.mV, "A_plus": p.rate * p.w_max * b2.mV,
        "A_minus": p.asymmetry * p.rate * p.w_max * b2.mV, "tau_stdp": p.tau_stdp * b2.ms,
    }  # fmt: skip
    rule = {"model": TRACES, "on_pre": DEPRESSES, "on_post": POTENTIATES}
    synapses = jumps(p, neurons, neurons, p.excitatory_inputs, "w", space, **rule)
    synapses.w = p.J * b2.mV
    return synapses


class StandaloneSession:
    """One compiled program: Brian2 writes the step count into it, so one step count a session."""

    def __init__(self, p: Balanced | Brunel, n: int, steps: int, threads: int):
        self.n, self.steps = n, steps
        self.folder = tempfile.mkdtemp(prefix="brian2-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        b2.prefs.core.default_float_dtype = import_module("numpy").float32
        b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O3", "-ffast-math", "-march=native"]
        b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
        b2.set_device("cpp_standalone", directory=self.folder, build_on_run=False)
        b2.defaultclock.dt = DT_MS * b2.ms
        b2.seed(0)  # each run of the program draws the same network and the same input
        net, self.counter = brunel(p, n) if isinstance(p, Brunel) else network(p, n)
        net.run(steps * DT_MS * b2.ms)
        b2.device.build(directory=self.folder, compile=True, run=False, debug=False)

    def check(self) -> Run:
        return self.run(self.steps)

    def run(self, steps: int) -> Run:
        if steps != self.steps:
            raise ValueError(f"built for {self.steps} steps, asked for {steps}")
        b2.device.run()
        # Written by the program around its loop alone: "seconds completed_fraction". No CPU time of its own.
        seconds = float((Path(self.folder) / "results" / "last_run_info.txt").read_text().split()[0])
        rate = float(self.counter.num_spikes) / self.n / (steps * DT_MS * 1e-3)
        return Run(steps, seconds, nan, rate)


def prepare(scene: Scene, n: int, steps: tuple[int, ...], threads: int) -> StandaloneSession:
    params = import_module(f"benches.scenes.{scene.name}").PARAMS
    return StandaloneSession(params, n, max(steps), threads)
