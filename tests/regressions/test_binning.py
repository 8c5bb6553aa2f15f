"""Spikes on the edges of bins: a time on an edge belongs to the bin that begins there, on any grid."""

from fractions import Fraction

import brainunit as u
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import analysis
from spikeloop.analysis._bins import bin_of

mpl.use("Agg")
SpikeTrains = sl.record.SpikeTrains


def test_one_spike_at_the_left_edge_of_each_bin_of_a_30_khz_recording():
    times = np.arange(108_000_000, 108_003_000) / 30_000  # after an hour
    nothing, bin = np.zeros(3000, int), 1 / 30 * u.ms
    counts = analysis.binned_counts(((times - 3600) * u.second, nothing), bin, duration=0.1 * u.second)
    np.testing.assert_array_equal(counts, np.ones((1, 3000)))
    counts = analysis.binned_counts((times * u.second, nothing), bin, duration=3600.1 * u.second)
    np.testing.assert_array_equal(counts[0, -3000:], 1)
    assert counts.sum() == 3000


@pytest.mark.parametrize("rate", [30_000, 24_414.0625, 32_000, 25_000, 44_100, 7])
@pytest.mark.parametrize("unit", [u.ms, u.second, u.us])
def test_pairs_on_the_grids_of_recording_systems(rate, unit):
    k = np.arange(4000)
    pair = u.Quantity(k / rate, unit=u.second).to(unit), np.zeros(4000, int)
    for samples in (1, 3, 16):
        counts = analysis.binned_counts(pair, samples / rate * u.second, duration=4000 / rate * u.second)
        np.testing.assert_array_equal(counts, np.full((1, 4000 // samples), samples))


@pytest.mark.parametrize("dt", ["1/10", "1/30", "1/8", "1/20", "3/10", "1/3", "1"])
@pytest.mark.parametrize("width", ["1/10", "1/4", "1/30", "5/2", "7/10", "1/7", "10"])
def test_bins_of_any_width_on_any_grid(dt, width):
    rng = np.random.default_rng(0)
    dt, width = Fraction(dt), Fraction(width)
    steps = np.sort(rng.integers(0, 2_000_000_000, 2000))
    wanted = [int(int(k) * dt // width) for k in steps]
    np.testing.assert_array_equal(bin_of(steps, float(width) / float(dt)), wanted)
    first = 2_000_003  # a record does not begin at 0
    trains = SpikeTrains.of(
        (first + steps[:300] % 900) * float(dt) * u.ms, np.zeros(300, int), size=1, dt=float(dt) * u.ms,
        start=first * float(dt) * u.ms, stop=(first + 900) * float(dt) * u.ms,
    )  # fmt: skip
    bins = int(900 * dt // width)
    wanted = [int(int(k % 900) * dt // width) for k in steps[:300]]
    counts = analysis.binned_counts(trains, float(width) * u.ms)[0]
    np.testing.assert_array_equal(counts, np.bincount(wanted, minlength=bins + 1)[:bins])


def test_a_width_that_is_no_fraction_of_the_grid_is_taken_as_it_is():
    steps = np.arange(1_000_000)
    np.testing.assert_array_equal(bin_of(steps, np.pi), np.floor(steps / np.pi))


def test_intervals_of_a_bin_each():
    k = np.cumsum(np.arange(200))
    for pair in [
        (k / 30_000 * u.second, np.zeros(200, int)),
        SpikeTrains.of(k * 0.1 * u.ms, np.zeros(200, int), size=1, dt=0.1 * u.ms),
    ]:
        width = 1 / 30 if isinstance(pair, tuple) else 0.1
        counts, edges = analysis.isi_histogram(pair, width * u.ms)
        np.testing.assert_array_equal(counts, [0, *np.ones(199, int)])
        np.testing.assert_allclose(edges.to_decimal(u.ms), np.arange(201) * width)


def test_times_in_single_precision_that_cannot_tell_bins_apart_are_refused():
    k = np.arange(2000)
    counts = analysis.binned_counts((jnp.asarray(k * 0.1, jnp.float32) * u.ms, 0 * k), 0.1 * u.ms, duration=200 * u.ms)
    np.testing.assert_array_equal(counts, np.ones((1, 2000)))
    late = u.Quantity(np.float32([1e6]), unit=u.ms)
    with pytest.raises(ValueError, match=r"exact to 0.12 ms only, too coarse for bins of 0.1 ms; give them in float64"):
        analysis.binned_counts((late, [0]), 0.1 * u.ms)


def test_the_rate_below_a_raster_counts_each_spike_once_and_none_beyond_its_end():
    k = np.arange(3000)
    pair = k / 30_000 * u.second, np.zeros(3000, int)
    _, below = sl.plot.raster(pair, duration=100 * u.ms, bin_width=1 / 30 * u.ms)
    np.testing.assert_allclose(below.patches[0].get_data().values, 30_000)
    _, below = sl.plot.raster(pair, duration=50 * u.ms, bin_width=10 * u.ms)
    np.testing.assert_allclose(below.patches[0].get_data().values[:-1], 30_000)
    assert below.patches[0].get_data().values[-1] == pytest.approx(30_100)  # the one at the end is shown too
    trains = SpikeTrains.of(np.arange(700) * 0.1 * u.ms, np.zeros(700, int), size=1, dt=0.1 * u.ms)
    _, below = sl.plot.raster(trains, bin_width=0.7 * u.ms)
    np.testing.assert_allclose(below.patches[0].get_data().values, 10_000)


EMPTY = u.Quantity(np.zeros(0), unit=u.ms), np.zeros(0, int)
SECOND = {"duration": 1 * u.second}


@pytest.mark.parametrize("size", [0, 1, 3])
def test_records_without_spikes(size):
    options = {"size": size, **SECOND}
    np.testing.assert_array_equal(analysis.firing_rates(EMPTY, **options).to_decimal(u.Hz), np.zeros(size))
    assert analysis.binned_counts(EMPTY, 10 * u.ms, **options).shape == (size, 100)
    assert analysis.correlation_matrix(EMPTY, 10 * u.ms, **options).shape == (size, size)
    for measure in (analysis.cv, analysis.lv):
        np.testing.assert_array_equal(measure(EMPTY, **options), np.full(size, np.nan))
    np.testing.assert_array_equal(analysis.fano_factor(EMPTY, 10 * u.ms, **options), np.full(size, np.nan))
    assert len(analysis.intervals(EMPTY, **options)) == size
    np.testing.assert_array_equal(analysis.isi_histogram(EMPTY, 1 * u.ms, **options)[0], [0])
    assert np.isnan(analysis.mean_rate(EMPTY, **options).to_decimal(u.Hz)) == (size == 0)


def test_no_neurons_have_no_spectrum():
    with pytest.raises(ValueError, match="no neurons"):
        analysis.power_spectrum(EMPTY, 1 * u.ms, size=0, **SECOND)


def test_one_spike_at_the_start_has_no_duration():
    """It was said to fire with a rate of 1 GHz."""
    with pytest.raises(ValueError, match="has no duration; give one, such as duration="):
        analysis.firing_rates(([0.0] * u.ms, [0]))
    assert analysis.firing_rates(([0.0] * u.ms, [0]), **SECOND).to_decimal(u.Hz) == [1]


def test_spikes_of_the_same_time_have_no_variation():
    pair = [1.0, 1.0, 1.0] * u.ms, [0, 0, 0]
    np.testing.assert_array_equal(analysis.cv(pair), [np.nan])
    np.testing.assert_array_equal(analysis.lv(pair), [np.nan])


MISTAKES = [
    (([1.0], [0]), TypeError, "times with a unit"),
    (([1.0] * u.mV, [0]), TypeError, "times with a unit"),
    (([1.0, np.nan] * u.ms, [0, 0]), ValueError, "must be finite"),
    (([1.0, 2.0] * u.ms, [0]), ValueError, "2 times but 1 indices"),
    (([1.0] * u.ms, [0.5]), TypeError, "whole numbers; given float64"),
    (([1.0] * u.ms, [-1]), IndexError, "neuron -1 of 3: indices must lie from 0 to 2"),
    (([1.0] * u.ms, [3]), IndexError, "neuron 3 of 3: indices must lie from 0 to 2"),
    (([-1.0] * u.ms, [0]), ValueError, "a spike at -1 ms lies"),
    (([2.0] * u.ms, [0]), ValueError, "a spike at 2 ms lies .* 0 to 2 ms"),
]


@pytest.mark.parametrize(("pair", "error", "message"), MISTAKES)
def test_pairs_that_are_none(pair, error, message):
    with pytest.raises(error, match=message):
        analysis.firing_rates(pair, size=3, duration=2 * u.ms)
    with pytest.raises(error, match=message):
        SpikeTrains.of(*pair, size=3, dt=0.1 * u.ms, stop=2 * u.ms)


def test_a_size_that_is_none():
    for size in (-1, 2.5, "3", True):
        with pytest.raises(ValueError, match="size must be a number of neurons"):
            analysis.firing_rates(EMPTY, size=size, **SECOND)


@pytest.mark.parametrize("bin", [0 * u.ms, -1 * u.ms])
def test_bins_of_no_width(bin):
    for measure in (analysis.binned_counts, analysis.isi_histogram, analysis.power_spectrum):
        with pytest.raises(ValueError, match="bin must be above 0"):
            measure(([1.0] * u.ms, [0]), bin)
    with pytest.raises(ValueError, match="bin_width must be one time above 0"):
        sl.plot.raster(([1.0] * u.ms, [0]), bin_width=bin)
    with pytest.raises(ValueError, match="dt must be positive"):
        SpikeTrains.of([1.0] * u.ms, [0], size=1, dt=bin)


def test_the_longest_interval_is_rounded_up_to_whole_bins():
    pair = [0.0, 2.9] * u.ms, [0, 0]
    for longest, bins in [(2.5, 3), (3.0, 3), (2.0, 2)]:
        assert len(analysis.isi_histogram(pair, 1 * u.ms, longest=longest * u.ms)[0]) == bins
    with pytest.raises(ValueError, match="a bin of 3 ms does not fit into 2 ms"):
        analysis.isi_histogram(pair, 3 * u.ms, longest=2 * u.ms)


def test_a_bin_as_long_as_the_record():
    for end in (0.3, 1 / 3, 0.7):
        pair = [0.1, 0.2] * u.ms, [0, 0]
        np.testing.assert_array_equal(analysis.binned_counts(pair, 3 * (end / 3) * u.ms, duration=end * u.ms), [[2]])
