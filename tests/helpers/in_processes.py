"""Run as a script by several processes: a network that they share; prints what the first one finds as JSON.

With the argument "alone" it waits for others in vain.
"""

import contextlib
import functools
import json
import os
import signal
import sys

import brainunit as u
import jax
import spikeloop as sl
from spikeloop.connect import _rule

FOUND = {}
BUILT = []  # numbers of synapses that builders have returned


def counted(build, spec):
    """The synapses of a builder, whose number is noted."""
    synapses = build(spec)
    BUILT.append(synapses.indices.size)
    return synapses


def run(mesh=None):
    """(spikes, V) of a network, alone or on a mesh; spikes travel after blocks of 14 steps."""
    sl.random.seed(3)
    with contextlib.nullcontext() if mesh is None else mesh:
        net = sl.nn.init_all_states(sl.networks.Brunel(203, out_degree=40))
        spikes = sl.transform.for_loop(net.update, length=42)
        return sl.parallel.gather(spikes), sl.parallel.gather(net.N.V.value).mantissa


def network():
    """Spikes and V are those of one process."""
    _rule.build = functools.partial(counted, _rule.build)
    spikes, v = run(sl.parallel.mesh())
    FOUND["synapses"] = BUILT.copy()
    if jax.process_index() == 0:
        alone = run()
        FOUND["spikes"], FOUND["same"] = int(spikes.sum()), bool((spikes == alone[0]).all() and (v == alone[1]).all())


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
    sl.parallel.initialize(timeout=5 if sys.argv[1:] == ["alone"] else 120, heartbeat_timeout_seconds=10)
    sl.environ.set(dt=0.1 * u.ms)
    network()
    differ()
    if jax.process_index() == 0:
        print("FOUND" + json.dumps(FOUND), flush=True)
    killed()
    print("ENDED")
