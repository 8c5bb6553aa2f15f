import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl


def test_rates_of_groups(net, dense):
    rate = sl.record.Rate(net.N, bin=3 * u.ms, groups=net.populations)
    found = sl.record.run(net.update, 40 * u.ms, record=rate, chunk=70)["rate"]
    spikes = dense[0][:, net.populations["E"]]
    sums = [spikes[k : k + 30].sum() for k in range(0, 400, 30)]
    widths = np.minimum(30, 400 - np.arange(0, 400, 30)) * 1e-4
    np.testing.assert_allclose(found["E"].to_decimal(u.Hz), sums / (widths * 36), rtol=1e-5)
    np.testing.assert_allclose(found.edges.to_decimal(u.ms), [*range(0, 40, 3), 40])
    assert found.mean["E"].to_decimal(u.Hz) == pytest.approx(spikes.sum() / (36 * 0.04), rel=1e-5)
    assert list(found.to_pandas().columns) == ["E", "I"]


def test_rows_of_a_plain_loop(net, dense):
    rate = sl.record.Rate(net.N, bin=2 * u.ms)
    rows = sl.transform.for_loop(rate, jnp.asarray(dense[0]))
    assert rows.shape == (400, 1)
    np.testing.assert_array_equal(rate.read(rows).counts[:, 0], dense[0].reshape(20, -1).sum(1))


def test_groups_by_number_of_neurons_follow_each_other(net, dense):
    sizes = {name: part.stop - part.start for name, part in net.populations.items()}
    rate = sl.record.Rate(net.N, groups=sizes)
    of_slices = sl.record.Rate(net.N, groups=net.populations)
    np.testing.assert_array_equal(rate(jnp.asarray(dense[0][7])), of_slices(jnp.asarray(dense[0][7])))
    with pytest.raises(ValueError, match="are to be numbers of neurons, 45 in all"):
        sl.record.Rate(net.N, groups={"E": 36, "I": 8})
    with pytest.raises(ValueError, match=r"write \[44\] for a group of one neuron"):
        sl.record.Rate(net.N, groups={"E": slice(0, 36), "last": 44})


def test_mistakes(net):
    with pytest.raises(IndexError, match=r"group 'E': neurons 0:50 of a population of 45"):
        sl.record.Rate(net.N, groups={"E": slice(0, 50)})
    with pytest.raises(IndexError, match=r"group 'E': neuron 45 of a population of 45"):
        sl.record.Rate(net.N, groups={"E": [1, 45]})
    with pytest.raises(ValueError, match="bin of 0.25 ms is no multiple"):
        sl.record.run(net.update, 1 * u.ms, record=sl.record.Rate(net.N, bin=0.25 * u.ms))
    with pytest.raises(KeyError, match="no group 'X'; there are all"):
        sl.record.run(net.update, 1 * u.ms, record=sl.record.Rate(net.N))["rate"]["X"]
