"""Run in an environment with Brian2: a population with equations, input and synapses of its own."""

import brian2 as b2
import numpy as np

b2.prefs.codegen.target = "numpy"


def population(
    n, equations, start, steps, dt, threshold, reset="", refractory=False, current=None, synapses=(), arrivals=None
):
    """V after each step, before the reset, and the spikes, both (steps, n).

    Numbers are plain: potentials in mV, times in ms. `current`: (steps, n), `I` in the equations. `synapses`:
    {"target", "weight", "pre", "post", "driven"}; those that are `driven` have the source `arrivals` (steps, sources)
    instead of the population.
    """
    b2.start_scope()
    b2.defaultclock.dt = dt * b2.ms
    space = {} if current is None else {"drive": b2.TimedArray(np.asarray(current), dt=dt * b2.ms)}
    if not isinstance(refractory, (bool, str)):
        refractory = refractory * b2.ms
    cells = b2.NeuronGroup(n, equations + ("" if current is None else "\nI = drive(t, i) : 1"), threshold=threshold,
                           reset=reset, refractory=refractory, method="exponential_euler", namespace=space)  # fmt: skip
    for name, value in start.items():
        setattr(cells, name, value)
    parts = [cells]
    if arrivals is not None:
        at, source = np.nonzero(arrivals)
        given = b2.SpikeGeneratorGroup(len(arrivals[0]), source, at * dt * b2.ms)
        parts.append(given)
    for k in synapses:
        made = b2.Synapses(given if k["driven"] else cells, cells, on_pre=f"{k['target']}_post += {k['weight']}")
        made.connect(i=k["pre"], j=k["post"])
        parts.append(made)
    meter = b2.StateMonitor(cells, "v", record=True, when="after_thresholds")
    spikes = b2.SpikeMonitor(cells)
    b2.Network(*parts, meter, spikes).run(steps * dt * b2.ms)
    raster = np.zeros((steps, n))
    raster[np.rint(spikes.t / (dt * b2.ms)).astype(int), spikes.i] = 1
    return {"V": meter.v.T, "spikes": raster}


def from_text(n, equations, constants, steps, dt, current=None, unit="nA", **options):
    """The potential v in mV after each step, before the reset, and the spikes, both (steps, n).

    `constants` are texts with units, such as "20*ms". `current`: (steps, n) in `unit`, the input I of the equations.
    """
    b2.start_scope()
    b2.defaultclock.dt = dt * b2.ms
    space = {name: eval(text, {**vars(b2)}) for name, text in constants.items()}
    if current is not None:
        space["drive"] = b2.TimedArray(np.asarray(current) * getattr(b2, unit), dt=dt * b2.ms)
        equations += "\nI = drive(t, i) : amp"
    start = options.pop("start", {})
    cells = b2.NeuronGroup(n, equations, namespace=space, **options)
    for name, text in start.items():
        setattr(cells, name, eval(text, {**vars(b2), **space}))
    meter = b2.StateMonitor(cells, "v", record=True, when="after_thresholds")
    spikes = b2.SpikeMonitor(cells)
    b2.Network(cells, meter, spikes).run(steps * dt * b2.ms)
    raster = np.zeros((steps, n))
    raster[np.rint(spikes.t / (dt * b2.ms)).astype(int), spikes.i] = 1
    return {"V": meter.v_.T * 1e3, "spikes": raster}
