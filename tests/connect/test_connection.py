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
    out = connection.accumulate(jnp.ones(3), jnp.full(4, 1e-3) * u.uS)
    assert out.unit == u.uS
    np.testing.assert_allclose(out.mantissa, 1e-3 + dense(np.arange(5.0)).sum(0) * 1e-3, rtol=1e-6)
    with pytest.raises(UnitError, match=r"Connection\.weight is in nS, but the target takes mV"):
        connection.accumulate(jnp.ones(3), jnp.zeros(4) * u.mV)
    with pytest.raises(UnitError, match=r"Connection\.weight is in nS"):
        connection.accumulate(jnp.ones(3), jnp.zeros(4))


def test_populations_of_several_axes():
    connection = Connection(INDICES, INDPTR, 1.0, 3, (2, 2))
    out = connection.accumulate(jnp.ones(3), jnp.zeros((2, 2)))
    np.testing.assert_array_equal(out, dense(1.0).sum(0).reshape(2, 2))
    out = connection.accumulate(jnp.ones((5, 3)), jnp.zeros((5, 2, 2)))
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


@pytest.mark.parametrize(
    ("indices", "indptr", "delay", "expected"),
    [
        ([0, 1, 1, 0, 2], [0, 3, 3, 5], None, True),
        ([0, 1, 0, 0, 2], [0, 3, 3, 5], None, False),
        ([3, 2, 1, 0], [0, 1, 2, 4], None, False),
        ([3, 2, 1, 1], [0, 1, 2, 4], None, True),
        ([3, 2, 1], [], None, True),
        ([3, 0, 1, 0, 2, 1], [], [1, 2, 1, 2, 2, 3], True),
        ([3, 0, 1, 0, 2, 1], [], [1, 2, 1, 2, 3, 2], False),
        ([3, 0, 1, 0, 2, 1], [], [1, 1, 1, 2, 2, 3], False),
        ([3, 0, 1, 0, 2, 1], [], 4, False),
        ([], [0, 0, 0, 0], None, True),
    ],
)
def test_knows_whether_rows_ascend(indices, indptr, delay, expected):
    delay = delay if delay is None or isinstance(delay, int) else np.array(delay)
    assert Connection(indices, indptr, 1.0, 3, 4, delay=delay)._is_sorted == expected


def test_order_of_rows_is_found_across_chunks(monkeypatch):
    monkeypatch.setattr("spikeloop.connect._delays._CHUNK", 2)
    rng = np.random.default_rng(0)
    for _ in range(30):
        indices, lengths = rng.integers(0, 9, 7), rng.multinomial(7, [0.25] * 4)
        if rng.random() < 0.5:
            indices = np.concatenate([np.sort(part) for part in np.split(indices, np.cumsum(lengths)[:-1])])
        rows = np.split(indices, np.cumsum(lengths)[:-1])
        connection = Connection(indices, np.append(0, np.cumsum(lengths)), 1.0, 4, 9)
        assert connection._is_sorted == all((np.diff(row) >= 0).all() for row in rows)


def test_delays_become_steps():
    sl.environ.set(dt=0.5 * u.ms)
    make = lambda delay, **kw: Connection(INDICES, INDPTR, 1.0, 3, 4, delay=delay, **kw)  # noqa: E731
    one, each = make(1.5 * u.ms), make(np.array([0.5, 1, 0, 2, 1.5]) * u.ms)
    assert (one.delay, one.dt, one.longest_delay, one.has_own_delays) == (3, 0.5, 3, False)
    assert each.delay.tolist() == [1, 2, 0, 4, 3]
    assert (each.delay.dtype, each.longest_delay, each.has_own_delays) == (np.uint8, 4, True)
    assert make(np.full(5, 300)).delay.dtype == np.uint16
    steps = make(7)
    assert (steps.delay, steps.dt) == (7, None)
    assert make(7, dt=0.1 * u.ms).dt == 0.1


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        (np.array([1, 2, 3]), ShapeError, "one time or one for each of the 5 synapses"),
        (1.5, UnitError, r"Connection: delay needs a time such as `1.5 \* u.ms`, or whole numbers of steps"),
        (1.5 * u.mV, UnitError, "Connection: delay needs a time"),
        (-1, ValueError, "must be 0 to 65535 steps; given -1"),
        (-1.0 * u.ms, ValueError, "Connection: delay must not be negative"),
        (np.array([1, np.nan, 1, 1, 1]) * u.ms, ValueError, "Connection: delay holds NaN"),
        (1.0 * u.hour, ValueError, "at most 65535 are possible"),
    ],
)
def test_delays_that_are_none_are_refused(delay, error, message):
    sl.environ.set(dt=0.1 * u.ms)
    with pytest.raises(error, match=message):
        Connection(INDICES, INDPTR, 1.0, 3, 4, delay=delay)


def test_delays_in_ms_ask_for_dt():
    with pytest.raises(KeyError, match=r"dt.*Connection: delay(?s:.*)sl\.environ\.set\(dt="):
        Connection(INDICES, INDPTR, 1.0, 3, 4, delay=1.0 * u.ms)


def test_a_call_by_itself_cannot_delay():
    with pytest.raises(ValueError, match=r"Connection has delays.*Give it to a projection"):
        Connection(INDICES, INDPTR, 1.0, 3, 4, delay=2)(jnp.ones(3))
    assert Connection(INDICES, INDPTR, 1.0, 3, 4, delay=0)(jnp.ones(3)).shape == (4,)
