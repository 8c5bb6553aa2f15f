"""`autapses=False` compared places within two parts of a population, not neurons."""

import itertools

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.connect import AllToAll, Blocks, FixedInDegree, FixedOutDegree, FixedProb


@pytest.mark.parametrize("rule", [AllToAll, lambda w, **o: FixedProb(1.0, w, **o)])
def test_overlapping_slices_leave_out_the_neurons_they_share(rule):
    pop = sl.LIF(200)
    proj = sl.DeltaProj(comm=rule(1.0 * u.mV, autapses=False), pre=pop[:100], post=pop[50:150])
    found = proj.comm.to_coo()
    assert (found.sources != found.targets).all()
    assert found.sources.size == 100 * 100 - 50
    assert ((found.targets == found.sources + 50).sum(), proj.comm.n_post) == (100, 200)


@pytest.mark.parametrize("rule", [FixedOutDegree, FixedInDegree])
def test_degrees_count_the_partners_that_are_left(rule):
    pop = sl.LIF(10)
    full = rule(3, 1.0 * u.mV, multapses=False, autapses=False, seed=1)
    found = full(pop[2:6], pop[3:7]).to_coo()
    assert (found.sources + 2 != found.targets + 3).all()
    assert found.sources.size == 12
    with pytest.raises(ValueError, match="asked for, but there are only 3"):
        rule(4, 1.0 * u.mV, multapses=False, autapses=False)(pop[2:6], pop[3:7])
    assert rule(4, 1.0 * u.mV, multapses=False, autapses=False, seed=1)(pop[2:6], pop[6:]).num_synapses == 16


def test_blocks_leave_out_autapses_and_no_others():
    rules = {pair: AllToAll(1.0, autapses=False) for pair in itertools.product(range(2), range(2))}
    dense = Blocks((4, 6), (4, 6), rules)(10, 10).to_scipy().toarray()
    np.testing.assert_array_equal(dense, 1 - np.eye(10))


def test_two_populations_of_one_size_keep_all_pairs():
    a, b = sl.LIF(6), sl.LIF(6)
    assert sl.DeltaProj(comm=AllToAll(1.0 * u.mV, autapses=False), pre=a, post=b).comm.num_synapses == 36
    assert sl.DeltaProj(comm=AllToAll(1.0 * u.mV, autapses=False), pre=b, post=b).comm.num_synapses == 30
