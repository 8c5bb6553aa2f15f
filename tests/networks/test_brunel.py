"""The Brunel network: its rate, which is that of NEST's, its delay and its Poisson input."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl


@pytest.fixture
def net():
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(2)
    return sl.nn.init_all_states(sl.networks.Brunel())


def test_the_rate_is_that_of_nest(net):
    times = jnp.arange(2000) * 0.1 * u.ms
    per_step = np.asarray(sl.transform.for_loop(lambda t: net.update(t).sum(), times))
    late = per_step[500:].sum() / net.size / 0.15
    assert 41.0 < late < 45.0  # NEST 3.10 with fixed_indegree: 42.8 to 43.2 Hz
    low, high = net.expected_rate
    assert low < net.mean_rate(200.0 * u.ms).to_decimal(u.Hz) < high


def test_a_spike_is_felt_after_the_delay():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.networks.Brunel(100, out_degree=10)
    net.rate = 0.0 * u.Hz
    sl.nn.init_all_states(net)
    net.N.V.value = jnp.zeros(100) * u.mV
    net.N.spike.value = jnp.zeros(100).at[0].set(1.0)  # the last step was step 0, and an excitatory neuron fired
    V = sl.transform.for_loop(lambda: (net.update(), net.N.V.value.mantissa)[1], length=30)
    assert 1 + int(np.flatnonzero(np.asarray(V).max(1) > 0.05)[0]) == 15


def test_the_mean_input_from_outside(net):
    assert net.sources == 800
    np.testing.assert_allclose((net.rate * net.sources).to_decimal(u.Hz), 20_000.0, rtol=1e-6)
