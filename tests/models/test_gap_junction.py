"""Gap junctions: a linear system of cells, conservation of charge, who is coupled with whom, gradients."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError

TAU = 10.0


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def cells(n, start=None, **kwargs):
    start = {} if start is None else {"V_initializer": np.asarray(start, float) * u.mV}
    silent = {"V_th": 1e6 * u.mV, "spk_fun": sl.surrogate.ReluGrad(width=0.2)}  # whose surrogate does not reach V
    return sl.LIF(n, **{"tau": TAU * u.ms, **silent, **start, **kwargs})


class Net(sl.nn.Module):
    def __init__(self, junction, junction_first=True):
        super().__init__()
        self.junction, self.junction_first = junction, junction_first
        self.populations = [junction.pre] if junction.pre is junction.post else [junction.pre, junction.post]

    def update(self):
        if self.junction_first:
            self.junction()
        for population in self.populations:
            population()
        if not self.junction_first:
            self.junction()
        return [population.V.value.to_decimal(u.mV) for population in self.populations]


def run(net, T, dt, batch=None):
    sl.nn.init_all_states(net, batch_size=batch)
    with sl.environ.context(dt=dt * u.ms):
        return [V[-1] for V in sl.transform.for_loop(net, length=round(T / dt))]


def coupled(pairs, forth, back, n):
    """dV/dt = A V of n cells in ms: R is 1 Ω and weights are in S."""
    A = -np.eye(n)
    for (i, j), w, v in zip(pairs, forth, back, strict=True):
        A[j] += w * (np.eye(n)[i] - np.eye(n)[j])
        A[i] += v * (np.eye(n)[j] - np.eye(n)[i])
    return A / TAU


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
def test_two_coupled_cells_converge_to_the_linear_system(first, symmetric):
    start, pairs = [3.0, -1.0], [(0, 1)]
    make = {
        True: lambda N: sl.SymmetryGapJunction(N, "V", pairs, 0.8 * u.siemens),
        False: lambda N: sl.AsymmetryGapJunction(N, "V", N, "V", pairs, np.array([0.8, 0.3]) * u.siemens),
    }
    A = coupled(pairs, [0.8], [0.8 if symmetric else 0.3], 2)
    wanted = scipy.linalg.expm(A * 5.0) @ start
    errors = []
    for dt in (0.1, 0.05, 0.025):
        (V,) = run(Net(make[symmetric](cells(2, start)), first), 5.0, dt)
        errors.append(np.abs(V - wanted).max())
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 1, atol=0.1)
    assert errors[0] < (0.03 if first else 0.1)


def test_several_junctions_of_a_cell_add_up():
    rng = np.random.default_rng(0)
    pairs = [(0, 1), (0, 2), (3, 0), (0, 1)]
    weights, start = rng.uniform(0.1, 0.4, 4), rng.normal(size=4)
    net = Net(sl.SymmetryGapJunction(cells(4, start), "V", pairs, weights * u.siemens))
    (V,) = run(net, 4.0, 0.001)
    np.testing.assert_allclose(V, scipy.linalg.expm(coupled(pairs, weights, weights, 4) * 4.0) @ start, atol=5e-4)


def test_two_populations_of_any_shape():
    pre, post = cells((2, 2), np.arange(4).reshape(2, 2)), cells(3, [5.0, 6.0, 7.0])
    pairs = [(3, 0), (1, 2)]
    net = Net(sl.SymmetryGapJunction((pre, post), ("V", "V"), pairs, 0.5 * u.siemens))
    V, W = run(net, 3.0, 0.001)
    A = coupled([(i, 4 + j) for i, j in pairs], [0.5, 0.5], [0.5, 0.5], 7)
    wanted = scipy.linalg.expm(A * 3.0) @ [0, 1, 2, 3, 5, 6, 7]
    np.testing.assert_allclose(np.concatenate([V.ravel(), W]), wanted, atol=2e-3)


def test_symmetric_junctions_keep_the_sum_of_charges():
    rng = np.random.default_rng(1)
    n, pairs = 12, rng.integers(0, 12, (30, 2))
    sum_of = lambda net: run(net, 2.0, 0.1)[0].sum()  # noqa: E731
    start = rng.normal(size=n)
    alone = sum_of(Net(sl.SymmetryGapJunction(cells(n, start), "V", [], 0.5 * u.siemens)))
    together = sum_of(Net(sl.SymmetryGapJunction(cells(n, start), "V", pairs, 0.5 * u.siemens)))
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_a_batch_is_its_samples_one_by_one():
    start = np.random.default_rng(2).normal(size=(3, 4))
    net = Net(sl.SymmetryGapJunction(cells(4), "V", [(0, 1), (1, 2)], 0.5 * u.siemens))
    sl.nn.init_all_states(net, batch_size=3)
    net.populations[0].V.value = start * u.mV
    (together,) = [V[-1] for V in sl.transform.for_loop(net, length=20)]
    for k in range(3):
        sl.nn.init_all_states(net)
        net.populations[0].V.value = start[k] * u.mV
        (alone,) = [V[-1] for V in sl.transform.for_loop(net, length=20)]
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)


def test_a_batch_of_populations_of_two_axes():
    pairs, start = [(0, 3), (1, 2)], np.arange(8.0).reshape(2, 4)
    grid, flat = (Net(sl.SymmetryGapJunction(cells(size), "V", pairs, 0.5 * u.siemens)) for size in ((2, 2), 4))
    for net, shape in ((grid, (2, 2, 2)), (flat, (2, 4))):
        sl.nn.init_all_states(net, batch_size=2)
        net.populations[0].V.value = start.reshape(shape) * u.mV
        net()
        net()
    ours, wanted = (net.populations[0].V.value.mantissa for net in (grid, flat))
    np.testing.assert_allclose(ours.reshape(2, 4), wanted, rtol=1e-12)


def test_currents_flow_for_one_step():
    N = cells(2, [1.0, 0.0])
    net = Net(sl.SymmetryGapJunction(N, "V", [(0, 1)], 0.5 * u.siemens))
    sl.nn.init_all_states(net)
    net()
    coupled_once = N.V.value.mantissa
    N()
    np.testing.assert_allclose(N.V.value.mantissa, coupled_once * np.exp(-0.1 / TAU), rtol=1e-12)


@pytest.mark.parametrize(
    "conn",
    [
        [(0, 2), (1, 0)],
        np.array([[0, 2], [1, 0]]),
        (np.array([0, 1]), np.array([2, 0])),
        ([0, 1], [2, 0]),
        lambda pre, post: (np.array([0, 1]), np.array([2, 0])),
    ],
)
def test_pairs_may_be_given_in_several_ways(conn):
    junction = sl.SymmetryGapJunction(cells(3), "V", conn, 0.5 * u.siemens)
    np.testing.assert_array_equal(junction.pre_ids, [0, 1])
    np.testing.assert_array_equal(junction.post_ids, [2, 0])


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("each", [True, False])
def test_weights_train(symmetric, each):
    N, pairs = cells(3, [3.0, -1.0, 0.5]), [(0, 1), (1, 2)]
    shape = ((2,) if each else ()) + (() if symmetric else (2,))
    weight = np.random.default_rng(3).uniform(0.1, 0.5, shape) * u.siemens
    if symmetric:
        junction = sl.SymmetryGapJunction(N, "V", pairs, weight)
    else:
        junction = sl.AsymmetryGapJunction(N, "V", N, "V", pairs, weight)
    assert junction.weight in junction.states(sl.ParamState).values()
    net = Net(junction)

    def loss():
        sl.nn.init_all_states(net)
        (V,) = sl.transform.for_loop(net, length=20)
        return (V * jnp.arange(1.0, 4.0)).sum()

    (slope,) = jax.tree.leaves(sl.transform.grad(loss, [junction.weight])())
    value, run_loss, h = junction.weight.value, sl.transform.jit(loss), 1e-6
    for k in np.ndindex(shape):
        ends = []
        for sign in (1, -1):
            moved = np.array(value.mantissa)
            moved[k] += sign * h
            junction.weight.value = u.Quantity(jnp.asarray(moved), unit=u.siemens)
            ends.append(run_loss())
        np.testing.assert_allclose(np.asarray(slope)[k], (ends[0] - ends[1]) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"couples": 3}, TypeError, "gap: pre must be a neuron population"),
        ({"states": "U"}, ValueError, "gap: pre has no state 'U'; LIF has V"),
        ({"conn": [(0, 3)]}, ValueError, r"gap: indices in conn must lie in 0 … 2"),
        ({"conn": [(-1, 0)]}, ValueError, r"gap: indices in conn must lie in 0 … 2"),
        ({"conn": sl.connect.FixedOutDegree(1, 1.0)}, TypeError, "gap: conn must be a list of pairs or a tuple"),
        ({"conn": [(0, 1, 2), (0, 1, 2)]}, ShapeError, r"gap: conn must have the shape \(pairs, 2\); given \(2, 3\)"),
        ({"conn": [(0.5, 1.0)]}, TypeError, "gap: conn must hold whole numbers"),
        ({"conn": ([0, 1], [1])}, ShapeError, "gap: conn must give as many sources as targets"),
        ({"conn": (np.array([0.5]), np.array([1]))}, TypeError, "gap: conn must hold whole numbers"),
        ({"weight": 0.5}, UnitError, "gap: weight × V"),
        ({"weight": 0.5 * u.mV}, UnitError, "gap: weight × V"),
        ({"weight": np.ones(3) * u.mS}, ShapeError, r"gap: weight must have the shape \(\) or \(2,\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change, error, message):
    given = {
        "couples": cells(3),
        "states": "V",
        "conn": [(0, 1), (1, 2)],
        "weight": 0.5 * u.mS,
        "name": "gap",
        **change,
    }
    with pytest.raises(error, match=message):
        sl.SymmetryGapJunction(**given)
