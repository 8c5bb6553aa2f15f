"""The package, and figures that need little to be tested."""

import subprocess
import sys

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from ink import ink
from matplotlib import pyplot as plt
from spikeloop import plot
from spikeloop._errors import UnitError


def test_pyplot_is_loaded_for_the_first_plot_only():
    code = "import sys, spikeloop.plot; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def net():
    sl.environ.set(dt=0.1 * u.ms)
    return sl.nn.init_all_states(sl.networks.COBANetwork(100, out_degree=10))


@pytest.fixture
def run(net):
    record = [sl.record.Spikes(net.N), sl.record.Rate(net.N, bin=2 * u.ms, groups=net.populations)]
    return sl.record.run(net.update, 100 * u.ms, record=record)


def test_rates(run):
    ax = plot.rates(run["rate"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "rate (Hz)")
    values, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(values, run["rate"]["E"].to_decimal(u.Hz))
    np.testing.assert_allclose(edges, np.arange(0, 101, 2))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["E", "I"]
    assert ink(ax) > 0.005
    with pytest.raises(TypeError, match="as record.Rate makes them; given SpikeTrains"):
        plot.rates(run["spikes"])


def test_spectrum(run):
    ax = plot.spectrum(run["spikes"], 0.5 * u.ms)
    frequencies, density = sl.analysis.power_spectrum(run["spikes"], 0.5 * u.ms)
    (line,) = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), frequencies.to_decimal(u.Hz)[1:])
    np.testing.assert_allclose(line.get_ydata(), density[1:])
    assert ink(ax) > 0.003


def test_connectivity(net):
    axes = plot.connectivity(net.E)
    assert {"matrix", "in_degree"} <= set(axes)
    assert ink(axes["matrix"]) > 0.05
    with pytest.raises(TypeError, match="a connection that stores its synapses"):
        plot.connectivity(net.N)


def test_weights_before_and_after():
    rng = np.random.default_rng(0)
    ax = plot.weights({"before": rng.normal(2, 0.1, 500) * u.nS, "after": sl.State(np.full(500, 3e-3) * u.uS)})
    assert ax.get_xlabel() == "weight (nS)"
    assert ink(ax) > 0.02
    shares = [patch.get_data().values for patch in ax.patches[1::2]]
    assert [share.sum() for share in shares] == pytest.approx([1, 1])
    assert ax.get_xlim()[1] > 3
    assert len(ax.get_legend().get_texts()) == 2


def test_weights_over_time():
    values = np.linspace(0, 1, 20)[:, None] * np.random.default_rng(0).random((20, 300))
    ax = plot.weights(values, np.arange(20) * 10 * u.ms)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "weight")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), values.mean(1))
    assert ink(ax) > 0.05


def test_equal_weights_are_one_column():
    ax = plot.weights(np.ones(10))
    assert ax.patches[0].get_data().values.max() == 1


@pytest.mark.parametrize(
    ("values", "times", "error", "message"),
    [
        ({"a": np.ones(3) * u.nS, "b": np.ones(3) * u.mV}, None, UnitError, "do not fit on one axis"),
        (np.array([np.nan]), None, ValueError, "finite"),
        (np.ones((3, 4)), np.arange(4) * u.ms, ValueError, r"4 times need one array \(time, synapses\)"),
    ],
)
def test_wrong_weights(values, times, error, message):
    with pytest.raises(error, match=message):
        plot.weights(values, times)
    assert not plt.get_fignums()
