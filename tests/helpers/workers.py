"""What a test sends to worker processes: `workers.py METHOD` prints what comes back, or the error's type."""

import multiprocessing
import sys

import brainunit as u
import numpy as np
import spikeloop as sl


def network():
    return sl.networks.COBANetwork(40, out_degree=5, seed=2)


def simulate(net):
    """A run of a model that was sent here, with the model as it is then."""
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(3)
    sl.nn.init_all_states(net)
    run = sl.record.run(net.update, 20 * u.ms, record=[sl.record.Spikes(net.N), sl.record.States(net.N, "V")])
    return run, net


def main(method):
    net = network()
    here, _ = simulate(net)
    with multiprocessing.get_context(method).Pool(1) as pool:
        run, there = pool.apply_async(simulate, (net,)).get(timeout=120)
    assert len(run["spikes"]) == len(here["spikes"]) > 0
    np.testing.assert_array_equal(run["spikes"].times.mantissa, here["spikes"].times.mantissa)
    np.testing.assert_array_equal(run["V"].values.to_decimal(u.mV), here["V"].values.to_decimal(u.mV))
    print(there.N.V.path, there.N.V.value.unit)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except sl.errors.ForkedError as error:
        print(type(error).__name__, error)
