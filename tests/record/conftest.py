"""A small network that spikes."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


@pytest.fixture
def net():
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(0)
    net = sl.networks.COBANetwork(45, out_degree=5)
    sl.nn.init_all_states(net)
    return net


@pytest.fixture
def dense(net):
    """The spikes (time, neurons) and V of the first 40 ms, by a plain loop; the network is back at its start."""
    start = sl.nn.save_states(net)

    def step(i):
        return net.update(i * 0.1 * u.ms), net.N.V.value

    spikes, V = sl.transform.for_loop(step, np.arange(400))
    sl.nn.load_states(net, start)
    assert spikes.sum() > 20
    return np.asarray(spikes), V
