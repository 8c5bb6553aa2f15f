"""Run as a script by two processes: networks that processes share; prints what they find as JSON.

Importing takes longer than the checks, so each of the two is copied first: into two of four processes that share
networks, whose coordinator is `FOUR`, and into one that waits for others in vain. The four leave what they have found
in the folder `RUN`, and one of them dies in the midst of a run, with which the two go on.
"""

import contextlib
import functools
import json
import os
import signal
import sys
import time
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from spikeloop.connect import _rule
from spikeloop.parallel._columns import own_columns
from spikeloop.parallel._processes import COORDINATOR, PROCESS, PROCESSES, of_all
from spikeloop.parallel._value import AXIS
from spikeloop.record import _run, _store

FOUND = {}
RUN = Path(os.environ.get("RUN", ""))  # a folder for records
BUILT = []  # numbers of synapses that builders have returned
WRITTEN = set()  # (record, column) of what this process has written


def counted(build, spec):
    """The synapses of a builder, whose number is noted."""
    synapses = build(spec)
    BUILT.append(synapses.indices.size)
    return synapses


def brunel():
    """A network whose spikes travel after blocks of 14 steps."""
    sl.random.seed(3)
    return sl.nn.init_all_states(sl.networks.Brunel(204, out_degree=40))


def recorded(net, duration, path, **options):
    """What recorders tell of a run in chunks of 28 steps."""
    groups = {"E": slice(0, 162), "few": [3, 5, 190]}
    record = {
        "spikes": sl.record.Spikes(net.N),
        "rate": sl.record.Rate(net.N, bin=0.7 * u.ms, groups=groups),
        "V": sl.record.States(net.N, "V", every=0.7 * u.ms),
        "some": sl.record.States(net.N, "V", every=1.4 * u.ms, neurons=[2, 77, 203]),
    }
    run = sl.record.run(net.update, duration, record=record, chunk=28, path=path, **options)
    return run["spikes"].to_array(), run["rate"].counts, run["V"].values.mantissa, run["some"].values.mantissa


def network():
    """Records are those of one process, which can go on with the run."""
    FOUND["cores"], FOUND["policy"] = len(os.sched_getaffinity(0)), os.sched_getscheduler(0)
    _rule.build = functools.partial(counted, _rule.build)
    _store.Disk.write = functools.partialmethod(noted, _store.Disk.write)
    path = RUN / "two"
    with sl.parallel.mesh():
        ours = recorded(brunel(), 5.6 * u.ms, path, overwrite=True)
        FOUND["synapses"], FOUND["written"] = BUILT.copy(), sorted(WRITTEN)
        after_death = recorded(brunel(), 8.4 * u.ms, RUN / "killed", resume=True)
    if jax.process_index() == 0:
        longer, alone = (recorded(brunel(), 8.4 * u.ms, where, resume=where is not None) for where in (path, None))
        FOUND["spikes"] = int(ours[0].sum())
        FOUND["same"] = [np.array_equal(x, whole[: len(x)]) for x, whole in zip(ours, alone, strict=True)]
        FOUND["goes on"] = [np.array_equal(*pair) for pair in zip(longer, alone, strict=True)]
        FOUND["after death"] = [np.array_equal(*pair) for pair in zip(after_death, alone, strict=True)]
        FOUND["missing"] = missing(path)


def noted(store, write, name, first, entries, column=0):
    """Write, and note what."""
    WRITTEN.add((name, column))
    write(store, name, first, entries, column)


def missing(path):
    """What is said of records of which the part of a process is gone."""
    (path / "V" / "c" / "1" / "1").unlink()
    try:
        np.asarray(sl.record.load(path)["V"].values.mantissa)
    except sl.errors.DamagedStoreError as error:
        return str(error)


def differ():
    """A State that a process makes by numbers of its own."""
    with sl.parallel.mesh():
        net = sl.nn.Module("net")
        net.N = sl.nn.init_all_states(sl.LIF(4))
        net.N.V.value = jnp.full(4, jax.process_index(), jnp.float32) * u.mV
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


