"""Closed forms: regular, Poisson and gamma trains."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import analysis

SECONDS = 400.0
RATE = 20.0  # Hz


def renewal(shape, neurons=20, seed=0):
    """Trains with gamma intervals; `shape` 1 is Poisson, None regular."""
    rng = np.random.default_rng(seed)
    n = int(SECONDS * RATE * 1.5)
    steps = np.full((neurons, n), 1e3 / RATE) if shape is None else rng.gamma(shape, 1e3 / RATE / shape, (neurons, n))
    times = np.cumsum(steps, axis=1) - (0.5 if shape is None else 0.0)
    inside = times < SECONDS * 1e3
    return u.Quantity(times[inside], unit=u.ms), np.nonzero(inside)[0]


def of(measure, shape, *args, **options):
    return measure(renewal(shape), *args, duration=SECONDS * u.second, **options)


def test_rates():
    rates = of(analysis.firing_rates, 1)
    # a count of 8,000 spikes has a relative standard deviation of 1/sqrt(8000) = 0.011
    np.testing.assert_allclose(rates.to_decimal(u.Hz), RATE, rtol=0.05)
    assert of(analysis.mean_rate, None).to_decimal(u.Hz) == pytest.approx(RATE, rel=1e-3)


@pytest.mark.parametrize(("shape", "wanted"), [(None, 0.0), (1, 1.0), (4, 0.5), (0.5, np.sqrt(2))])
def test_cv_is_one_over_the_root_of_the_shape(shape, wanted):
    # the standard deviation of an estimate from 8,000 intervals is below 0.03
    np.testing.assert_allclose(of(analysis.cv, shape), wanted, atol=0.1)


@pytest.mark.parametrize(("shape", "wanted"), [(None, 0.0), (1, 1.0), (4, 3 / 9)])
def test_lv_of_gamma_trains_is_three_over_two_shapes_and_one(shape, wanted):
    np.testing.assert_allclose(of(analysis.lv, shape), wanted, atol=0.06)


def test_lv_does_not_see_a_slow_change_of_the_rate():
    times, indices = renewal(4, neurons=3)
    seconds = times.to_decimal(u.second)
    warped = u.Quantity(seconds * (1 + seconds / SECONDS), unit=u.second)  # the rate falls to a third
    assert (analysis.cv((warped, indices)) > 0.52).all()
    np.testing.assert_allclose(analysis.lv((warped, indices)), 3 / 9, atol=0.06)


@pytest.mark.parametrize(("shape", "wanted", "tolerance"), [(None, 0.0, 0.01), (1, 1.0, 0.15), (4, 0.25, 0.05)])
def test_fano_factor_of_long_bins_is_the_square_of_cv(shape, wanted, tolerance):
    np.testing.assert_allclose(of(analysis.fano_factor, shape, 1 * u.second).mean(), wanted, atol=tolerance)


def test_intervals_and_their_histogram():
    pair = u.Quantity(np.array([1.0, 2.0, 4.0, 7.0, 2.0]), unit=u.ms), [0, 0, 0, 0, 1]
    found = analysis.intervals(pair)
    np.testing.assert_allclose(found[0].to_decimal(u.ms), [1, 2, 3])
    assert found[1].shape == (0,)
    counts, edges = analysis.isi_histogram(pair, 1 * u.ms)
    np.testing.assert_array_equal(counts, [0, 1, 1, 1])
    np.testing.assert_allclose(edges.to_decimal(u.ms), [0, 1, 2, 3, 4])
    counts, edges = analysis.isi_histogram(pair, 1 * u.ms, longest=3 * u.ms)
    np.testing.assert_array_equal(counts, [0, 1, 1])


def test_binned_counts_of_times_on_the_edges():
    times = u.Quantity(np.arange(100) * 0.1, unit=u.ms)
    counts = analysis.binned_counts((times, np.zeros(100, int)), 0.5 * u.ms, duration=10 * u.ms)
    np.testing.assert_array_equal(counts, [[5] * 20])
    assert analysis.binned_counts((times, np.zeros(100, int)), 3 * u.ms, duration=10 * u.ms).shape == (1, 3)


def test_correlation_of_shared_spikes():
    rng = np.random.default_rng(1)
    steps, share = 40_000, 0.3
    common = rng.random(steps) < 0.02
    trains = [np.where(rng.random(steps) < np.sqrt(share), common, rng.random(steps) < 0.02) for _ in range(2)]
    trains += [rng.random(steps) < 0.02, np.zeros(steps, bool)]
    where, indices = np.nonzero(np.stack(trains, 1))
    pair = u.Quantity(where.astype(float), unit=u.ms), indices
    options = {"size": 4, "duration": steps * u.ms}
    matrix = analysis.correlation_matrix(pair, 1 * u.ms, **options)
    np.testing.assert_allclose(np.diag(matrix)[:3], 1)
    assert matrix[0, 1] == pytest.approx(share, abs=0.05)
    assert abs(matrix[0, 2]) < 0.03
    assert np.isnan(matrix[3]).all()
    assert analysis.correlation(pair, 1 * u.ms, **options) == pytest.approx(np.nanmean(matrix[[0, 0, 1], [1, 2, 2]]))


def test_the_spectrum_of_poisson_trains_is_flat_at_twice_the_rate_a_neuron():
    frequencies, density = of(analysis.power_spectrum, 1, 2 * u.ms, segment=1 * u.second)
    assert frequencies.to_decimal(u.Hz)[-1] == pytest.approx(250)
    assert frequencies.to_decimal(u.Hz)[1] == pytest.approx(1)
    # 800 segments of which half are independent: 5 % for each frequency
    np.testing.assert_allclose(density[2:-1], 2 * RATE / 20, rtol=0.3)
    assert density[2:-1].mean() == pytest.approx(2 * RATE / 20, rel=0.03)


def test_the_spectrum_has_the_power_of_the_rate():
    frequencies, density = of(analysis.power_spectrum, None, 5 * u.ms)
    assert frequencies.to_decimal(u.Hz)[np.argmax(density)] == pytest.approx(RATE, abs=0.1)
    counts = of(analysis.binned_counts, 4, 5 * u.ms).mean(0) / 0.005
    frequencies, density = of(analysis.power_spectrum, 4, 5 * u.ms)
    step = frequencies.to_decimal(u.Hz)[1]
    assert (density * step).sum() == pytest.approx(counts.var(), rel=0.05)


def test_spike_trains_and_pairs_agree():
    times, indices = renewal(1, neurons=3)
    trains = sl.record.SpikeTrains.of(times, indices, size=3, dt=0.001 * u.ms, stop=SECONDS * u.second)
    np.testing.assert_allclose(analysis.cv(trains), analysis.cv((times, indices)), rtol=1e-4)
    with pytest.raises(TypeError, match="belong to a pair"):
        analysis.cv(trains, size=3)


def test_silent_neurons_are_nan():
    nothing = u.Quantity(np.zeros(0), unit=u.ms), np.zeros(0, int)
    options = {"size": 2, "duration": 1 * u.second}
    assert np.isnan(analysis.cv(nothing, **options)).all()
    assert np.isnan(analysis.fano_factor(nothing, 10 * u.ms, **options)).all()
    assert np.isnan(analysis.correlation(nothing, 10 * u.ms, **options))
    np.testing.assert_array_equal(analysis.firing_rates(nothing, **options).to_decimal(u.Hz), [0, 0])


def test_mistakes():
    with pytest.raises(TypeError, match="takes SpikeTrains or a pair"):
        analysis.cv(np.zeros(3))
    with pytest.raises(ValueError, match="does not fit into"):
        of(analysis.fano_factor, 1, 500 * u.second)
    with pytest.raises(TypeError, match="bin needs a time"):
        of(analysis.fano_factor, 1, 5)
    with pytest.raises(ValueError, match="a segment of 1 bins"):
        of(analysis.power_spectrum, 1, 5 * u.ms, segment=5 * u.ms)
