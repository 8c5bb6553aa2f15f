import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


@pytest.mark.parametrize("chosen", [None, [8, 2], slice(1, 9, 3)])
def test_a_slice_is_recorded_as_a_population_of_its_own(net, dense, chosen):
    part = net.N[36:]
    record = {
        "spikes": sl.record.Spikes(part, neurons=chosen),
        "V": sl.record.States(part, "V", neurons=chosen),
        "events": sl.record.Events(part, 500),
        "rate": sl.record.Rate(part, groups={"first": slice(0, 4), "all": slice(None)}),
    }
    run = sl.record.run(net.update, 40 * u.ms, record=record)
    spikes, V = dense[0][:, 36:], np.asarray(dense[1].mantissa)[:, 36:]
    which = slice(None) if chosen is None else chosen
    np.testing.assert_array_equal(run["spikes"].to_array(), spikes[:, which] > 0)
    np.testing.assert_array_equal(run["V"], V[:, which])
    np.testing.assert_array_equal(run["V"].neurons, np.arange(36, 45)[which])
    np.testing.assert_array_equal(run["events"].to_array(), spikes > 0)
    np.testing.assert_array_equal(run["rate"].counts, np.stack([spikes[:, :4].sum(1), spikes.sum(1)], 1))
    with pytest.raises(IndexError, match=r"record.Spikes of COBANetwork.N\[36:45\]: neuron 9 of a population of 9"):
        sl.record.Spikes(part, neurons=[9])
