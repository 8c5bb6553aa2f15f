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
import numpy as np
import spikeloop as sl
from spikeloop.connect import _rule

FOUND = {}
RUN = os.environ.get("RUN")  # a folder for records
BUILT = []  # numbers of synapses that builders have returned


def counted(build, spec):
    """The synapses of a builder, whose number is noted."""
    synapses = build(spec)
    BUILT.append(synapses.indices.size)
    return synapses


def brunel():
    """A network whose spikes travel after blocks of 14 steps."""
    sl.random.seed(3)
    return sl.nn.init_all_states(sl.networks.Brunel(203, out_degree=40))


def run(mesh=None):
    """The records of a run, and V after it, alone or on a mesh."""
    with contextlib.nullcontext() if mesh is None else mesh:
        net = brunel()
        records = recorded(net, 5.6 * u.ms, None if mesh is None else RUN, overwrite=mesh is not None)
        return *records, sl.parallel.gather(net.N.V.value).mantissa


def recorded(net, duration, path, **options):
    """What recorders tell of a run in chunks of 28 steps."""
    groups = {"E": slice(0, 162), "few": [3, 5, 190]}
    record = {
        "spikes": sl.record.Spikes(net.N),
        "rate": sl.record.Rate(net.N, bin=0.7 * u.ms, groups=groups),
        "V": sl.record.States(net.N, "V", every=0.7 * u.ms),
        "some": sl.record.States(net.N, "V", every=1.4 * u.ms, neurons=[2, 77, 202]),
    }
    run = sl.record.run(net.update, duration, record=record, chunk=28, path=path, **options)
    return run["spikes"].to_array(), run["rate"].counts, run["V"].values.mantissa, run["some"].values.mantissa


def network():
    """Records and V are those of one process, which can go on with the run."""
    _rule.build = functools.partial(counted, _rule.build)
    ours = run(sl.parallel.mesh())
    FOUND["synapses"] = BUILT.copy()
    if jax.process_index() == 0:
        alone = run()
        FOUND["spikes"], FOUND["same"] = (
            int(ours[0].sum()),
            [np.array_equal(*pair) for pair in zip(ours, alone, strict=True)],
        )
        longer = [recorded(brunel(), 8.4 * u.ms, path, resume=path is not None) for path in (RUN, None)]
        FOUND["goes on"] = [np.array_equal(*pair) for pair in zip(*longer, strict=True)]


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
