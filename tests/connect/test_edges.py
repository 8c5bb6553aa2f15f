"""Given synapses: edges, compressed rows, SciPy matrices, in and out."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from spikeloop import connect
from spikeloop._errors import ShapeError


@settings(max_examples=40, deadline=None, derandomize=True)
@given(edges=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.floats(-3, 3)), min_size=1, max_size=30))
def test_edges_arrive_where_they_should(edges):
    sources, targets, weight = (np.array(x) for x in zip(*edges, strict=True))
    connection = connect.Edges(sources, targets, weight)(5, 7)
    wanted = sparse.coo_array((weight, (sources, targets)), shape=(5, 7))
    np.testing.assert_allclose(connection.to_scipy().toarray(), wanted.toarray(), rtol=1e-5, atol=1e-6)
    back = connection.to_coo()
    assert sorted(zip(back.sources, back.targets, strict=True)) == sorted(zip(sources, targets, strict=True))
    assert (np.lexsort((back.targets, back.sources)) == np.arange(len(edges))).all()


def test_edges_without_the_native_library(monkeypatch):
    rule = connect.Edges([2, 0, 2], [1, 1, 0], [1.0, 2.0, 3.0])
    native = rule(3, 2).to_scipy().toarray()
    monkeypatch.setattr(sl.kernels._library, "native", None)
    np.testing.assert_array_equal(rule(3, 2).to_scipy().toarray(), native)
    np.testing.assert_array_equal(native, [[0, 2], [0, 0], [3, 1]])


@pytest.mark.parametrize(
    ("sources", "targets", "error", "message"),
    [
        ([0, 3], [0, 1], ValueError, "sources must lie in 0 … 2; given 3"),
        ([0, 1], [0, 4], ValueError, "targets must lie in 0 … 3; given 4"),
        ([0, -1], [0, 1], ValueError, "sources must be numbers of neurons, 0 or more; given -1 … 0"),
        ([0.0, 1.0], [0, 1], TypeError, "sources must be whole numbers"),
        ([0, 1, 2], [0, 1], ShapeError, "3 sources but 2 targets"),
    ],
)
def test_bad_edges_are_refused(sources, targets, error, message):
    with pytest.raises(error, match=message):
        connect.Edges(sources, targets, 1.0)(3, 4)


def test_bad_weights_of_edges_are_refused():
    with pytest.raises(ShapeError, match="one for each of the 2 synapses"):
        connect.Edges([0, 1], [0, 1], np.ones(3))(3, 3)
    with pytest.raises(ValueError, match="NaN"):
        connect.Edges([0, 1], [0, 1], [1.0, np.nan])(3, 3)


def test_rows_given_out_of_order_are_stored_in_order_with_their_weights():
    connection = connect.from_csr(np.arange(5.0) * u.nS, [3, 1, 2, 0, 2], [0, 2, 2, 5], (3, 4))
    assert connection.indices.tolist() == [1, 3, 0, 2, 2]
    assert connection.weight.value.mantissa.tolist() == [1, 0, 3, 2, 4]
    assert connection.indices.dtype == jnp.uint16


def test_what_is_given_is_copied():
    indices, weight = np.array([1, 2], np.uint16), np.ones(2, np.float32)
    connection = connect.from_csr(weight, indices, np.array([0, 1, 2], np.int32), (2, 3))
    indices[:], weight[:] = 0, 7
    assert connection.indices.tolist() == [1, 2]
    assert connection.weight.value.tolist() == [1, 1]


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.coo_array, sparse.csc_matrix])
def test_scipy_in_and_out(kind):
    matrix = sparse.random_array((6, 9), density=0.4, rng=np.random.default_rng(0))
    connection = connect.from_scipy(kind(matrix), unit=u.nS)
    out = connection(jnp.eye(6))
    assert out.unit == u.nS
    np.testing.assert_allclose(out.mantissa, matrix.toarray(), rtol=1e-6)
    np.testing.assert_allclose(connection.to_scipy().toarray(), matrix.toarray(), rtol=1e-6)
    with pytest.raises(TypeError, match="takes a sparse matrix of SciPy"):
        connect.from_scipy(np.eye(3))


def test_targets_beyond_16_bits():
    assert connect.Edges([0], [65_535], 1.0)(1, 65_536).indices.dtype == jnp.uint16
    wide = connect.Edges([0, 0], [65_536, 5], np.array([1.0, 2.0]))(1, 65_537)
    assert wide.indices.dtype == jnp.uint32
    out = wide(jnp.ones(1))
    assert (out[5], out[65_536], out.sum()) == (2, 1, 3)
