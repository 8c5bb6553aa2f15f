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
    import nest  # pyright: ignore[reportMissingImports]

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
    sl.nn.init_all_states(sl.Network(neurons=neurons, into=into))

    def step():
        into()
        return neurons().sum()

    loop = sl.transform.jit(lambda: sl.transform.for_loop(step, length=STEPS).sum())
    total = [0.0]

    def turn():
        total[0] += float(loop())
        return total[0]

    return turn


def serve(model):
    """Run a turn for each line on stdin; answer with seconds and spikes so far."""
    turn = in_nest(model)
    for _ in sys.stdin:
        start = time.perf_counter()
        spikes = turn()
        print(json.dumps([time.perf_counter() - start, int(spikes)]), flush=True)


class Peer:
    """NEST in a process of its own."""

    def __init__(self, model):
        command = [os.environ["SPIKELOOP_PEERS_PYTHON"], __file__, "--serve", model]
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def turn(self):
        """(seconds of a turn, spikes so far)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("turn", file=self.process.stdin, flush=True)
        for line in self.process.stdout:  # past NEST's greeting
            if line.startswith("["):
                return json.loads(line)
        raise RuntimeError(f"NEST ended with status {self.process.wait()}")

    def close(self):
        """End the process."""
        self.process.communicate()


def timed(turn):
    """(seconds, result) of a call."""
    start = time.perf_counter()
    result = turn()
    return time.perf_counter() - start, result


def compare(model):
    """Time both in turns."""
    peer, turn = Peer(model), in_spikeloop(model)
    rounds = [(timed(turn), peer.turn()) for _ in range(TURNS + 1)]  # the first one compiles
    peer.close()
    (_, spikes), (_, their_spikes) = rounds[-1]
    per, seconds = 1e9 / (N * STEPS), N * (TURNS + 1) * STEPS * DT * 1e-3
    ours, theirs = (min(pair[k][0] for pair in rounds[1:]) * per for k in (0, 1))
    print(f"{model}: ours {ours:.1f} ns per neuron and step, {spikes / seconds:.1f} Hz; "
          f"NEST {theirs:.1f} ns, {their_spikes / seconds:.1f} Hz; {theirs / ours:.1f} times")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        for name in sys.argv[1:] or MODELS:
            compare(name)
