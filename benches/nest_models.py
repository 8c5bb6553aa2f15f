"""NEST's neuron models beside NEST: 10,000 neurons with Poisson input, one core.

    SPIKELOOP_PEERS_PYTHON=.venv-peers/bin/python python -m benches.nest_models [model ...]

Both run 20 ms of the same population in turns; the least time counts. The input of each neuron is a Poisson train of
its own, so the time is that of the input, its delivery, the step of the neurons and the count of spikes.
"""

import json
import os
import subprocess
import sys
import time

N, STEPS, TURNS, DT = 10_000, 200, 7, 0.1
SHORT = {"tau_syn_ex": 0.5}
ADAPTING = {"tau_sfa": [110.0, 5.0], "q_sfa": [1.0, 2.0], "tau_stc": [10.0, 110.0], "q_stc": [56.7, -6.9],
            "Delta_V": 2.0, "lambda_0": 10.0}  # fmt: skip
# model -> rate of the input in Hz, weight, constants
MODELS = {
    "iaf_psc_exp": (8000.0, 30.0, {}),
    "iaf_cond_exp": (8000.0, 1.2, SHORT),
    "aeif_cond_alpha": (8000.0, 1.2, SHORT),
    "hh_psc_alpha": (8000.0, 50.0, {}),
    "gif_psc_exp": (8000.0, 25.0, ADAPTING),
}


def in_nest(model):
    """A function that runs one turn in NEST and returns the spikes so far."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    rate, weight, constants = MODELS[model]
    nest.ResetKernel()
    nest.set(resolution=DT, local_num_threads=1)
    neurons = nest.Create(model, N, params=constants)
    nest.Connect(nest.Create("poisson_generator", {"rate": rate}), neurons, syn_spec={"weight": weight, "delay": DT})
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)

    def turn():
        nest.Simulate(STEPS * DT)
        return recorder.n_events

    return turn


def in_spikeloop(model):
    """The same in spikeloop."""
    import brainunit as u
    import numpy as np
    import spikeloop as sl

    rate, weight, constants = MODELS[model]
    sl.environ.set(dt=DT * u.ms)
    sl.set_num_threads(1)
    cls = getattr(sl.nest, model)
    declared = {**cls.params, **cls.lists}
    neurons = cls(N, **{k: u.Quantity(np.asarray(x), unit=declared[k].unit) for k, x in constants.items()})
    rule = sl.connect.OneToOne(u.Quantity(weight, unit=neurons.ports["ex"].unit))
    into = sl.project(sl.PoissonSpike(N, rate * u.Hz), neurons, rule, **neurons.port("ex"))
    net = sl.nn.init_all_states(sl.Network(neurons=neurons, into=into))

    def step():
        into()
        return neurons().sum()

    loop = sl.transform.jit(lambda: sl.transform.for_loop(step, length=STEPS).sum())
    total = [0.0]

    def turn():
        total[0] += float(loop())
        return total[0]

    turn.net = net
    return turn


def serve(model):
    """Run a turn for each line on stdin; answer with seconds and spikes so far."""
    turn = in_nest(model)
    for _ in sys.stdin:
        start = time.perf_counter()
        spikes = turn()
        print(json.dumps([time.perf_counter() - start, int(spikes)]), flush=True)


def compare(model):
    """Time both in turns."""
    command = [os.environ["SPIKELOOP_PEERS_PYTHON"], __file__, "--serve", model]
    peer = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def theirs():
        print("turn", file=peer.stdin, flush=True)
        for line in peer.stdout:  # past NEST's greeting
            if line.startswith("["):
                return json.loads(line)
        raise RuntimeError(f"NEST ended with status {peer.wait()}")

    turn, ours, other = in_spikeloop(model), [], []
    turn(), theirs()
    for _ in range(TURNS):
        start = time.perf_counter()
        spikes = turn()
        ours.append(time.perf_counter() - start)
        seconds, their_spikes = theirs()
        other.append(seconds)
    peer.stdin.close()
    peer.wait()
    per, seconds = 1e9 / (N * STEPS), N * (TURNS + 1) * STEPS * DT * 1e-3
    own, other_hz = spikes / seconds, their_spikes / seconds
    print(f"{model}: ours {min(ours) * per:.1f} ns per neuron and step, {own:.1f} Hz; "
          f"NEST {min(other) * per:.1f} ns, {other_hz:.1f} Hz; {min(other) / min(ours):.1f} times")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        for name in sys.argv[1:] or MODELS:
            compare(name)
