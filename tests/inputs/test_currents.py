"""Currents as Modules: their values, where their time comes from, batches, gradients, mistakes."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from brainunit import Hz, ms, nA
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop import inputs
from spikeloop._errors import MissingSettingError, ShapeError, UnitError


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * ms)


def run(source, length):
    """Its values in steps that it counts itself."""
    sl.nn.init_all_states(source)
    return sl.transform.for_loop(source, length=length)


def numbers(value, unit=nA):
    return np.asarray(value.to_decimal(unit))


def test_section():
    x = run(sl.SectionInput(2, [1, 3] * nA, [0.3, 0.2] * ms), 7)
    np.testing.assert_array_equal(numbers(x)[:, 1], [1, 1, 1, 3, 3, 0, 0])
    assert x.shape == (7, 2)


@settings(deadline=None, max_examples=6)
@given(steps=st.lists(st.integers(0, 40), min_size=1, max_size=4), dt=st.sampled_from([0.1, 0.3, 1.0]))
def test_section_equals_the_array(steps, dt):
    values, durations = list(range(1, len(steps) + 1)), [k * dt * ms for k in steps]
    with sl.environ.context(dt=dt * ms):
        array = inputs.section(values, durations)
        x = run(sl.SectionInput(1, values, durations), 170)[:, 0]
    np.testing.assert_array_equal(x[: len(array)], array)
    assert (x[len(array) :] == 0).all()


def test_constant():
    np.testing.assert_array_equal(numbers(run(sl.ConstantInput(1, 2 * nA, 0.25 * ms), 5))[:, 0], [2, 2, 2, 0, 0])
    np.testing.assert_array_equal(numbers(run(sl.ConstantInput(2, [1, 2] * nA), 3)), [[1, 2]] * 3)


def test_step_holds_the_last():
    x = run(sl.StepInput(1, [1, 2] * nA, [0.1, 0.4] * ms), 6)
    np.testing.assert_array_equal(numbers(x)[:, 0], [0, 1, 1, 1, 2, 2])


def test_ramp():
    x = run(sl.RampInput(1, 1 * nA, 3 * nA, 0.4 * ms, 0.2 * ms), 8)
    np.testing.assert_allclose(numbers(x)[:, 0], [0, 0, 1, 1.5, 2, 2.5, 0, 0], rtol=1e-5)
    x = run(sl.RampInput(1, 0.0, 1.0, 0.4 * ms, 0.25 * ms), 8)
    np.testing.assert_allclose(x[:, 0], [0, 0, 0, 0.125, 0.375, 0.625, 0.875, 0], atol=1e-6)


def test_sinusoidal():
    x = run(sl.SinusoidalInput(3, 2 * nA, np.array([10, 50, 0.5]) * Hz, 40 * ms, bias=0.5 * nA), 500)
    t = np.arange(500)[:, None] * 1e-4
    expected = np.where(t < 0.03999, 0.5 + 2 * np.sin(2 * np.pi * t * [10, 50, 0.5]), 0)
    np.testing.assert_allclose(numbers(x), expected, atol=1e-5)


@settings(deadline=None, max_examples=6)
@given(frequency=st.floats(0.01, 2000), amplitude=st.floats(-1e3, 1e3), steps=st.integers(0, 60), dt=st.floats(0.01, 2))
def test_sinusoidal_equals_the_array(frequency, amplitude, steps, dt):
    with sl.environ.context(dt=dt * ms):
        array = inputs.sinusoidal(amplitude, frequency * Hz, steps * dt * ms)
        x = run(sl.SinusoidalInput(1, amplitude, frequency * Hz, steps * dt * ms), 60)[:, 0]
    np.testing.assert_allclose(x[:steps], array, atol=2e-4 * abs(amplitude) + 1e-30)
    assert (x[steps:] == 0).all()


@settings(deadline=None, max_examples=6)
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.05, 20), st.floats(0, 3))
def test_a_ramp_stays_between_its_ends(first, last, duration, start):
    x = np.asarray(run(sl.RampInput(1, first, last, duration * ms, start * ms), 60)[:, 0])
    inside = x[x != 0]
    slack = 1e-4 * max(abs(first), abs(last))
    assert ((inside >= min(first, last) - slack) & (inside <= max(first, last) + slack)).all()
    assert (np.diff(inside) * np.sign(last - first) >= -slack).all()


def test_late_times_keep_their_phase():
    """After a day, float32 times are 8 s apart."""
    step, source = 10**9 - 7, sl.SinusoidalInput(1, 1.0, 13.7 * Hz)
    with sl.environ.context(i=step):
        assert float(source()[0]) == pytest.approx(np.sin(2 * np.pi * ((13.7e-4 * step) % 1)), abs=2e-2)


# --- the time --------------------------------------------------------------------------------------------------------


def ramp():
    return sl.RampInput(1, 0.0, 100.0, 10 * ms)


def test_time_comes_from_i_else_t_else_a_count():
    source = ramp()
    with sl.environ.context(i=30, t=7 * ms):
        assert float(source()[0]) == pytest.approx(30)
    with sl.environ.context(t=0.007 * u.second):
        assert float(source()[0]) == pytest.approx(70)
    assert source.calls.value == 0  # it has not counted
    assert [round(float(source()[0])) for _ in range(3)] == [0, 1, 2]
    sl.nn.init_all_states(source)
    assert float(source()[0]) == 0


def test_the_three_clocks_agree_in_a_loop():
    source = ramp()

    def at(**time):
        with sl.environ.context(**time):
            return source()

    steps = jnp.arange(120)
    counted = run(source, 120)
    np.testing.assert_array_equal(sl.transform.for_loop(lambda i: at(i=i), steps), counted)
    np.testing.assert_array_equal(sl.transform.for_loop(lambda t: at(t=t), steps * 0.1 * ms), counted)


def test_dt_is_read_at_run_time():
    source = ramp()
    step = sl.transform.jit(source)
    for dt in (0.1, 0.5):
        with sl.environ.context(i=10, dt=dt * ms):
            assert float(step()[0]) == pytest.approx(100 * dt)


def test_drives_a_neuron_in_a_batch():
    source, neuron = sl.ConstantInput(3, 2.0 * u.mA), sl.LIF(3)
    net = sl.nn.Sequential(sl.nn.OneToOne(3, 1.0), neuron)
    sl.nn.init_all_states(net, batch_size=4)
    sl.nn.init_all_states(source, batch_size=4)
    spikes = sl.transform.for_loop(lambda: net(source()), length=100)
    assert spikes.shape == (100, 4, 3)
    assert spikes.sum() > 0


def test_another_batch_size_reaches_a_compiled_function():
    source = sl.ConstantInput(3, 1.0)
    step = sl.transform.jit(source)
    shapes = [step().shape]
    for batch in (2, 5, None):
        sl.nn.init_all_states(source, batch_size=batch)
        shapes.append(step().shape)
    assert shapes == [(3,), (2, 3), (5, 3), (3,)]


def test_vmap_and_gradient():
    with sl.environ.context(i=5):
        amplitudes = jnp.arange(4.0)
        x = sl.transform.vmap(lambda a: sl.SectionInput(2, [a, 2 * a], [0.4 * ms, 1 * ms])())(amplitudes)
        np.testing.assert_array_equal(x, 2 * amplitudes[:, None] * np.ones(2))
        assert jax.grad(lambda a: sl.SinusoidalInput(2, a, 500 * Hz)().sum())(1.0) == pytest.approx(2.0, rel=1e-5)


def test_double_precision():
    with sl.environ.context(precision=64):
        assert sl.ConstantInput(2, 1.0)().dtype == jnp.float64


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.SectionInput(1, [1, 2] * nA, [1] * ms), ValueError, "SectionInput: 2 values but 1 durations"),
        (lambda: sl.SectionInput(1, [1 * nA, 2 * ms], [1, 1] * ms), UnitError, r"values\[1\] is in ms"),
        (lambda: sl.SectionInput(1, [1, 2], [1.0, 2.0]), UnitError, "SectionInput: durations needs a value such as"),
        (lambda: sl.SectionInput(1, [1, 2], [1, 2] * nA), UnitError, "SectionInput: durations"),
        (lambda: sl.SectionInput(1, [1, 2], [1, -2] * ms), ValueError, "durations must be finite and not negative"),
        (lambda: sl.SectionInput(3, [np.ones(2)], [1] * ms), ShapeError, r"values\[0\] of shape \(2,\).*\(3,\)"),
        (lambda: sl.StepInput(1, [1], [1, 2] * ms), ValueError, "StepInput: 1 amplitudes but 2 step_times"),
        (lambda: sl.ConstantInput(1, 1.0, [1, 2] * ms), ShapeError, "duration must be one time"),
        (lambda: sl.ConstantInput(-1, 1.0), ValueError, "in_size"),
        (lambda: sl.RampInput(1, 0 * nA, 1 * ms, 1 * ms), UnitError, "c_end is in ms"),
        (lambda: sl.RampInput(1, 0, 1, 0 * ms), ValueError, "duration must be positive"),
        (lambda: sl.RampInput(1, 0, 1, np.inf * ms), ValueError, "duration must be finite"),
        (lambda: sl.SinusoidalInput(1, 1.0, 10.0), UnitError, "SinusoidalInput: frequency needs a value"),
        (lambda: sl.SinusoidalInput(1, 1.0, 10 * ms), UnitError, "frequency"),
        (lambda: sl.SinusoidalInput(3, 1.0, np.ones(2) * Hz), ShapeError, r"frequency of shape \(2,\)"),
        (lambda: sl.SinusoidalInput(1, 1 * nA, 1 * Hz, bias=1.0), UnitError, "bias has no unit"),
    ],
)
def test_mistakes_are_refused_in_the_constructor(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"i": 1.5}, TypeError, "environ i .*must be one whole number"),
        ({"i": np.arange(3)}, TypeError, "environ i .*must be one whole number"),
        ({"t": 1.5}, UnitError, "environ t .*RampInput.* needs a value such as"),
        ({"dt": 0.1, "i": 1}, UnitError, "environ dt|duration|RampInput"),
    ],
)
def test_a_wrong_clock_is_named(settings, error, message):
    source = ramp()
    with sl.environ.context(**settings), pytest.raises(error, match=message):
        source()


def test_a_missing_dt_is_named():
    sl.environ.reset()
    with pytest.raises(MissingSettingError, match="by ConstantInput"):
        sl.ConstantInput(1, 1.0, 1 * ms)()
