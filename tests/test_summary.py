"""sl.summary: sizes and memory of a model."""

import brainunit as u
import jax.numpy as jnp
import pytest
import spikeloop as sl


@pytest.fixture(autouse=True)
def _dt():
    with sl.environ.context(dt=0.1 * u.ms):
        yield


def network():
    net = sl.nn.Module()
    net.N = sl.LIF(100, tau=sl.ParamState(20.0 * u.ms))
    rule = sl.connect.FixedOutDegree(10, 1.0 * u.mV, seed=0)
    net.fast = sl.DeltaProj(comm=rule, pre=net.N[:80], post=net.N)
    net.slow = sl.DeltaProj(comm=rule, pre=net.N[80:], post=net.N, delay=1.5 * u.ms)
    return net


def test_rows_and_sums():
    found = sl.summary(network())
    assert [(row.path, row.model, row.size, row.shape) for row in found.populations] == [("N", "LIF", 100, (100,))]
    rows = [(r.path, r.kind, r.sources, r.target, r.synapses, r.delay) for r in found.projections]
    assert rows == [("fast", "DeltaProj", 80, "N", 800, "none"), ("slow", "DeltaProj", 20, "N", 200, "1.5 ms")]
    parameter = found.parameters[0]
    assert (parameter.path, parameter.shape, parameter.unit) == ("N.tau", (), "ms")
    assert (found.num_neurons, found.num_synapses, found.num_parameters) == (100, 1000, 3)


def test_bytes_are_those_of_the_arrays():
    net = network()
    found = sl.summary(net)
    comms = [net.fast.comm, net.slow.comm]
    assert found.connectivity_bytes == sum(c.indices.nbytes + c.weight.value.mantissa.nbytes for c in comms)
    assert not found.initialized
    sl.nn.init_all_states(net)
    weights = [c.weight for c in comms]
    states = [s for s in net.states().values() if s not in weights]
    found = sl.summary(net)
    assert found.initialized
    assert found.state_bytes == sum(jnp.asarray(u.get_mantissa(s.value)).nbytes for s in states)


def test_a_shared_weight_counts_once():
    net = sl.nn.Module()
    net.a = sl.connect.Connection([0, 1], [0, 1, 2], jnp.ones(2), 2, 2)
    net.b = sl.connect.Connection([1, 0], [0, 1, 2], net.a.weight.value, 2, 2)
    net.b.weight = net.a.weight
    assert sl.summary(net).connectivity_bytes == net.a.indices.nbytes + net.b.indices.nbytes + 8 + 2 * 12
    assert sl.summary(net).num_parameters == 2


def test_layers_functions_and_gap_junctions():
    net = sl.nn.Module()
    net.a, net.b = sl.LIF(4), sl.LIF(3)
    net.dense = sl.DeltaProj(comm=sl.nn.Linear(4, 3, w_init=sl.init.Constant(1.0 * u.mV)), post=net.b)
    net.pairs = sl.DeltaProj(comm=sl.nn.OneToOne(3, 1.0 * u.mV), post=net.b)
    net.function = sl.DeltaProj(comm=lambda x: x[..., :3] * u.mV, post=net.b)
    net.gap = sl.SymmetryGapJunction((net.a, net.b), "V", [(0, 0), (1, 2)], 1.0 * u.siemens)
    rows = {row.path: row.synapses for row in sl.summary(net).projections}
    assert rows == {"dense": 12, "pairs": 3, "function": None, "gap": 2}


def test_it_prints_aligned_tables():
    text = repr(sl.summary(network()))
    head, rule, row = text.splitlines()[2:5]
    assert head.startswith("population  model")
    assert [len(part) for part in rule.split("  ")] == [10, 5, 4]
    assert row.split() == ["N", "LIF", "100"]
    assert "sl.nn.init_all_states(model)" in text
    assert "<td>N.tau</td>" in sl.summary(network())._repr_html_()


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="summary needs a Module, such as a network; given int: 3"):
        sl.summary(3)
