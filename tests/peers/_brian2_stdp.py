"""Run in an environment with Brian2: its example of STDP (Song, Miller and Abbott 2000), as a compiled program."""

import shutil
import tempfile

import brian2 as b2
import numpy as np

# The numbers and equations of the example; g_max, the largest weight, is in units of the leak.
SPACE = {
    "taum": 10 * b2.ms, "taupre": 20 * b2.ms, "taupost": 20 * b2.ms, "taue": 5 * b2.ms, "gmax": 0.01,
    "Ee": 0 * b2.mV, "vt": -54 * b2.mV, "vr": -60 * b2.mV, "El": -74 * b2.mV,
    "dApre": 0.01 * 0.01, "dApost": -0.01 * 0.01 * 1.05,
}  # fmt: skip
NEURON = """
dv/dt = (ge * (Ee - v) + El - v) / taum : volt
dge/dt = -ge / taue : 1
"""
SYNAPSE = """
w : 1
dApre/dt = -Apre / taupre : 1 (event-driven)
dApost/dt = -Apost / taupost : 1 (event-driven)
"""
EXAMPLE = {
    "on_pre": "ge += w\nApre += dApre\nw = clip(w + Apost, 0, gmax)",
    "on_post": "Apost += dApost\nw = clip(w + Apre, 0, gmax)",
}
# Potentiation, depression, delivery, then traces: two spikes of the same step are no pair.
OURS = {
    "on_pre": {"depress": "w = clip(w + Apost, 0, gmax)\nge += w", "pre_trace": "Apre += dApre"},
    "on_post": {"potentiate": "w = clip(w + Apre, 0, gmax)", "post_trace": "Apost += dApost"},
}
ORDER = ("potentiate", "depress", "pre_trace", "post_trace")


def learn(path, n, duration, dt, start, seed):
    """Two neurons with the same `n` Poisson sources, and the rules of the example and of ours: what the file gets.

    `steps` and `sources` of the input spikes; `example` and `ours`, the weights after `duration` ms from `start` on;
    `fired`, the steps in which the second neuron fires.
    """
    b2.start_scope()
    folder = tempfile.mkdtemp(prefix="brian2-")
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O2"]
    b2.defaultclock.dt = dt * b2.ms
    b2.seed(seed)
    sources = b2.PoissonGroup(n, rates=15 * b2.Hz)
    parts, made = [sources], []
    for rule, method in ((EXAMPLE, "euler"), (OURS, "exponential_euler")):
        neuron = b2.NeuronGroup(1, NEURON, threshold="v > vt", reset="v = vr", method=method, namespace=SPACE)
        neuron.v = SPACE["El"]
        synapses = b2.Synapses(sources, neuron, SYNAPSE, **rule, namespace=SPACE)
        synapses.connect()
        synapses.w = np.asarray(start)
        if rule is OURS:
            for place, name in enumerate(ORDER):
                getattr(synapses, name).order = place
        made.append(synapses)
        parts += [neuron, synapses]
    spikes, fired = b2.SpikeMonitor(sources), b2.SpikeMonitor(neuron)
    b2.Network(*parts, spikes, fired).run(duration * b2.ms)
    try:
        b2.device.build(directory=folder, debug=False)
        at, out = (np.rint(monitor.t / (dt * b2.ms)).astype(int) for monitor in (spikes, fired))
        example, ours = (np.asarray(synapses.w) for synapses in made)
        np.savez(path, steps=at, sources=spikes.i, fired=out, example=example, ours=ours)
    finally:
        shutil.rmtree(folder)
    return {}
