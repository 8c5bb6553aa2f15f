"""Run in an environment with NEST: traces of single neurons."""

import nest
import numpy as np

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


def driven(model, params, ports, trains, late, current, record, dt, loop=None):
    """The recorded variables after each step, and the steps that spike, of a neuron with input to its ports.

    `ports`: (receptor, weight, weight of the spikes that come `late` steps after the others); `trains`: the steps in
    whose end the others arrive, for each port; `current` as in `neuron`; `loop`: (receptor, weight) of a synapse
    of the neuron with itself.
    """
    nest.ResetKernel()
    nest.resolution = dt
    cell = nest.Create(model, params=params)
    meter = nest.Create("multimeter", {"record_from": list(record), "interval": dt})
    recorder = nest.Create("spike_recorder", {"time_in_steps": True})  # some spikes have an offset
    nest.Connect(meter, cell, syn_spec={"delay": dt})
    nest.Connect(cell, recorder, syn_spec={"delay": dt})
    if current:
        changes = {"amplitude_times": [grid(at - 1, dt) for at, _ in current],
                   "amplitude_values": [x for _, x in current]}  # fmt: skip
        nest.Connect(nest.Create("step_current_generator", changes), cell, syn_spec={"delay": dt})
    for (receptor, weight, late_weight), train in zip(ports, np.transpose(trains), strict=True):
        source = nest.Create("spike_generator", {"spike_times": [grid(at, dt) for at in np.flatnonzero(train)]})
        for delay, w in ((1, weight), (late, late_weight)):
            spec = {"weight": w, "delay": grid(delay, dt), "receptor_type": receptor}
            nest.Connect(source, cell, syn_spec=spec)
    if loop:
        nest.Connect(cell, cell, syn_spec={"weight": loop[1], "delay": dt, "receptor_type": loop[0]})
    steps = len(trains)
    nest.Simulate(grid(steps + 1, dt))
    spiked = recorder.events["times"] - 1
    recorded = {name: meter.events[name][:steps] for name in record}
    if model == "iaf_psc_exp_htum":
        recorded["V_m"] = recorded["V_m"] + cell.E_L  # NEST records it without E_L
    if model.endswith(("_ps", "_lossless")):
        recorded["offset"] = recorder.events["offsets"][spiked < steps]
    return {**recorded, "spikes": spiked[spiked < steps]}


def kiss(weight, dt):
    """A neuron that receives one spike of a weight at the end of the second of 100 steps."""
    train = np.arange(100)[:, None] == 1
    return driven("iaf_psc_exp_ps_lossless", {}, [(0, weight, 0.0)], train, 1, (), ("V_m",), dt)


def rates(model, params, weights, start, steps, dt):
    """The rates after each step of neurons that are all connected, without a delay."""
    nest.ResetKernel()
    nest.set(resolution=dt, use_wfr=False)
    cells = nest.Create(model, len(start), params=params)
    cells.rate = list(start)
    spec = {"synapse_model": "rate_connection_instantaneous", "weight": np.asarray(weights)}
    nest.Connect(cells, cells, "all_to_all", spec)
    return {"rate": rates_of(cells, steps, dt)}


def mean_field(params, drift, diffusion, start, steps, dt):
    """The rates after each step of `siegert_neuron`s that are all connected, without a delay."""
    nest.ResetKernel()
    nest.set(resolution=dt, use_wfr=False)
    cells = nest.Create("siegert_neuron", len(start), params=params)
    cells.rate = list(start)
    spec = {"synapse_model": "diffusion_connection", "drift_factor": np.asarray(drift)}
    nest.Connect(cells, cells, "all_to_all", {**spec, "diffusion_factor": np.asarray(diffusion)})
    return {"rate": rates_of(cells, steps, dt)}


def rates_of(cells, steps, dt):
    """The rates after each of the next steps."""
    meter = nest.Create("multimeter", {"record_from": ["rate"], "interval": dt})
    nest.Connect(meter, cells, syn_spec={"delay": dt})
    nest.Simulate(grid(steps + 1, dt))
    order = np.lexsort((meter.events["senders"], meter.events["times"]))
    return meter.events["rate"][order].reshape(-1, len(cells))[:steps]


