"""Run as a script by several processes: a network that they share; prints what the first one finds as JSON.

The argument is "networks", "killed" or "alone", which waits for others in vain.
"""

import json
import os
import signal
import sys

import brainunit as u
import jax
import numpy as np
import spikeloop as sl

FOUND = {}


def run(make, steps, mesh=None):
    """(spikes, V) of a run, alone or on a mesh."""
    sl.random.seed(3)
    if mesh is None:
        with jax.default_device(jax.local_devices()[0]):
            net = sl.nn.init_all_states(make())
            spikes = sl.transform.for_loop(net.update, length=steps)
            return np.asarray(spikes), np.asarray(net.N.V.value.mantissa)
    with mesh:
        net = sl.nn.init_all_states(make())
        spikes = sl.transform.for_loop(net.update, length=steps)
        return sl.parallel.gather(spikes), sl.parallel.gather(net.N.V.value).mantissa


def networks():
    """Spikes and V are those of one process; then a State that differs."""
    for name, make in {
        "COBA": lambda: sl.networks.COBANetwork(202, out_degree=40),
        "Brunel": lambda: sl.networks.Brunel(203, out_degree=40),
    }.items():
        spikes, v = run(make, 47, sl.parallel.mesh())
        if jax.process_index():
            continue
        alone = run(make, 47)
        FOUND[name] = {"spikes": int(spikes.sum()), "same": bool((spikes == alone[0]).all() and (v == alone[1]).all())}
    differ()


def differ():
    """A State that a process makes by numbers of its own."""
    with sl.parallel.mesh():
        net = sl.nn.Module("net")
        net.N = sl.nn.init_all_states(sl.LIF(4))
        net.N.V.value = net.N.V.value + jax.process_index() * u.mV
        try:
            sl.transform.for_loop(net.N, length=2)
        except ValueError as error:
            FOUND["differ"] = str(error)


def killed():
    """One process dies between two runs of the others, which go on with the next run."""
    with sl.parallel.mesh():
        net = sl.nn.init_all_states(sl.LIF(4))
        together = lambda: sl.parallel.gather(sl.transform.for_loop(net, length=5))  # noqa: E731
        together()
        if jax.process_index() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(1000):
            together()


if __name__ == "__main__":
    what = sys.argv[1]
    sl.parallel.initialize(timeout=5 if what == "alone" else 120, heartbeat_timeout_seconds=10)
    sl.environ.set(dt=0.1 * u.ms)
    {"networks": networks, "killed": killed}[what]()
    if jax.process_index() == 0:
        print("FOUND" + json.dumps(FOUND))