WEIGHT = "E.comm.weight"
SCENES = {
    "COBA": lambda: sl.networks.COBANetwork(203, out_degree=20),
    "Brunel": lambda: sl.networks.Brunel(204, out_degree=40),
    "BrunelSTDP": lambda: sl.networks.BrunelSTDP(203, out_degree=40),
    "PD14": lambda: sl.networks.PD14(0.006),
}


def scenes(mesh=None):
    """{scene: (spikes, V)} of runs, with learned weights."""
    found = {}
    for name, make in SCENES.items():
        sl.random.seed(3)
        with mesh or contextlib.nullcontext():
            net = sl.nn.init_all_states(make())
            spikes = sl.transform.for_loop(net.update, length=47)
            found[name] = sl.parallel.gather((spikes, u.get_mantissa(net.N.V.value)))
            if name == "BrunelSTDP":
                found["weights"] = [sl.parallel.gather(u.get_mantissa(sl.nn.save_states(net)[WEIGHT]))]
    return {f"{name} {k}": np.asarray(x) for name, arrays in found.items() for k, x in enumerate(arrays)}


def shared():
    """Spikes, potentials and weights of two and of four processes are those of one."""
    ours = scenes(sl.parallel.mesh())
    if jax.process_index() == 0:
        alone, of_four = scenes(), np.load(RUN / "four.npz")
        FOUND["scenes"] = {name: int(x.sum()) for name, x in alone.items() if name.endswith("0")}
        for number, found in ((2, ours), (4, of_four)):
            FOUND[f"wrong of {number}"] = [name for name, x in alone.items() if not np.array_equal(x, found[name])]
        FOUND["columns"] = of_four["columns"].tolist()


def of_four():
    """What four processes do, until one of them dies after two of three chunks of a run."""
    sl.parallel.initialize(timeout=120, heartbeat_timeout_seconds=10)
    mesh = sl.parallel.mesh()
    found = scenes(mesh)
    columns = [turns(mesh, width) for width in (4, 6, 12)]
    if jax.process_index() == 0:
        np.savez(RUN / "four.npz", columns=columns, **found)
    run, done = _run.Chunk.run, []

    def until_death(chunk, *args):
        done.append(None)
        if len(done) == 3 and jax.process_index() == 3:
            (RUN / "death").write_text(str(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)
        return run(chunk, *args)

    _run.Chunk.run = until_death
    with mesh:
        recorded(brunel(), 8.4 * u.ms, RUN / "killed")


def turns(mesh, width):
    """How many columns each process writes of an array that is cut in pieces of 6."""
    whole = np.arange(48).reshape(2, 24)
    cut = jax.make_array_from_callback(
        whole.shape, NamedSharding(mesh.devices, P(None, AXIS)), lambda part: jnp.asarray(whole[part])
    )
    pieces = own_columns(cut, width)
    assert all(np.array_equal(x, whole[:, k : k + width]) for k, x in pieces)
    return of_all(np.array([len(pieces)], np.uint32)).ravel().tolist()


def copied(fun, **env):
    """The number of a copy of this process that runs a function and ends."""
    if child := os.fork():
        return child
    os.environ |= env
    fun()
    sys.exit()


if __name__ == "__main__":
    sl.environ.set(dt=0.1 * u.ms)
    env_of_four = {COORDINATOR: os.environ["FOUR"], PROCESSES: "4"}
    first = 2 * int(os.environ[PROCESS])
    children = [copied(of_four, **env_of_four, **{PROCESS: str(k)}) for k in (first, first + 1)]
    if first == 0:
        children.append(
            copied(functools.partial(sl.parallel.initialize, timeout=5), **{COORDINATOR: os.environ["NOBODY"]})
        )
    ended = [os.waitpid(child, 0)[1] for child in children]
    seconds = time.time() - float((RUN / "death").read_text())
    sl.parallel.initialize(timeout=120, heartbeat_timeout_seconds=10)
    shared()
    network()
    differ()
    if jax.process_index() == 0:
        print("FOUND" + json.dumps({**FOUND, "ended": ended, "seconds to end": seconds}), flush=True)
    killed()
    print("ENDED")
