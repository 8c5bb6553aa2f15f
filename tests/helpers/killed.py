"""A long run in a process that a test kills: `killed.py PATH CHUNKS MOMENT SIGNAL`."""

import os
import signal
import sys

import brainunit as u
import spikeloop as sl
from spikeloop.record import _store


def network():
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(5)
    net = sl.networks.COBANetwork(45, out_degree=5, seed=2)
    sl.nn.init_all_states(net)
    return net


def recorders(net):
    return {
        "spikes": sl.record.Spikes(net.N, start=3 * u.ms),
        "V": sl.record.States(net.N, "V", every=0.5 * u.ms),
        "rate": sl.record.Rate(net.N, bin=1 * u.ms),
        "events": sl.record.Events(net.N, 300),
    }


def go(path, duration=30 * u.ms, **options):
    net = network()

    def step(t):
        net.N.V.value = net.N.V.value + sl.random.normal(size=45) * 0.5 * u.mV
        if_late = u.math.where(t > 10 * u.ms, 0.01, 0.0)
        net.N.V.value = net.N.V.value + if_late * u.mV
        net.update(t)

    run = sl.record.run(step, duration, record=recorders(net), chunk=50, path=path, **options)
    return net, run


def die_in_chunk(chunks, moment, number):
    """Send the signal while chunk `chunks` is stored: after its entries, or in the middle of its checkpoint."""
    commit, fsync, count = _store.Disk.commit, os.fsync, [0]

    def counted(self, done):
        count[0] += 1
        if count[0] == chunks + 1 and moment == "entries":
            os.kill(os.getpid(), number)
        commit(self, done)

    def half(file):
        if count[0] == chunks + 1 and moment == "checkpoint":
            os.ftruncate(file, 100)
            os.kill(os.getpid(), number)
        fsync(file)

    _store.Disk.commit, os.fsync = counted, half


if __name__ == "__main__":
    path, chunks, moment, number = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    die_in_chunk(chunks, moment, signal.Signals(number))
    try:
        go(path, resume=True)
    except sl.record.Interrupted as stop:
        print(stop, stop.run.steps)
