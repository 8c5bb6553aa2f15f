"""Run in an environment with NEST: traces of single neurons."""

import nest

nest.verbosity = nest.VerbosityLevel.ERROR


def neuron(model, params, dt, steps, current=(), spikes=(), record=("V_m",)):
    """The recorded variables after each step, and the steps that spike.

    `current`: pairs (step, pA), a current that is constant from that step on; `spikes`: pairs (step, weight), which
    arrive at the end of that step.
    """
    nest.ResetKernel()
    nest.resolution = dt
    cell = nest.Create(model, params=params)
    meter = nest.Create("multimeter", {"record_from": list(record), "interval": dt})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, cell, syn_spec={"delay": dt})
    nest.Connect(cell, recorder, syn_spec={"delay": dt})
    if current:
        # what changes at t acts with the least delay from t + dt on
        changes = {"amplitude_times": [grid(at - 1, dt) for at, _ in current],
                   "amplitude_values": [x for _, x in current]}  # fmt: skip
        nest.Connect(nest.Create("step_current_generator", changes), cell, syn_spec={"delay": dt})
    for weight in {w for _, w in spikes}:
        times = sorted(grid(at, dt) for at, w in spikes if w == weight)
        source = nest.Create("spike_generator", {"spike_times": times})
        nest.Connect(source, cell, syn_spec={"weight": weight, "delay": dt})
    nest.Simulate(grid(steps + 1, dt))
    spiked = [round(t / dt) - 1 for t in recorder.events["times"]]
    return {**{name: meter.events[name][:steps] for name in record}, "spikes": [at for at in spiked if at < steps]}


def grid(step, dt):
    """The time of a step, on the nearest of NEST's ticks."""
    return round(step * dt, 6)
