"""EventFixedNumConn and EventFixedProb: the peer's layers as fronts of the rules."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from scipy import sparse
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


def test_a_number_of_sources_of_every_target():
    layer = sl.nn.FixedNumConn(20, 10, 3, W, "pre", seed=1)
    assert (layer.in_degree == 3).all()
    assert (sl.nn.EventFixedNumConn(20, 10, 0.25, W, efferent_target="pre").in_degree == 5).all()
    assert (sl.nn.FixedNumConn(20, 10, 3, W, seed=1).out_degree == 3).all()
    with pytest.raises(ValueError, match="efferent_target must be 'post' or 'pre'; given 'both'"):
        sl.nn.FixedNumConn(20, 10, 3, W, "both")


@pytest.mark.parametrize("weight", [W, sl.init.Uniform(0.0 * u.nS, 1.0 * u.nS)], ids=["one", "each"])
def test_some_sources_keep_their_synapses(weight):
    def make(**options):
        return sl.nn.EventFixedNumConn(1000, 20, 3, weight, allow_multi_conn=False, seed=4, **options)

    whole, part = make(), make(afferent_ratio=0.3, conn_init="for_loop")
    kept = part.out_degree == 3
    assert 250 < kept.sum() < 350
    assert (part.out_degree[~kept] == 0).all()
    np.testing.assert_array_equal(make(afferent_ratio=0.3).indices, part.indices)
    spikes = jnp.asarray(np.random.default_rng(0).random(1000) < 0.5)
    np.testing.assert_allclose(part(spikes).mantissa, whole(spikes & kept).mantissa, rtol=1e-5)
    assert make(afferent_ratio=1.0).num_synapses == 3000
    with pytest.raises(ValueError, match=r"afferent_ratio must lie in \[0, 1\], without a unit; given 1\.5"):
        make(afferent_ratio=1.5)
    with pytest.raises(ValueError, match="conn_init must be 'vmap' or 'for_loop'; given 'scan'"):
        make(conn_init="scan")


def test_fixed_prob_takes_the_keywords_of_fixed_num():
    layer = sl.nn.EventFixedProb(30, 40, 0.2, W, "pre", 0.5, False, 2)
    whole = FixedProb(0.2, W, seed=2)(30, 40)
    kept = layer.out_degree > 0
    np.testing.assert_array_equal(layer.out_degree, np.where(kept, whole.out_degree, 0))
    assert 5 < kept.sum() < 25
    assert (sl.nn.EventFixedProb(30, 40, 7, W, allow_multi_conn=False, seed=2).out_degree == 7).all()
    assert isinstance(layer, sl.nn.EventFixedNumConn)


def test_the_weight_of_event_linear_is_an_array():
    layer = sl.nn.EventLinear(3, 4, sl.init.Normal(), param_type=sl.ParamState)
    assert layer.weight.value.shape == (3, 4)
    layer.weight.value = layer.weight.value * 2
    np.testing.assert_allclose(layer(jnp.ones(3)), layer.weight.value.sum(0), rtol=1e-6)
    np.testing.assert_allclose(sl.transform.grad(lambda: layer(jnp.ones(3)).sum(), layer.weight)(), np.ones((3, 4)))


@pytest.mark.parametrize("weight", [0.5, np.arange(12.0).reshape(3, 4)])
def test_event_linear_multiplies_spikes_by_a_dense_matrix(weight):
    layer = sl.nn.EventLinear(3, 4, weight * u.nS)
    spikes = jnp.asarray([[True, False, True], [False, False, False]])
    out = layer(spikes)
    assert out.unit == u.nS
    np.testing.assert_allclose(out.mantissa, np.asarray(spikes) @ np.broadcast_to(weight, (3, 4)), rtol=1e-6)
    np.testing.assert_allclose(layer(spikes.astype(jnp.float32)).mantissa, out.mantissa)


def test_sparse_linear_is_a_sparse_matrix_with_a_bias():
    matrix = sparse.random_array((5, 7), density=0.5, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    for given in (matrix, matrix.tocsr()):
        layer = sl.nn.SparseLinear(given, b_init=sl.init.Constant(0.5))
        np.testing.assert_allclose(layer(x), x @ matrix.toarray() + 0.5, rtol=1e-5, atol=1e-6)
    assert len(layer.parameters()) == 2
    assert len(sl.nn.SparseLinear(matrix).parameters()) == 1
    gradient = sl.transform.grad(lambda: (layer(x) ** 2).sum())()
    assert all(np.abs(np.asarray(g)).max() > 0 for g in gradient.values())
    with pytest.raises(TypeError, match="takes a matrix in compressed rows; given ndarray"):
        sl.nn.SparseLinear(np.eye(3))
