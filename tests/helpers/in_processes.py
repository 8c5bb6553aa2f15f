"""Run as a script by two processes: networks that processes share; prints what they find as JSON.

Importing takes longer than the checks, so each of the two is copied first: into two of four processes that share a
network, whose coordinator is `FOUR`, and into one that waits for others in vain.
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
from spikeloop.parallel._processes import COORDINATOR, PROCESS, PROCESSES

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
    """Records are those of one process, which can go on with the run."""
    _rule.build = functools.partial(counted, _rule.build)
    with sl.parallel.mesh():
        ours = recorded(brunel(), 5.6 * u.ms, RUN, overwrite=True)
    FOUND["synapses"] = BUILT.copy()
    if jax.process_index() == 0:
        longer, alone = (recorded(brunel(), 8.4 * u.ms, path, resume=path is not None) for path in (RUN, None))
        FOUND["spikes"] = int(ours[0].sum())
        FOUND["same"] = [np.array_equal(x, whole[: len(x)]) for x, whole in zip(ours, alone, strict=True)]
        FOUND["goes on"] = [np.array_equal(*pair) for pair in zip(longer, alone, strict=True)]


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


class Small(sl.nn.Module):
    """Neurons with Poisson input and synapses whose spikes travel for five steps."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIFRef(103, V_th=1 * u.mV, tau_ref=1 * u.ms, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV))
        self.P = sl.project(self.N, self.N, sl.connect.FixedOutDegree(20, 0.05 * u.mV, seed=1), delay=0.5 * u.ms)
        self.noise = sl.PoissonInput(self.N.prefetch("V"), None, 80, 100 * u.Hz, 0.1 * u.mV)

    def update(self):
        """One step."""
        self.P()
        self.noise()
        return self.N(0.5 * u.mA)


def small(mesh):
    """(spikes, V) of a run."""
    sl.random.seed(3)
    with mesh:
        net = sl.nn.init_all_states(Small())
        spikes = sl.transform.for_loop(net.update, length=23)
        return sl.parallel.gather(spikes), sl.parallel.gather(net.N.V.value).mantissa


def several():
    """Spikes and potentials are those of one process."""
    sl.parallel.initialize(timeout=120)
    ours = small(sl.parallel.mesh())
    if jax.process_index() == 0:
        alone = small(contextlib.nullcontext())
        same = [np.array_equal(*pair) for pair in zip(ours, alone, strict=True)]
        print(
            "SEVERAL" + json.dumps({"n": jax.process_count(), "spikes": int(ours[0].sum()), "same": same}), flush=True
        )


def copied(fun, **env):
    """The number of a copy of this process that runs a function and ends."""
    if child := os.fork():
        return child
    os.environ |= env
    fun()
    sys.exit()


if __name__ == "__main__":
    sl.environ.set(dt=0.1 * u.ms)
    of_four = {COORDINATOR: os.environ["FOUR"], PROCESSES: "4"}
    first = 2 * int(os.environ[PROCESS])
    children = [copied(several, **of_four, **{PROCESS: str(k)}) for k in (first, first + 1)]
    if first == 0:
        children.append(
            copied(functools.partial(sl.parallel.initialize, timeout=5), **{COORDINATOR: os.environ["NOBODY"]})
        )
    ended = [os.waitpid(child, 0)[1] for child in children]
    sl.parallel.initialize(timeout=120, heartbeat_timeout_seconds=10)
    network()
    differ()
    if jax.process_index() == 0:
        print("FOUND" + json.dumps({**FOUND, "ended": ended}), flush=True)
    killed()
    print("ENDED")
