"""Brunel's network that learns: which weights change, and how far."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


@pytest.fixture(scope="module")
def learned():
    """A small network after 300 ms, and its first weights."""
    with sl.environ.context(dt=0.1 * u.ms):
        net = sl.nn.init_all_states(sl.networks.BrunelSTDP(1000, out_degree=100))
        before = np.asarray(net.E.comm.weight.value.to_decimal(u.mV))
        sl.transform.for_loop(lambda t: net.update(t).sum(), np.arange(3000) * 0.1 * u.ms)
    return net, before


def test_only_synapses_between_excitatory_neurons_learn(learned):
    net, before = learned
    after = net.E.comm.weight.value.to_decimal(u.mV)
    assert np.all(before == np.float32(0.1))
    assert np.std(after) > 1e-4
    assert after.min() >= 0
    assert after.max() <= np.float32(0.2)
    assert np.size(net.EI.comm.weight.value.mantissa) == 1
    targets = np.asarray(net.E.comm.indices), np.asarray(net.EI.comm.indices)
    assert targets[0].max() < net.num_excitatory <= targets[1].min()


def test_every_neuron_has_the_sources_of_brunels_network(learned):
    net, _ = learned
    degree = net.E.comm.in_degree + net.EI.comm.in_degree
    np.testing.assert_array_equal(degree, net.sources)


def test_the_rate_is_that_of_an_irregular_network(learned):
    net, _ = learned
    assert 5 < net.mean_rate(300.0 * u.ms).to_decimal(u.Hz) < 150
