"""Parts of a population as sources and targets, against connections of the whole population."""

import copy

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError, ShapeError, UnitError
from spikeloop.connect import Connection

N = 9
PARTS = {"slice": slice(3, 7), "strided": slice(1, 9, 2), "listed": [2, 3, 6, 8]}
SOURCES, TARGETS, STEPS = [0, 0, 1, 2, 2], [1, 3, 0, 2, 3], [2, 1, 3, 1, 2]


class Net(sl.nn.Module):
    """Three neurons of a population reach four others of it, by a part or in a connection of all."""

    def __init__(self, kind, part, delay, by_part):
        super().__init__()
        delay = np.array(STEPS) if delay == "each" else delay
        unit = u.mV if kind == "delta" else u.mS
        weight = np.arange(1.0, 6.0) * unit
        indptr = np.searchsorted(SOURCES, range(4))
        self.N = sl.LIF(N, tau=20.0 * u.ms, V_th=4.0 * u.mV)
        if by_part:
            comm, post = Connection(TARGETS, indptr, weight, 3, 4, delay=delay), self.N[part]
        else:
            comm, post = Connection(np.arange(N)[part][TARGETS], indptr, weight, 3, N, delay=delay), self.N
        if kind == "delta":
            self.proj = sl.DeltaProj(comm=comm, post=post)
        elif kind == "current":
            self.proj = sl.CurrentProj(comm=comm, out=sl.COBA.desc(E=10.0 * u.mV), post=post)
        else:
            self.proj = sl.AlignPostProj(comm=comm, syn=sl.Expon.desc(N), out=sl.CUBA.desc(), post=post)

    def update(self, x):
        self.proj(self.N[[4, 0, 5]].get_spike())
        self.N(x * u.mA)
        return self.N.V.value.mantissa


CASES = [(kind, delay) for kind in ("delta", "current", "synapse") for delay in (None, 2, "each")]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(("kind", "delay"), [case for case in CASES if case != ("current", "each")])
def test_a_part_receives_what_its_neurons_would(kind, delay, name):
    part = PARTS[name]
    sl.environ.set(dt=0.1 * u.ms)
    x, traces = jnp.asarray(np.random.default_rng(0).uniform(0, 300, (80, N))), []
    for by_part in (True, False):
        net = sl.nn.init_all_states(Net(kind, part, delay, by_part))
        traces.append(np.asarray(sl.transform.for_loop(net.update, x)))
    np.testing.assert_array_equal(*traces)
    quiet = sl.nn.init_all_states(Net(kind, part, delay, True))
    quiet.proj.comm.weight.value = 0 * quiet.proj.comm.weight.value
    changed = (traces[0] != np.asarray(sl.transform.for_loop(quiet.update, x))).any(axis=0)
    assert changed[part].all()
    assert not np.delete(changed, [0, 4, 5, *np.arange(N)[part]]).any()  # sources may spike otherwise


def test_a_rule_takes_its_sizes_from_slices():
    sl.environ.set(dt=0.1 * u.ms)
    pop = sl.LIF(100)
    rule = sl.connect.FixedOutDegree(5, 0.5 * u.mV, seed=1)
    proj = sl.DeltaProj(comm=rule, pre=pop[:80], post=pop[60:])
    edges = proj.comm.to_coo()
    assert proj.comm.out_size == (100,)
    assert (np.bincount(edges.sources) == 5).all()
    assert edges.sources.size == 400
    assert edges.targets.min() >= 60
    assert repr(pop[60:]) == "LIF[60:100]"


def test_weights_are_those_of_the_given_connection():
    comm = Connection([0, 1], [0, 1, 2], 0.5 * u.mV, 2, 2)
    proj = sl.DeltaProj(comm=comm, post=sl.LIF(5)[2:4])
    assert proj.comm.weight is comm.weight
    assert proj.comm.indices.tolist() == [2, 3]
    assert jax.tree.leaves(proj.states(sl.ParamState)) == jax.tree.leaves(comm.states(sl.ParamState))


