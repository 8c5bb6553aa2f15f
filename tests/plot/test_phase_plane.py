import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from ink import ink
from spikeloop import plot
from spikeloop._errors import UnitError
from spikeloop.plot import _phase_plane

DEFAULT = {"x": (-2.5, 2.5), "y": (-1, 2)}


def nullclines(ax):
    """The vertices (x, y) of both curves."""
    return [np.concatenate([path.vertices for path in c.get_paths()]) for c in ax.collections if hasattr(c, "levels")]


def test_nullclines_and_field_of_fitzhugh_nagumo_are_those_of_the_paper():
    ax = plot.phase_plane(sl.FitzHughNagumo(1), 0.5, **DEFAULT, trajectories=[(-2, -0.5)])
    (x, y), (x2, y2) = (v.T for v in nullclines(ax))
    np.testing.assert_allclose(y, x - x**3 / 3 + 0.5, atol=2e-3)
    np.testing.assert_allclose(y2, (x2 + 0.7) / 0.8, atol=1e-6)
    assert ink(ax) > 0.02
    assert ax.get_xlabel() == "V"


def test_the_field_is_the_derivative():
    grid = [np.array([-1.5, 0.2, 1.9]), np.array([0.3, -0.7, 1.1])]
    with sl.environ.context(precision=64):
        dV, dw = _phase_plane._field(sl.FitzHughNagumo(1), 0.25, grid)
    V, w = grid
    np.testing.assert_allclose(dV, V - V**3 / 3 - w + 0.25, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dw, (V + 0.7 - 0.8 * w) / 12.5, rtol=1e-4, atol=1e-5)


def test_nullclines_of_izhikevich_and_a_path_with_resets():
    unit = u.mV / u.ms
    options = {"x": (-90 * u.mV, 40 * u.mV), "y": (-20 * unit, 12 * unit)}
    ax = plot.phase_plane(sl.Izhikevich(1), 10 * unit, **options, trajectories=[(-65 * u.mV, -13 * unit)])
    (V, w), (V2, w2) = (v.T for v in nullclines(ax))
    np.testing.assert_allclose(w, 0.04 * V**2 + 5 * V + 150, atol=0.05)
    np.testing.assert_allclose(w2, 0.2 * V2, atol=1e-4)
    jumps = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert len(jumps) > 2
    for jump in jumps:
        assert jump.get_xdata()[0] >= 30
        assert jump.get_xdata()[1] < -50
    assert ax.get_ylabel() == "u (mV / ms)"


def test_a_path_is_what_the_model_does():
    neuron = sl.MorrisLecar(1)
    with sl.environ.context(dt=0.05 * u.ms, precision=64):
        path = _phase_plane._path(neuron, 90.0, (-60.0, 0.02), 20.0, 0.05)
        sl.nn.init_all_states(neuron)
        neuron.V.value, neuron.W.value = np.array([-60.0]) * u.mV, np.array([0.02])
        run = sl.record.run(lambda t: neuron(90 * u.uA), 20 * u.ms, record=sl.record.States(neuron, "V"))
    np.testing.assert_allclose(path[1:, 0], np.asarray(run["V"])[:, 0], rtol=1e-9)


def test_axes_have_the_units_of_their_ranges():
    neuron = sl.AdExIF(1, a=2 * u.nS, b=60 * u.pA, R=500 * u.Mohm)
    ax = plot.phase_plane(neuron, 0.1 * u.nA, x=(-80 * u.mV, -58 * u.mV), y=(-50 * u.pA, 400 * u.pA))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("V (mV)", "w (pA)")
    assert ax.get_ylim() == (pytest.approx(-50), pytest.approx(400))
    V, w = nullclines(ax)[1].T
    np.testing.assert_allclose(w, 2 * (V + 65), atol=0.5)


@pytest.mark.parametrize(
    ("neuron", "options", "error", "message"),
    [
        (sl.LIF(1), DEFAULT, TypeError, "two variables; given LIF with V"),
        (sl.FitzHughNagumo(2, a=np.array([0.7, 0.8])), DEFAULT, ValueError, "single numbers"),
        (sl.FitzHughNagumo(1), {"x": (2, -2), "y": (0, 1)}, ValueError, "from low to high"),
        (sl.FitzHughNagumo(1), {"x": 3, "y": (0, 1)}, TypeError, "two values"),
        (sl.FitzHughNagumo(1), {**DEFAULT, "current": 1 * u.nA}, UnitError, "current"),
        (sl.MorrisLecar(1), {"x": (0, 1), "y": (0, 1)}, UnitError, "x needs"),
    ],
)
def test_mistakes(neuron, options, error, message):
    with pytest.raises(error, match=message):
        plot.phase_plane(neuron, **options)
