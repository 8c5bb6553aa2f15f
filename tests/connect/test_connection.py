"""Connection: checks of what it is given, and what it delivers."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.connect import Connection

INDICES, INDPTR = [1, 3, 0, 2, 2], [0, 2, 2, 5]  # 3 sources, 4 targets


def dense(weight):
    matrix = np.zeros((3, 4))
    np.add.at(matrix, (np.repeat(range(3), np.diff(INDPTR)), INDICES), weight)
    return matrix


@pytest.mark.parametrize("weight", [2.0, np.arange(5.0) + 1])
@pytest.mark.parametrize("spikes", [np.array([1.0, 0, 1]), np.array([True, True, False]), np.array([0, 1, 2]),
                                    np.array([[1.0, 0, 1], [0.5, 1, 0]])])  # fmt: skip
def test_delivers_the_weights_of_what_spiked(weight, spikes):
    connection = Connection(INDICES, INDPTR, weight * u.nS, 3, 4)
    out = connection(jnp.asarray(spikes))
    assert out.unit == u.nS
    np.testing.assert_allclose(out.mantissa, spikes @ dense(weight), rtol=1e-6)


def test_adds_to_a_target_in_the_targets_unit():
    connection = Connection(INDICES, INDPTR, np.arange(5.0) * u.nS, 3, 4)
    out = connection.add_into(jnp.ones(3), jnp.full(4, 1e-3) * u.uS)
    assert out.unit == u.uS
    np.testing.assert_allclose(out.mantissa, 1e-3 + dense(np.arange(5.0)).sum(0) * 1e-3, rtol=1e-6)
    with pytest.raises(UnitError, match=r"Connection\.weight is in nS, but the target takes mV"):
        connection.add_into(jnp.ones(3), jnp.zeros(4) * u.mV)
    with pytest.raises(UnitError, match=r"Connection\.weight is in nS"):
        connection.add_into(jnp.ones(3), jnp.zeros(4))


def test_populations_of_several_axes():
    connection = Connection(INDICES, INDPTR, 1.0, 3, (2, 2))
    out = connection.add_into(jnp.ones(3), jnp.zeros((2, 2)))
    np.testing.assert_array_equal(out, dense(1.0).sum(0).reshape(2, 2))
    out = connection.add_into(jnp.ones((5, 3)), jnp.zeros((5, 2, 2)))
    np.testing.assert_array_equal(out, np.broadcast_to(dense(1.0).sum(0).reshape(2, 2), (5, 2, 2)))


@pytest.mark.parametrize(
    ("indices", "indptr", "error", "message"),
    [
        ([1, 4, 0, 2, 2], INDPTR, ValueError, r"Indices must lie in 0 … 3; given 0 … 4"),
        ([1, -1, 0, 2, 2], INDPTR, ValueError, r"Indices must lie in 0 … 3; given -1 … 2"),
        ([1, np.nan, 0, 2, 2], INDPTR, TypeError, "indices must be whole numbers; given an array of float64"),
        ([1.0, 3.0, 0.0, 2.0, 2.0], INDPTR, TypeError, "indices must be whole numbers"),
        (INDICES, [0.0, 2.0, 2.0, 5.0], TypeError, "indptr must be whole numbers"),
        (INDICES, [0, 2, 5], ValueError, "indptr must have 4 numbers"),
        (INDICES, [0, 3, 2, 5], ValueError, "indptr must have 4 numbers that rise"),
        (INDICES, [1, 2, 2, 5], ValueError, "indptr must have 4 numbers"),
        (INDICES, [0, 2, 2, 4], ValueError, "indptr must have 4 numbers"),
        (INDICES, [], ValueError, "all rows are equally long, but 5 synapses / 3 rows"),
    ],
)
def test_bad_rows_are_refused(indices, indptr, error, message):
    with pytest.raises(error, match=message):
        Connection(indices, indptr, 1.0, 3, 4)


@pytest.mark.parametrize("weight", [np.ones(4), np.ones((5, 1, 1)), np.ones(0)])
def test_weights_of_another_number_are_refused(weight):
    with pytest.raises(ShapeError, match="one number or one for each of the 5 synapses"):
        Connection(INDICES, INDPTR, weight * u.nS, 3, 4)


def test_weights_that_are_no_real_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        Connection(INDICES, INDPTR, np.array([1, 2, np.nan, 4, 5]) * u.nS, 3, 4)
    with pytest.raises(TypeError, match="real"):
        Connection(INDICES, INDPTR, 1j, 3, 4)


@pytest.mark.parametrize("spikes", [np.ones(4), np.ones((3, 2)), 1.0])
def test_spikes_of_another_size_are_refused(spikes):
    connection = Connection(INDICES, INDPTR, 1.0, 3, 4)
    with pytest.raises(ShapeError, match=r"Connection takes spikes of 3 sources on the last axis"):
        connection(jnp.asarray(spikes))


def test_spikes_with_a_unit_are_refused():
    with pytest.raises(UnitError, match="takes spikes without a unit"):
        Connection(INDICES, INDPTR, 1.0, 3, 4)(jnp.ones(3) * u.mV)


def test_no_synapse_at_all():
    empty = Connection([], [0, 0, 0, 0], 1.0 * u.nS, 3, 4)
    assert np.array_equal(empty(jnp.ones(3)).mantissa, np.zeros(4))
    assert empty.num_synapses == 0


def test_weights_enter_a_program_as_arguments():
    connection = Connection(np.zeros(3000, int), np.array([0, 1000, 2000, 3000]), np.ones(3000) * u.nS, 3, 4)
    text = sl.transform.jit(connection).lower(jnp.ones(3)).as_text()
    signature = next(line for line in text.splitlines() if "func.func public @main" in line)
    assert signature.count("tensor<3000x") == 2  # indices and weights
    assert "dense_resource" not in text


@pytest.mark.parametrize("weight", [2.0, np.arange(5.0) + 1])
def test_gradients_to_weights_and_spikes(weight):
    sl.environ.set(precision=64)
    connection = Connection(INDICES, INDPTR, weight, 3, 4)
    scale = jnp.arange(4.0) + 1

    def loss(spikes):
        return (connection(spikes) ** 2 * scale).sum()

    spikes = jnp.asarray([1.0, 0.5, -2.0])
    by_state, by_spikes = sl.transform.grad(loss, connection.states(sl.ParamState), argnums=0)(spikes)
    matrix = jnp.asarray(dense(weight))
    np.testing.assert_allclose(by_spikes, jax.grad(lambda s: ((s @ matrix) ** 2 * scale).sum())(spikes), rtol=1e-12)
    wanted = jax.grad(lambda m: ((spikes @ m) ** 2 * scale).sum())(matrix)
    each = wanted[np.repeat(range(3), np.diff(INDPTR)), jnp.asarray(INDICES)]
    (ours,) = jax.tree.leaves(by_state)
    np.testing.assert_allclose(ours, each if np.ndim(weight) else each.sum(), rtol=1e-12)


def test_under_vmap():
    connection = Connection(INDICES, INDPTR, np.arange(5.0), 3, 4)
    spikes = jnp.asarray(np.random.default_rng(0).random((6, 3)) < 0.5)
    np.testing.assert_allclose(sl.transform.vmap(connection)(spikes), spikes @ dense(np.arange(5.0)), rtol=1e-6)


# --- delays, storage ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spikes", [np.array([1.0, 0, 1]), jnp.asarray([True, False, True]), jnp.ones((2, 3))])
def test_spikes_times_the_connection(spikes):
    connection = Connection(INDICES, INDPTR, np.arange(5.0) * u.nS, 3, 4)
    product = spikes @ connection
    assert product.unit == u.nS
    np.testing.assert_allclose(product.mantissa, np.asarray(spikes, float) @ dense(np.arange(5.0)), rtol=1e-6)
    assert np.array_equal(sl.transform.jit(lambda s: s @ connection)(spikes).mantissa, product.mantissa)


def test_indices_take_16_bits_where_they_fit():
    assert Connection(INDICES, INDPTR, 1.0, 3, 4).indices.dtype == np.uint16
    assert Connection([65_535], [0, 1], 1.0, 1, 65_536).indices.dtype == np.uint16
    assert Connection([65_536], [0, 1], 1.0, 1, 65_537).indices.dtype == np.uint32


def test_a_call_by_itself_cannot_delay():
    with pytest.raises(ValueError, match=r"Connection has delays.*needs a projection"):
        Connection(INDICES, INDPTR, 1.0, 3, 4, delay=2)(jnp.ones(3))
    assert Connection(INDICES, INDPTR, 1.0, 3, 4, delay=0)(jnp.ones(3)).shape == (4,)


def test_prune_leaves_out_weak_synapses():
    sl.environ.set(dt=1.0 * u.ms)
    delay = np.array([2, 1, 3, 2])
    full = Connection([0, 2, 1, 0], [0, 2, 3, 4], np.array([0.1, -0.6, 0.3, -0.2]) * u.mV, 3, 3, delay=delay)
    left = full.prune(0.3 * u.mV)
    edges, wanted = left.to_coo(), full.to_coo()
    keep = np.abs(wanted.weight.mantissa) >= 0.3
    assert (full.num_synapses, left.num_synapses) == (4, keep.sum())
    for ours, before in zip(edges, wanted, strict=True):
        np.testing.assert_array_equal(u.get_mantissa(ours), u.get_mantissa(before)[keep])
    assert Connection([0, 1], [0, 2], 0.1, 1, 2).prune(0.2).num_synapses == 0
    assert Connection([0, 1], [0, 2], 0.3, 1, 2).prune(0.2).num_synapses == 2
    with pytest.raises(TypeError, match="prune: below must be in the unit of the weights, mV"):
        full.prune(0.3)
    with pytest.raises(ValueError, match="not negative"):
        full.prune(-0.3 * u.mV)


@pytest.mark.parametrize("weight", [2.0, np.arange(1.0, 6.0)])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_one_to_one_is_a_product(weight, batch):
    connection = sl.connect.OneToOne(weight)(5, 5)
    assert connection.is_one_to_one
    spikes = np.random.default_rng(0).integers(0, 3, (*batch, 5))
    for given in (jnp.asarray(spikes), jnp.asarray(spikes, jnp.float32), jnp.asarray(spikes > 0)):
        expected = np.asarray(given, float) * weight + 1
        np.testing.assert_allclose(connection.add_into(given, jnp.ones((*batch, 5))), expected)
    connection.indices = jnp.array([1, 0, 2, 3, 4], connection.indices.dtype)
    assert not connection.is_one_to_one
    found = connection(jnp.array([1.0, 0, 0, 0, 0]))
    np.testing.assert_allclose(found, [0, np.ravel(weight)[0], 0, 0, 0])
