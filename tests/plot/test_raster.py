import sys

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from ink import ink
from matplotlib import pyplot as plt
from spikeloop import plot
from spikeloop._errors import ShapeError, UnitError


def spikes(n=40, steps=500, p=0.02):
    return np.random.default_rng(0).random((steps, n)) < p


def test_raster_shows_spikes_and_rate():
    above, below = plot.raster(spikes(), dt=0.1 * u.ms)
    assert ink(above) > 0.01
    assert ink(below) > 0.003
    assert below.get_xlabel() == "time (ms)"
    assert above.get_xlim() == (0, pytest.approx(50))
    assert above.get_ylim() == (-0.5, 39.5)


def test_raster_without_spikes_is_empty_but_drawn():
    above, below = plot.raster(np.zeros((100, 5)), dt=1 * u.ms)
    assert ink(above) == 0
    assert below.get_ylim()[0] == 0


def test_raster_draws_one_dot_for_each_spike():
    array = spikes()
    ax = plot.raster(array, dt=0.1 * u.ms, rate=False)
    (line,) = ax.get_lines()
    rows, indices = np.nonzero(array)
    np.testing.assert_allclose(line.get_xdata(), rows * 0.1)
    np.testing.assert_array_equal(line.get_ydata(), indices)


@pytest.mark.parametrize("kind", [bool, np.float32, np.int32])
def test_raster_of_any_dtype_and_unit(kind):
    ax = plot.raster(spikes().astype(kind), rate=False)
    assert ax.get_xlabel() == "time"
    with sl.environ.context(dt=1 * u.ms):
        assert plot.raster(spikes(), rate=False).get_xlabel() == "time (ms)"


def test_raster_of_pairs():
    pair = (np.array([1.0, 2.0, 15.0]) * u.second, np.array([0, 3, 1]))
    above, below = plot.raster(pair)
    assert below.get_xlabel() == "time (s)"
    assert above.get_ylim() == (-0.5, 3.5)
    assert ink(above) > 0
    ax = plot.raster(pair, size=10, duration=20 * u.second, rate=False)
    assert ax.get_ylim() == (-0.5, 9.5)
    assert ax.get_xlim() == (0, 20)


def test_rate_is_the_mean_rate_of_a_neuron():
    array = np.zeros((1000, 4), bool)
    array[::10] = True  # every neuron at 1 kHz
    _, below = plot.raster(array, dt=0.1 * u.ms, bin_width=2 * u.ms)
    (stairs,) = below.patches
    values, edges, _ = stairs.get_data()
    np.testing.assert_allclose(values, 1000)
    np.testing.assert_allclose(edges, np.arange(0, 101, 2))


def test_bins_of_the_rate_have_whole_steps():
    _, below = plot.raster(np.ones((3333, 2), bool), dt=0.1 * u.ms)
    values, _, _ = below.patches[0].get_data()
    np.testing.assert_allclose(values, 10_000)


def test_groups_get_colours_and_a_legend():
    above, below = plot.raster(spikes(), dt=1 * u.ms, groups={"E": 30, "I": 10})
    assert [line.get_label() for line in above.get_lines()] == ["E", "I"]
    assert len({line.get_color() for line in above.get_lines()}) == 2
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["E", "I"]
    assert len(below.patches) == 2


def test_draws_into_given_axes():
    figure, axes = plt.subplots(1, 2)
    above, below = plot.raster(spikes(), ax=axes[0])
    assert above is axes[0]
    assert below.figure is figure
    assert plot.trace(None, np.zeros(3), ax=axes[1]) is axes[1]
    assert len(plt.get_fignums()) == 1
    assert ink(above) > 0.001


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plot.raster(spikes(), groups={"E": 3}), ShapeError, "3 neurons; the spikes are of 40"),
        (lambda: plot.raster((np.zeros(3), np.zeros(2))), ShapeError, "3 times but 2 indices"),
        (lambda: plot.raster(spikes(), dt=1 * u.mV), UnitError, "unit of time"),
        (lambda: plot.raster(1.0), ShapeError, "one number"),
    ],
)
def test_errors_say_what_is_wrong(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_raster_of_a_record():
    dense = spikes()
    steps, indices = np.nonzero(dense)
    times = u.Quantity(steps * 0.1 + 100.0, unit=u.ms)
    options = {"size": 40, "dt": 0.1 * u.ms, "start": 100 * u.ms, "stop": 150 * u.ms}
    above, below = plot.raster(sl.record.SpikeTrains.of(times, indices, **options), groups={"E": slice(0, 30), "I": 10})
    assert above.get_xlim() == (pytest.approx(100), pytest.approx(150))
    assert sum(len(line.get_xdata()) for line in above.get_lines()) == dense.sum()
    assert ink(below) > 0.003


def test_without_matplotlib_the_error_says_how_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'spikeloop\[plot\]'"):
        plot.raster(spikes())
