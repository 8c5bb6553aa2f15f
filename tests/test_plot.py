import io
import subprocess
import sys

import brainunit as u
import matplotlib as mpl
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import plot
from spikeloop._errors import ShapeError, UnitError

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def picture(ax):
    """The rendered figure as an array (height, width, RGBA)."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")
    file.seek(0)
    return plt.imread(file)


def ink(ax):
    """The share of pixels inside `ax` that are neither white nor grey."""
    image = picture(ax)
    box = ax.get_window_extent()
    height = image.shape[0]
    part = image[height - int(box.y1) + 2 : height - int(box.y0) - 2, int(box.x0) + 2 : int(box.x1) - 2, :3]
    return (np.ptp(part, axis=-1) > 0.1).mean()


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


def test_trace():
    t = np.arange(100) * 0.1
    ax = plot.trace(t * u.ms, np.sin(t) * u.mV, ylabel="V")
    assert ink(ax) > 0.003
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "V (mV)")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), np.sin(t))


def test_trace_of_several_lines():
    t = np.arange(50) * 1e-4 * u.second
    ax = plot.trace(t, {"a": np.ones(50) * u.mV, "b": np.ones(50) * 0.002 * u.volt})
    assert [line.get_label() for line in ax.get_lines()] == ["a", "b"]
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), 2)
    assert ax.get_legend() is not None
    ax = plot.trace(t, np.ones((50, 3)), ls="--")
    assert len(ax.get_lines()) == 3
    assert ax.get_legend() is None
    assert ax.get_lines()[0].get_linestyle() == "--"


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plot.raster(spikes(), groups={"E": 3}), ShapeError, "3 neurons; the spikes are of 40"),
        (lambda: plot.raster((np.zeros(3), np.zeros(2))), ShapeError, "3 times but 2 indices"),
        (lambda: plot.raster(spikes(), dt=1 * u.mV), UnitError, "unit of time"),
        (lambda: plot.raster(1.0), ShapeError, "one number"),
        (lambda: plot.trace(np.zeros(3), np.zeros(4)), ShapeError, "3 times but 4 values"),
        (lambda: plot.trace(None, {"a": np.ones(2) * u.mV, "b": np.ones(2)}), UnitError, "do not fit on one axis"),
        (lambda: plot.trace(None, np.ones((2, 3)), labels=["a"]), ShapeError, "3 lines but 1 labels"),
    ],
)
def test_errors_say_what_is_wrong(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_pyplot_is_loaded_for_the_first_plot_only():
    code = "import sys, spikeloop.plot; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_says_how_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'spikeloop\[plot\]'"):
        plot.raster(spikes())
