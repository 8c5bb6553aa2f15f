import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from ink import ink
from spikeloop import plot
from spikeloop._errors import ShapeError, UnitError


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


def test_trace_of_a_record():
    sl.environ.set(dt=0.1 * u.ms)
    N = sl.nn.init_all_states(sl.LIF(3))
    run = sl.record.run(lambda t: N(2 * u.mA), 20 * u.ms, record=sl.record.States(N, "V", neurons=[0, 2]))
    ax = plot.trace(run["V"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "V (mV)")
    assert [line.get_label() for line in ax.get_lines()] == ["neuron 0", "neuron 2"]
    assert ink(ax) > 0.003


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plot.trace(np.zeros(3), np.zeros(4)), ShapeError, "3 times but 4 values"),
        (lambda: plot.trace(None, {"a": np.ones(2) * u.mV, "b": np.ones(2)}), UnitError, "do not fit on one axis"),
        (lambda: plot.trace(None, np.ones((2, 3)), labels=["a"]), ShapeError, "3 lines but 1 labels"),
    ],
)
def test_errors_say_what_is_wrong(draw, error, message):
    with pytest.raises(error, match=message):
        draw()
