"""Losses, metrics and encoders against closed forms."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import spikeloop as sl

SPIKES = np.zeros((5, 2, 3))
SPIKES[:4, 0, 1] = 1  # sample 0: 4 spikes of class 1
SPIKES[2, 1, 0] = 1  # sample 1: one spike of class 0, in step 2


def test_cross_entropies_of_counts_potentials_and_latencies():
    labels = np.array([1, 2])
    of = lambda scores: float(-(scores - np.log(np.exp(scores).sum(-1, keepdims=True)))[[0, 1], labels].mean())  # noqa: E731
    counts = np.array([[0, 4, 0], [1, 0, 0.0]])
    assert sl.train.rate_cross_entropy(SPIKES, labels) == pytest.approx(of(counts), rel=1e-6)
    V = np.random.default_rng(0).normal(size=(5, 2, 3))
    for reduce, scores in (("max", V.max(0)), ("mean", V.mean(0)), ("last", V[-1])):
        assert sl.train.membrane_cross_entropy(V, labels, reduce) == pytest.approx(of(scores), rel=1e-5)
    each = np.mean([of(step) for step in V])
    assert sl.train.membrane_cross_entropy(V * u.mV, labels, "each") == pytest.approx(each, rel=1e-5)
    scores = np.array([[0, np.exp(-np.arange(4) / 10).sum(), 0], [np.exp(-0.2), 0, 0]])
    found = sl.train.latency_cross_entropy(SPIKES, labels, 10.0 * u.ms, dt=1.0 * u.ms)
    assert found == pytest.approx(of(scores), rel=1e-5)


def test_count_loss():
    wanted = np.array([[0.2, 0.8, 0.2], [0.2, 0.2, 0.8]])
    expected = ((SPIKES.mean(0) - wanted) ** 2).mean()
    assert sl.train.count_loss(SPIKES, np.array([1, 2])) == pytest.approx(expected, rel=1e-6)


def test_van_rossum_of_one_spike_is_a_half_and_of_two_as_their_distance():
    trains = np.zeros((400, 1))
    trains[7] = 1
    assert sl.train.van_rossum(trains, 0 * trains, 10 * u.ms, dt=1.0 * u.ms) == pytest.approx(0.5, rel=1e-5)
    later = np.roll(trains, 5, axis=0)
    expected = 1 - np.exp(-0.5)
    assert sl.train.van_rossum(trains, later, 10 * u.ms, dt=1.0 * u.ms) == pytest.approx(expected, rel=1e-5)
    gradient = jax.grad(lambda x: sl.train.van_rossum(x, later, 10 * u.ms, dt=1.0 * u.ms))(jnp.asarray(trains))
    assert float(gradient[7, 0]) > 0 > float(gradient[12, 0])


def test_time_constants_are_times_or_numbers_of_steps():
    losses = {
        "latency_cross_entropy": (SPIKES, np.array([1, 2])),
        "van_rossum": (SPIKES, np.roll(SPIKES, 1, axis=0)),
    }
    for name, given in losses.items():
        loss = getattr(sl.train, name)
        in_steps = loss(*given, tau=20.0)  # which asks nothing of `environ`
        assert in_steps == pytest.approx(float(loss(*given, tau=10 * u.ms, dt=500 * u.us)), rel=1e-6)
        with sl.environ.context(dt=0.5 * u.ms):
            assert loss(*given, tau=10 * u.ms) == loss(*given, tau=20.0) == in_steps
        with pytest.raises(sl.errors.UnitError, match=f"{name}: a tau without unit is a number of steps"):
            loss(*given, tau=10.0, dt=1.0 * u.ms)
        with pytest.raises(sl.errors.UnitError, match=f"{name}: tau"):
            loss(*given, tau=10 * u.mV, dt=1.0 * u.ms)


@pytest.mark.parametrize("name", ["latency_cross_entropy", "van_rossum"])
def test_losses_of_spike_times_train_layers_without_units(name):
    rng = np.random.default_rng(0)
    net = sl.nn.Sequential(sl.nn.Linear(8, 4, rng.normal(0.4, 0.2, (8, 4))), sl.snn.LIF(4, tau=5.0))
    x, labels = jnp.asarray(rng.random((20, 3, 8)) < 0.4, float), jnp.asarray([0, 1, 3])
    wanted = jnp.zeros((20, 3, 4)).at[5, jnp.arange(3), labels].set(1.0)

    def loss():
        sl.nn.init_all_states(net, batch_size=3)
        spikes = sl.transform.for_loop(net, x, fused=True)
        given = labels if name == "latency_cross_entropy" else wanted
        return getattr(sl.train, name)(spikes, given, tau=5.0)

    optimizer = sl.train.Optimizer(optax.adam(0.05), net)
    with pytest.raises(ValueError, match=r"gradients of \('layers', 0, 'weight'\) were given; it trains"):
        optimizer.update(sl.transform.grad(loss, net.states(sl.ParamState))())

    @sl.transform.jit
    def step():
        gradients, value = sl.transform.grad(loss, optimizer.states_to_train, return_value=True)()
        optimizer.update(gradients)
        return value

    losses = [float(step()) for _ in range(15)]
    assert losses[-1] < 0.8 * losses[0], losses


def test_penalty_and_fractions():
    spikes = np.zeros((10, 4, 3))
    spikes[..., 1], spikes[::2, :, 2] = 1, 1
    assert sl.train.rate_penalty(spikes, 0.1, 0.8) == pytest.approx((0.01 + 0.04) / 3, rel=1e-5)
    assert sl.train.silent_fraction(spikes) == pytest.approx(1 / 3)
    assert sl.train.saturated_fraction(spikes) == pytest.approx(1 / 3)
    assert sl.train.synaptic_operations(spikes, 100) == (10 + 5) * 100
    assert u.math.allclose(sl.train.energy(1000, 100), 1.36 * u.njoule)
    with sl.environ.context(dt=1.0 * u.ms):
        assert u.math.allclose(sl.train.mean_rate(spikes), 500 * u.Hz)


def test_accuracy():
    labels = np.array([1, 2])
    assert sl.train.accuracy(SPIKES, labels) == 0.5
    assert sl.train.accuracy(SPIKES, np.array([1, 0]), "max") == 1.0
    with pytest.raises(ValueError, match="reduce"):
        sl.train.accuracy(SPIKES, labels, "mena")


def test_shapes_are_refused():
    with pytest.raises(
        sl.errors.ShapeError, match=r"takes an array \(time, batch, classes\); given the shape \(5, 3\)"
    ):
        sl.train.rate_cross_entropy(SPIKES[:, 0], np.array([1]))
    with pytest.raises(sl.errors.ShapeError, match=r"2 samples, but labels of shape \(3,\)"):
        sl.train.rate_cross_entropy(SPIKES, np.array([1, 1, 1]))


def test_encoders():
    sl.random.seed(0)
    x = np.array([[0.0, 0.25, 1.0]])
    spikes = np.asarray(sl.train.rate(x, 4000))
    assert spikes.shape == (4000, 1, 3)
    np.testing.assert_allclose(spikes.mean(0), x, atol=0.03)
    times = np.asarray(sl.train.latency(np.array([[1.0, 0.505, 0.01, 0.0]]), 11))
    assert [*times[:, 0].argmax(0)[:3]] == [0, 5, 10]
    assert [*times.sum(0)[0]] == [1, 1, 1, 0]
    signal = np.array([0.0, 0.05, 0.3, 0.3, -0.2])[:, None]
    assert [*np.asarray(sl.train.delta(signal))[:, 0]] == [0, 0, 1, 0, -1]
    bumps = np.asarray(sl.train.population(np.array([[0.0, 0.5]]), 3))
    np.testing.assert_allclose(bumps, [[1, np.exp(-0.5), np.exp(-2), np.exp(-0.5), 1, np.exp(-0.5)]], rtol=1e-6)