def test_the_states_of_a_part():
    sl.environ.set(dt=0.1 * u.ms)
    pop = sl.nn.init_all_states(sl.LIF(10, V_initializer=sl.init.Constant(np.arange(10.0) * u.mV)))
    part = pop[1:9:2][1:]
    assert repr(part) == "LIF[3:9:2]"
    assert part.V.value.to_decimal(u.mV).tolist() == [3.0, 5.0, 7.0]
    part.V.value = [-1.0, -2.0, -3.0] * u.mV
    pop[[0, 2]].V.value = -4.0 * u.mV
    assert pop.V.value.to_decimal(u.mV).tolist() == [-4, 1, -4, -1, 4, -2, 6, -3, 8, 9]
    pop(np.array([0, 0, 0, 1e3, 0, 0, 0, 0, 0, 0]) * u.mA)
    assert part.get_spike().tolist() == [1.0, 0.0, 0.0]
    assert part.spike.value.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(UnitError, match=r"LIF\[3:9:2\].* needs a value such as `1. \* u.mV`"):
        part.V.value = 1.0
    with pytest.raises(ShapeError, match=r"has the shape \(3,\); given \(4,\)"):
        part.V.value = np.ones(4) * u.mV
    with pytest.raises(AttributeError, match=r"LIF\[3:9:2\] has no State 'U'; LIF has V, spike"):
        part.U
    with pytest.raises(NotInitializedError, match="init_all_states"):
        sl.LIF(3)[:2].V


def test_the_states_of_a_part_in_a_batch():
    pop = sl.nn.init_all_states(sl.LIF(5, V_initializer=sl.init.Constant(np.arange(5.0) * u.mV)), batch_size=2)
    pop[::-2].V.value = np.array([[7.0, 8.0, 9.0], [1.0, 2.0, 3.0]]) * u.mV
    assert pop.V.value.to_decimal(u.mV).tolist() == [[9, 1, 8, 3, 7], [3, 1, 2, 3, 1]]
    assert pop[3:].V.value.shape == (2, 2)


def test_a_part_in_front_of_a_projection():
    sl.environ.set(dt=0.1 * u.ms)
    pop = sl.LIF(6, V_initializer=sl.init.Constant(np.arange(6.0) * u.mV))
    late = pop[[1, 4]].prefetch_delay("V", [0.1, 0.2] * u.ms)
    now = pop[[1, 4]].prefetch("V")
    sl.nn.init_all_states(pop)
    trace = []
    for _ in range(4):
        pop()
        trace.append(np.asarray(pop.V.value.mantissa))
        np.testing.assert_array_equal(now().mantissa, trace[-1][[1, 4]])
    np.testing.assert_array_equal(late().mantissa, [trace[-2][1], trace[-3][4]])


def test_an_empty_part_and_copies():
    pop = sl.nn.init_all_states(sl.LIF(4))
    assert pop[:0].get_spike().shape == (0,)
    assert pop[[]].varshape == (0,)
    assert copy.copy(pop[1:3]).indices.tolist() == [1, 2]


def test_bad_parts_are_refused():
    pop = sl.LIF(10)
    with pytest.raises(ShapeError, match="only a population with one axis has parts"):
        sl.LIF((2, 5))[:1]
    with pytest.raises(ShapeError, match="exc: comm has 3 targets, the part 2 neurons"):
        sl.DeltaProj(comm=Connection([0], [0, 1], 0.5 * u.mV, 1, 3), post=pop[:2], label="exc")
    with pytest.raises(TypeError, match="exc: a part of a population as target takes a rule or a connection"):
        sl.DeltaProj(comm=sl.nn.Linear(2, 2), post=pop[:2], label="exc")
    with pytest.raises(TypeError, match="post must be a neuron population or a part of one"):
        sl.DeltaProj(comm=Connection([0], [0, 1], 0.5 * u.mV, 1, 3), post=3)