def astrocyte(params, kicks, weight, slow, target, record, dt, steps):
    """What an astrocyte with spikes of a weight at some steps, and a neuron with its slow inward current, do."""
    nest.ResetKernel()
    nest.resolution = dt
    cells = nest.Create("astrocyte_lr_1994", params=params), nest.Create("aeif_cond_alpha_astro", params=target)
    source = nest.Create("spike_generator", {"spike_times": [grid(at, dt) for at in kicks]})
    nest.Connect(source, cells[0], syn_spec={"weight": weight, "delay": dt})
    nest.Connect(*cells, syn_spec={"synapse_model": "sic_connection", "weight": slow, "delay": dt})
    found = {}
    for cell, names in zip(cells, record, strict=True):
        meter = nest.Create("multimeter", {"record_from": names, "interval": dt})
        nest.Connect(meter, cell, syn_spec={"delay": dt})
        found |= dict.fromkeys(names, meter)
    nest.Simulate(grid(steps + 1, dt))
    return {name: meter.events[name][:steps] for name, meter in found.items()}


def counts(model, params, n, steps, dt):
    """How many spikes each of n unconnected neurons sends."""
    nest.ResetKernel()
    nest.resolution = dt
    cells, recorder = nest.Create(model, n, params=params), nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": dt})
    nest.Simulate(grid(steps + 1, dt))
    return {"count": np.bincount(recorder.events["senders"] - cells[0].global_id, minlength=n)}


def defaults(model):
    """The default constants of a model that are numbers or lists of them."""
    values = {name: np.asarray(value) for name, value in nest.GetDefaults(model).items()}
    return {name: value for name, value in values.items() if value.dtype.kind == "f"}


def network(path, params, dt, steps):
    """The steps and neurons of all spikes of the `iaf_psc_exp` network that the file holds: currents and initial
    potentials of neurons; sources, targets, weights and delays of synapses.
    """
    nest.ResetKernel()
    nest.resolution = dt
    given = np.load(path)
    cells = nest.Create("iaf_psc_exp", len(given["V"]), params)
    cells.I_e, cells.V_m = given["I_e"].tolist(), given["V"].tolist()
    first = cells[0].global_id
    spec = {"weight": given["weight"], "delay": given["delay"]}
    nest.Connect(given["source"] + first, given["target"] + first, "one_to_one", spec)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": dt})
    nest.Simulate(grid(steps + 1, dt))
    return {"step": np.round(recorder.events["times"] / dt) - 1, "neuron": recorder.events["senders"] - first}


def grid(step, dt):
    """The time of a step, on the nearest of NEST's ticks."""
    return round(step * dt, 6)


def plastic(model, params, delay, dt, pre, post, post_params=(), dopamine=None):
    """The weight of one plastic synapse after each spike of its source, between spike trains given in steps.

    Spikes of `dopamine` reach the synapse one step later.
    """
    nest.ResetKernel()
    nest.resolution = dt
    recorder = nest.Create("weight_recorder")
    if dopamine is not None:
        transmitter = nest.Create("volume_transmitter")
        params = {**params, "volume_transmitter": transmitter}
        nest.Connect(train(dopamine, dt), transmitter, syn_spec={"delay": dt})
    nest.CopyModel(model, "plastic", {"weight_recorder": recorder, **params})
    source, target = train(pre, dt), train(post, dt, post_params)
    # a parrot repeats only what comes to its first port
    nest.Connect(source, target, syn_spec={"synapse_model": "plastic", "delay": delay, "receptor_type": 1})
    nest.Simulate(grid(max(*pre, *post) + 20, dt))
    return {"weight": recorder.events["weights"], "times": recorder.events["times"]}


def train(steps, dt, params=()):
    """A neuron that fires at these steps."""
    cell = nest.Create("parrot_neuron", params=dict(params))
    generator = nest.Create("spike_generator", {"spike_times": [grid(at, dt) for at in steps]})
    nest.Connect(generator, cell, syn_spec={"delay": dt})
    return cell
