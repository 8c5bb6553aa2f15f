"""The cortical microcircuit beside NEST: the same neurons, synapses, currents and initial potentials in both."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.networks import _pd14_table as table

SCALE, STEPS = 0.05, 10_000


def same_in_nest(net, path):
    """What `_nest.network` needs to know."""
    edges, sizes = net.recurrent.comm.to_coo(), [part.stop - part.start for part in net.populations.values()]
    np.savez(path, source=edges.sources, target=edges.targets, weight=edges.weight.to_decimal(u.pA),
             delay=0.1 * edges.delay, V=net.N.V.value.to_decimal(u.mV),
             I_e=np.repeat(net._currents(), sizes))  # fmt: skip
    params = {name: x.mantissa for name, x in table.NEURON.items() if isinstance(x, u.Quantity)}
    return {"path": str(path), "params": params, "dt": 0.1, "steps": STEPS}


@pytest.fixture(scope="module")
def both(nest, tmp_path_factory):
    """(the network, our spikes (steps, neurons), those of NEST)."""
    with sl.environ.context(precision=64, dt=0.1 * u.ms):
        net = sl.nn.init_all_states(sl.networks.PD14(SCALE, drive="dc"))
        # A neuron that starts above threshold has just spiked here, and spikes in the first step there.
        net.N._initializers["V"] = u.math.minimum(net.N.V.value, -50.01 * u.mV)
        sl.nn.init_all_states(net)
        request = same_in_nest(net, tmp_path_factory.mktemp("pd14") / "network.npz")
        ours = np.asarray(sl.transform.for_loop(lambda: net.update() > 0, length=STEPS))
    found = nest("network", **request)
    theirs = np.zeros_like(ours)
    here = found["step"] < STEPS
    theirs[found["step"][here].astype(int), found["neuron"][here]] = True
    return net, ours, theirs


def test_the_same_spikes(both):
    """All of them where it was written; where lanes round otherwise, chaos shows after some hundred milliseconds."""
    _, ours, theirs = both
    differ = (ours != theirs).any(axis=1)
    first = int(differ.argmax()) if differ.any() else STEPS
    assert first > 2000, f"they differ from step {first} on"
    assert ours[:first].sum() > 100


def test_rates_of_all_populations(both):
    net, ours, theirs = both
    for name, part in net.populations.items():
        rates = [10.0 * spikes[:, part].mean() * 1000 for spikes in (ours, theirs)]
        assert rates[0] == pytest.approx(rates[1], rel=0.05), name
