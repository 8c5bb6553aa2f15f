import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import metric
from spikeloop._errors import ShapeError, UnitError

DT = 0.1 * u.ms
SPIKES = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1]], bool)


def _poisson(p=0.02, steps=2000, n=10, seed=0):
    return np.random.default_rng(seed).random((steps, n)) < p


def test_raster_plot():
    neurons, times = metric.raster_plot(jnp.asarray(SPIKES), jnp.arange(4) * DT)
    assert neurons.tolist() == [1, 0, 1, 2]
    np.testing.assert_allclose(times.to_decimal(u.ms), [0.0, 0.1, 0.3, 0.3], rtol=1e-6)
    with pytest.raises(ShapeError, match=r"metric.raster_plot: 4 steps but times of shape \(3,\)"):
        metric.raster_plot(SPIKES, np.arange(3))


@pytest.mark.parametrize("width", [0.1, 0.2, 0.5, 3.0])
def test_firing_rate_counts_spikes_in_a_window(width):
    spikes = _poisson()
    steps = 2 * int(round(width / 0.2, 9)) + 1
    padded = np.pad(spikes.mean(1), steps // 2)
    expected = [padded[k : k + steps].sum() / (steps * 1e-4) for k in range(len(spikes))]
    rate = metric.firing_rate(jnp.asarray(spikes), width * u.ms, DT)
    np.testing.assert_allclose(rate, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(metric.firing_rate(spikes, width * 1e-3, 1e-4), rate, rtol=1e-6)
    with sl.environ.context(dt=DT):
        np.testing.assert_array_equal(jax.jit(lambda s: metric.firing_rate(s, width * u.ms))(spikes), rate)


def test_the_mean_of_firing_rate_is_that_of_the_analysis():
    spikes = _poisson()
    neurons, times = metric.raster_plot(spikes, np.arange(2000) * DT)
    mean = sl.analysis.mean_rate((times, neurons), size=10, duration=200 * u.ms)
    np.testing.assert_allclose(metric.firing_rate(spikes, 0.1 * u.ms, DT).mean(), mean.to_decimal(u.Hz), rtol=1e-4)


@pytest.mark.parametrize("width", [1, 3, 7])
def test_cross_correlation_is_that_of_the_pairs(width):
    spikes = _poisson(n=5, steps=200)
    spikes[:, 4] = False
    bins = [spikes[k : k + width].any(0) for k in range(0, 200, width)]
    X = np.array(bins, float)
    pairs = [X[:, i] @ X[:, j] / max(np.sqrt(X[:, i].sum() * X[:, j].sum()), 1e-9) for i in range(5) for j in range(i)]
    for method in ("loop", "vmap"):
        value = metric.cross_correlation(spikes, width * DT, DT, method)
        np.testing.assert_allclose(value, np.mean(pairs), rtol=1e-5)
    assert metric.cross_correlation(np.tile(spikes[:, :1], 3), DT, DT) == pytest.approx(1.0)
    assert metric.cross_correlation(spikes[:, :1], DT, DT) == 0.0
    with pytest.raises(ValueError, match=r"a bin of 0\.01 ms is shorter than the time step"):
        metric.cross_correlation(spikes, 0.01 * u.ms, DT)


def test_voltage_fluctuation():
    V = np.random.default_rng(0).normal(size=(4000, 20)).astype(np.float32)
    np.testing.assert_allclose(metric.voltage_fluctuation(V * u.mV), 1 / 20, atol=0.01)
    np.testing.assert_allclose(metric.voltage_fluctuation(np.tile(V[:, :1], 20)), 1.0, rtol=1e-4)
    assert metric.voltage_fluctuation(jnp.ones((10, 3))) == 1.0


def test_functional_connectivity():
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    x[:, 1] += x[:, 0]
    x[:, 3] = 2.0
    found = metric.functional_connectivity(x * u.mV)
    expected = np.eye(4)
    expected[:3, :3] = np.corrcoef(x[:, :3].T)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("run", "error", "match"),
    [
        (lambda: metric.firing_rate(np.ones(5), 1.0, 1.0), ShapeError, r"takes a matrix \(steps, neurons\); given"),
        (
            lambda: metric.firing_rate(SPIKES, 1.0 * u.mV, DT),
            UnitError,
            r"firing_rate: width must be a time; given 1\. mV",
        ),
        (lambda: metric.firing_rate(SPIKES, DT, 0.0 * u.ms), ValueError, "firing_rate: dt must be positive"),
        (lambda: metric.firing_rate(SPIKES, DT), sl.environ.MissingSettingError, "dt"),
    ],
)
def test_what_is_refused(run, error, match):
    with pytest.raises(error, match=match):
        run()
