"""Slices of a population as sources and targets, against connections of the whole population."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError
from spikeloop.connect import Connection

N, FIRST, LAST = 9, 3, 7
SOURCES, TARGETS, STEPS = [0, 0, 1, 2, 2], [1, 3, 0, 2, 3], [2, 1, 3, 1, 2]


class Net(sl.nn.Module):
    """Three neurons of a population reach four others of it, by a slice or in a connection of all."""

    def __init__(self, kind, sliced, delay):
        super().__init__()
        delay = np.array(STEPS) if delay == "each" else delay
        unit = u.mV if kind == "delta" else u.mS
        weight = np.arange(1.0, 6.0) * unit
        indptr = np.searchsorted(SOURCES, range(4))
        self.N = sl.LIF(N, tau=20.0 * u.ms, V_th=4.0 * u.mV)
        if sliced:
            comm, post = Connection(TARGETS, indptr, weight, 3, LAST - FIRST, delay=delay), self.N[FIRST:LAST]
        else:
            comm, post = Connection(np.add(TARGETS, FIRST), indptr, weight, 3, N, delay=delay), self.N
        if kind == "delta":
            self.proj = sl.DeltaProj(comm=comm, post=post)
        elif kind == "current":
            self.proj = sl.CurrentProj(comm=comm, out=sl.COBA.desc(E=10.0 * u.mV), post=post)
        else:
            self.proj = sl.AlignPostProj(comm=comm, syn=sl.Expon.desc(N), out=sl.CUBA.desc(), post=post)

    def update(self, x):
        self.proj(self.N[:3].get_spike())
        self.N(x * u.mA)
        return self.N.V.value.mantissa


CASES = [(kind, delay) for kind in ("delta", "current", "synapse") for delay in (None, 2, "each")]


@pytest.mark.parametrize(("kind", "delay"), [case for case in CASES if case != ("current", "each")])
def test_a_slice_receives_what_its_neurons_would(kind, delay):
    sl.environ.set(dt=0.1 * u.ms)
    x, traces = jnp.asarray(np.random.default_rng(0).uniform(0, 300, (80, N))), []
    for sliced in (True, False):
        net = sl.nn.init_all_states(Net(kind, sliced, delay))
        traces.append(np.asarray(sl.transform.for_loop(net.update, x)))
    np.testing.assert_array_equal(*traces)
    quiet = sl.nn.init_all_states(Net(kind, True, delay))
    quiet.proj.comm.weight.value = 0 * quiet.proj.comm.weight.value
    changed = (traces[0] != np.asarray(sl.transform.for_loop(quiet.update, x))).any(axis=0)
    assert changed[FIRST:LAST].all()
    assert not changed[[3 + k for k in range(N - 3) if not FIRST <= 3 + k < LAST]].any()


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


def test_bad_slices_are_refused():
    pop = sl.LIF(10)
    for index in (3, slice(0, 4, 2), [1, 2]):
        with pytest.raises(TypeError, match="a part is a slice without a step"):
            pop[index]
    with pytest.raises(ShapeError, match="only a population with one axis has slices"):
        sl.LIF((2, 5))[:1]
    with pytest.raises(ShapeError, match="exc: comm has 3 targets, the slice 2 neurons"):
        sl.DeltaProj(comm=Connection([0], [0, 1], 0.5 * u.mV, 1, 3), post=pop[:2], label="exc")
    with pytest.raises(TypeError, match="exc: a slice of a population as target takes a rule or a connection"):
        sl.DeltaProj(comm=sl.nn.Linear(2, 2), post=pop[:2], label="exc")
    with pytest.raises(TypeError, match="post must be a neuron population or a slice of one"):
        sl.DeltaProj(comm=Connection([0], [0, 1], 0.5 * u.mV, 1, 3), post=3)
