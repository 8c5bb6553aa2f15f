"""What the constants of a text may be: a dictionary that several texts share, and functions of time."""

import pickle

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl

LEAK = "dv/dt = (R*stimulus(t) - v)/tau : mV"
STEP = 0.1 * u.ms


@pytest.fixture(autouse=True)
def time_step():
    with sl.environ.context(dt=STEP):
        yield


def potentials(neuron, steps):
    sl.nn.init_all_states(neuron)

    def step(i):
        with sl.environ.context(i=i, t=i * STEP):
            neuron()
        return u.get_mantissa(neuron.V.value)

    return np.asarray(sl.transform.for_loop(step, np.arange(steps)))


def test_of_a_namespace_a_text_takes_what_it_names():
    shared = {"tau": 20 * u.ms, "V_th": 1 * u.mV, "tau_w": 5 * u.ms}
    Leaky = sl.Neuron.from_equations("dv/dt = -v/tau : mV", threshold="v > V_th", namespace=shared)
    assert Leaky(3).tau == 20 * u.ms
    Synapse = sl.Synapse.from_equations(
        "w : nS\ndx/dt = -x/tau_w : 1", on_pre="x += 1; g_post += w*x", namespace=shared
    )
    assert Synapse().tau_w == 5 * u.ms
    with pytest.raises(ValueError, match="tau is given as a keyword and in namespace"):
        sl.Neuron.from_equations("dv/dt = -v/tau : mV", namespace=shared, tau=3 * u.ms)


@pytest.mark.parametrize("dt", [5 * u.ms, 0.25 * u.ms], ids=["multiple of the step", "not a multiple"])
def test_a_timed_array_is_constant_between_its_times(dt):
    """Within each of them the potential follows its closed form."""
    levels = np.array([[0.0, 1.0], [3.0, 0.5], [1.0, 2.0]])
    stimulus = sl.TimedArray(levels * u.nA, dt=dt)
    Model = sl.Neuron.from_equations(
        LEAK.replace("(t)", "(t, i)"), stimulus=stimulus, tau=2 * u.ms, R=10 * u.Mohm, method="exact"
    )
    found = potentials(Model(2), 160)
    v, decay = np.zeros(2), np.exp(-0.1 / 2)
    for i in range(160):
        at = 10 * levels[min(int(round(0.1 * i / dt.to_decimal(u.ms), 9)), 2)]
        v = at + (v - at) * decay
        np.testing.assert_allclose(found[i], v, rtol=2e-5, atol=1e-5)
    again = pickle.loads(pickle.dumps(Model))
    np.testing.assert_array_equal(potentials(again(2), 160), found)


def test_a_timed_array_of_another_size_is_refused():
    stimulus = sl.TimedArray(np.ones((4, 2)) * u.nA, dt=1 * u.ms)
    Model = sl.Neuron.from_equations(LEAK, stimulus=stimulus, tau=2 * u.ms, R=10 * u.Mohm)
    with pytest.raises(
        sl.errors.ShapeError, match=r"stimulus\(t\) of shape \(2,\) does not fit neurons of shape \(3,\)"
    ):
        Model(3)
    with pytest.raises(sl.errors.UnitError, match="nA and mV"):
        sl.Neuron.from_equations("dv/dt = (stimulus(t) - v)/tau : mV", stimulus=stimulus, tau=2 * u.ms)
    with pytest.raises(sl.errors.EquationError, match="there is no function 'stimulus'"):  # of anything but the time
        sl.Neuron.from_equations(LEAK.replace("(t)", "(2*t, t)"), stimulus=stimulus, tau=2 * u.ms, R=10 * u.Mohm)
    with pytest.raises(sl.errors.EquationError, match="there is no function 'stimulos'"):
        sl.Neuron.from_equations(LEAK.replace("us(", "os("), stimulus=stimulus, tau=2 * u.ms, R=10 * u.Mohm)


def test_pi_is_a_number():
    Wave = sl.Neuron.from_equations("dv/dt = cos(2*pi*f*t)*f : 1", f=10 * u.Hz, method="rk4")
    np.testing.assert_allclose(potentials(Wave(1), 250)[-1], 1 / (2 * np.pi), rtol=1e-4)


def test_a_model_without_a_threshold_does_not_spike():
    Oscillator = sl.Neuron.from_equations(
        "dv/dt = (v - v**3/3 - w + I)/(1*ms) : 1\ndw/dt = 0.08*(v + 0.7 - 0.8*w)/(1*ms) : 1\nI : 1 (input)",
        method="rk4",
    )
    neuron = sl.nn.init_all_states(Oscillator(2))
    spikes, V = sl.transform.for_loop(lambda: (neuron(0.5), neuron.V.value), length=1000)
    assert not spikes.any()
    assert V.min() < -1.5
    assert V.max() > 1.5
    with pytest.raises(ValueError, match="reset= is given without threshold="):
        sl.Neuron.from_equations("dv/dt = -v/tau : 1", tau=1 * u.ms, reset="v = 0")
    with pytest.raises(ValueError, match="refractory= is given without threshold="):
        sl.Neuron.from_equations("dv/dt = -v/tau : 1", tau=1 * u.ms, refractory="5*ms")
