"""A network of a new size compiles nothing before it runs."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


@pytest.mark.parametrize("network", [sl.networks.COBANetwork, sl.networks.CUBANetwork])
def test_nothing_is_compiled(network, compiles):
    sl.nn.init_all_states(network(500))
    compiles()
    sl.nn.init_all_states(network(517 if network is sl.networks.COBANetwork else 519))
    assert compiles() == 0


def test_states_of_equal_values_share_no_memory():
    start = np.full(100, -60.0, np.float32)
    neuron = sl.nn.init_all_states(sl.LIFRef(100, V_initializer=start * u.mV))
    start[:] = 0
    assert (neuron.V.value.mantissa == -60.0).all()
    places = {x.unsafe_buffer_pointer() for x in (neuron.V.value.mantissa, neuron.spike.value, neuron.ref_left.value)}
    assert len(places) == 3
