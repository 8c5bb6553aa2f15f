"""White noise and random numbers in text models."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64, dt=0.1 * u.ms)
    sl.random.seed(0)


def model(text, threshold="v > 1000", **options):
    return sl.Neuron.from_equations(text, threshold=threshold, **options)


def run(cls, n, steps, x=None, **options):
    cells = sl.nn.init_all_states(cls(n, **options))
    spikes = sl.transform.for_loop(lambda: cells(x), length=steps)
    return np.asarray(spikes), np.asarray(u.get_mantissa(cells.V.value))


@pytest.mark.parametrize("method", [None, "euler", "exp_euler"])
def test_xi_is_white_noise(native, method):
    cls = model("dv/dt = (1 - v)/tau + sigma*sqrt(2/tau)*xi : 1", tau=5 * u.ms, sigma=0.3, method=method)
    _, v = run(cls, 20_000, 600)  # Ornstein and Uhlenbeck's process, settled
    assert v.mean() == pytest.approx(1, abs=5 * 0.3 / np.sqrt(20_000))
    assert v.std() == pytest.approx(0.3, rel=0.03)
    assert np.abs(np.corrcoef(v[:-1], v[1:])[0, 1]) < 0.04
    assert sl.info()["fallbacks"] == "none" or "TextNeuron" not in sl.info()["fallbacks"]


def test_the_variance_of_a_walk_grows_with_time_whatever_the_step():
    walk = model("dv/dt = a*xi : 1", a=2.0 / u.ms**0.5)
    for dt, steps in ((0.1, 100), (0.5, 20)):
        sl.environ.set(dt=dt * u.ms)
        assert run(walk, 20_000, steps)[1].var() == pytest.approx(2.0**2 * 10, rel=0.05)


def test_the_factor_of_xi_may_depend_on_the_state():
    growth = model("dv/dt = s*v*xi : 1", s=0.1 / u.ms**0.5)
    _, v = run(growth, 20_000, 100, V_initializer=1.0)  # geometric Brownian motion, in the sense of Itô
    assert v.mean() == pytest.approx(1, abs=0.015)
    assert np.log(v).mean() == pytest.approx(-0.5 * 0.1**2 * 10, abs=0.015)


def test_rand_is_uniform_and_randn_normal(native):
    drawn = model("dv/dt = (rand() - v)/dt : 1", method="euler")
    v = run(drawn, 20_000, 3)[1]
    assert (v >= 0).all() & (v < 1).all()
    assert v.mean() == pytest.approx(0.5, abs=0.01)
    drawn = model("dv/dt = (randn() - v)/dt : 1", method="euler")
    v = run(drawn, 20_000, 3)[1]
    assert (v.mean(), v.std()) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))
    assert np.mean(v**4) == pytest.approx(3, abs=0.3)


def test_numbers_of_one_text_are_independent():
    drawn = model("dv/dt = (rand() - v)/dt : 1\ndw/dt = (rand() - w)/dt : 1", method="euler")
    cells = sl.nn.init_all_states(drawn(20_000))
    cells()
    assert abs(np.corrcoef(cells.V.value, cells.w.value)[0, 1]) < 0.03


def test_a_threshold_may_be_drawn():
    cls = model("dv/dt = -v/tau : 1", threshold="rand() < f*dt", reset="v += 1", tau=10 * u.ms, f=50 * u.Hz)
    spikes, v = run(cls, 4000, 500)
    assert spikes.mean() / 0.1e-3 == pytest.approx(50, rel=0.05)
    assert v.mean() == pytest.approx(0.5, rel=0.1)  # f tau, settled


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("dv/dt = xi**2 : 1", {}, "xi is added to the right side"),
        ("dv/dt = a*exp(xi) : 1", {}, "without a unit"),
        ("dv/dt = b*xi*int(xi > xi) : 1", {}, "xi is added to the right side"),
        ("dv/dt = x : 1\nx = b*xi : hertz", {}, "xi is added to the right side"),
        ("dv/dt = b*xi : 1", {"method": "rk4"}, "With xi the method is"),
        ("dv/dt = (randn() + randn() + rand())*a : 1", {}, "draws 5 numbers"),
        ("dv/dt = rand(3)*a : 1", {}, "takes no arguments"),
        ("dv/dt = poisson(3)*a : 1", {}, "rand\\(\\) < rate"),
        ("dxi/dt = -xi*a : 1", {}, "meaning of its own"),
    ],
)
def test_what_cannot_be_is_refused(text, options, message):
    constants = {k: v for k, v in {"a": 1 / u.ms, "b": 1 / u.ms**0.5}.items() if f"{k}" in text.split("=", 1)[1]}
    with pytest.raises((ValueError, sl.errors.EquationError, sl.errors.UnitError), match=message):
        model(text, **constants, **options)
