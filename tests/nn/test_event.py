"""EventFixedNumConn and EventFixedProb: the peer's layers as fronts of the rules."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.connect import FixedOutDegree, FixedProb

W = 0.5 * u.nS


@pytest.mark.parametrize(("num", "targets"), [(3, 3), (np.int64(4), 4), (0.25, 5), (1.0, 20), (1, 1)])
def test_a_number_of_targets_or_a_fraction_of_the_target_population(num, targets):
    layer = sl.nn.EventFixedNumConn(10, 20, num, W, seed=1)
    assert layer.num_synapses == 10 * targets
    rule = FixedOutDegree(targets, W, seed=1)(10, 20)
    assert np.array_equal(layer.indices, rule.indices)


def test_every_source_reaches_its_number_of_targets():
    layer = sl.nn.EventFixedNumConn(10, 20, 7, 1.0, seed=1)
    np.testing.assert_array_equal([layer(jnp.eye(10)[i]).sum() for i in range(10)], np.full(10, 7.0))
    distinct = sl.nn.EventFixedNumConn(10, 20, 20, 1.0, seed=1, allow_multi_conn=False)
    np.testing.assert_array_equal(distinct(jnp.ones(10)), np.full(20, 10.0))


def test_event_fixed_prob_is_the_rule_of_its_name():
    layer = sl.nn.EventFixedProb(30, 40, 0.2, W, seed=2)
    rule = FixedProb(0.2, W, seed=2)(30, 40)
    assert np.array_equal(layer.indices, rule.indices)
    assert np.array_equal(layer.indptr, rule.indptr)
    assert not np.array_equal(np.diff(layer.indptr), np.full(30, 8))  # Bernoulli, not a fixed number


def test_one_weight_stays_one_and_initializers_are_drawn():
    assert sl.nn.EventFixedNumConn(10, 20, 3, W).weight.value.shape == ()
    layer = sl.nn.EventFixedProb(10, 20, 0.5, sl.init.Uniform(0.0 * u.nS, 1.0 * u.nS), seed=0)
    assert layer.weight.value.shape == (layer.num_synapses,)
    assert list(layer.parameters()) == [("weight",)]
    assert sl.nn.EventFixedNumConn(4, 4, 2, W, name="E").name == "E"


def test_graded_spikes_count_by_their_size():
    layer = sl.nn.EventFixedNumConn(4, 6, 3, 2.0, seed=0)
    np.testing.assert_allclose(layer(jnp.full(4, 0.5)), layer(jnp.ones(4)) / 2)


@pytest.mark.parametrize("num", [-1, 1.5, -0.5])
def test_a_bad_number_of_targets_is_refused(num):
    with pytest.raises(ValueError, match=r"targets|fraction"):
        sl.nn.EventFixedNumConn(4, 6, num, W)


def test_no_synapse_warns():
    with pytest.warns(UserWarning, match="makes no synapse"):
        sl.nn.EventFixedNumConn(4, 6, 0.1, W)  # int(0.6) targets
    with pytest.warns(UserWarning, match="makes no synapse"):
        sl.nn.EventFixedProb(4, 6, 0.0, W)


def test_sizes_of_several_axes():
    layer = sl.nn.EventFixedNumConn((2, 3), (4, 5), 2, W, seed=0)
    assert (layer.in_size, layer.out_size, layer.n_pre, layer.n_post) == ((2, 3), (4, 5), 6, 20)
    with pytest.raises(ValueError, match="out_size"):
        sl.nn.EventFixedNumConn(3, "4", 2, W)
