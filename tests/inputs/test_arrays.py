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


def numbers(value, unit=nA):
    assert value.mantissa.dtype == jnp.float32
    return np.asarray(value.to_decimal(unit))


def test_section():
    x = numbers(inputs.section([0 * nA, 1 * nA, 0.002 * u.uA], [1 * ms, 0.5 * ms, 0.0003 * u.second]))
    np.testing.assert_allclose(x, [0] * 10 + [1] * 5 + [2] * 3, rtol=1e-6)


def test_section_of_arrays_and_total_time():
    x, total = inputs.section(
        [np.zeros(2), np.array([1.0, 2.0]), 3.0], [0.2 * ms, 0.1 * ms, 0.1 * ms], return_length=True
    )
    np.testing.assert_array_equal(x, [[0, 0], [0, 0], [1, 2], [3, 3]])
    assert total.to_decimal(ms) == pytest.approx(0.4)
    assert x.dtype == jnp.float32


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(st.integers(0, 300), min_size=1, max_size=5), dt=st.sampled_from([0.1, 0.05, 0.025, 0.3, 1.0]))
def test_section_has_exactly_the_steps_asked_for(steps, dt):
    durations = [k * dt * ms for k in steps]
    assert inputs.section([1.0] * len(steps), durations, dt=dt * ms).shape == (sum(steps),)


def test_step_k_is_the_time_k_dt():
    """Between grid points the next step is the first that sees a new value."""
    np.testing.assert_array_equal(inputs.section([1.0, 2.0], [0.25 * ms, 0.25 * ms]), [1, 1, 1, 2, 2])


def test_dt_may_be_given_or_come_from_a_context():
    assert inputs.section([1.0], [1 * ms], dt=0.5 * ms).shape == (2,)
    with sl.environ.context(dt=1 * ms):
        assert inputs.section([1.0], [5 * ms]).shape == (5,)
    with sl.environ.context(dt=0.5):
        assert inputs.section([1.0], [5]).shape == (10,)


def test_constant():
    x, total = inputs.constant([(0 * nA, 0.2 * ms), (1 * nA, 0.3 * ms)])
    np.testing.assert_array_equal(numbers(x), [0, 0, 1, 1, 1])
    assert total.to_decimal(ms) == pytest.approx(0.5)


def test_step():
    x = numbers(inputs.step([1 * nA, 2 * nA], [0.1 * ms, 0.4 * ms], 0.6 * ms))
    np.testing.assert_array_equal(x, [0, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(numbers(inputs.step([2 * nA], [0.3 * ms])), [0, 0, 0])


def test_ramp():
    np.testing.assert_allclose(numbers(inputs.ramp(0 * nA, 1 * nA, 0.5 * ms)), np.linspace(0, 1, 5), rtol=1e-6)
    x = numbers(inputs.ramp(1 * nA, 3 * nA, 0.6 * ms, 0.1 * ms, 0.4 * ms))
    np.testing.assert_allclose(x, [0, 1, 2, 3, 0, 0], rtol=1e-6)


def test_spike():
    x = numbers(inputs.spike([0.1 * ms, 0.3 * ms, 5 * ms], 0.2 * ms, [1 * nA, 2 * nA, 3 * nA], 0.6 * ms))
    np.testing.assert_array_equal(x, [0, 1, 1, 2, 2, 0])
    np.testing.assert_array_equal(inputs.spike([0.1 * ms], 0 * ms, 1.0, 0.3 * ms), [0, 1, 0])


T = np.arange(5000) * 1e-4  # s
WAVES = {
    "sinusoidal": lambda x: np.sin(2 * np.pi * x),
    "square": lambda x: np.where(np.mod(x + 1e-9, 1) < 0.5, 1.0, -1.0),
    "triangular": lambda x: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * x)),
    "sawtooth": lambda x: 2 * np.mod(x + 1e-9, 1) - 1,
}


@pytest.mark.parametrize("name", WAVES)
def test_waves(name):
    make = getattr(inputs, name)
    np.testing.assert_allclose(numbers(make(2 * nA, 10 * Hz, 500 * ms)), 2 * WAVES[name](10 * T), atol=1e-5)
    inside = (T > 0.09999) & (T < 0.39999)
    expected = np.where(inside, 2 * WAVES[name](10 * (T - 0.1)) + 2, 0)
    x = numbers(make(2 * nA, 10 * Hz, 500 * ms, t_start=100 * ms, t_end=0.4 * u.second, bias=True))
    np.testing.assert_allclose(x, expected, atol=1e-5)


def test_square_duty_cycle():
    assert (inputs.square(1.0, 10 * Hz, 500 * ms, duty_cycle=0.3) > 0).mean() == pytest.approx(0.3)
    with pytest.raises(ValueError, match="duty_cycle"):
        inputs.square(1.0, 10 * Hz, 500 * ms, duty_cycle=2)


def test_amplitudes_give_further_axes():
    x = inputs.sinusoidal(jnp.array([1.0, 2.0]) * nA, 10 * Hz, 50 * ms)
    assert x.shape == (500, 2)
    np.testing.assert_allclose(x.mantissa[:, 1], 2 * x.mantissa[:, 0], rtol=1e-6)


@pytest.mark.parametrize("method", ["linear", "logarithmic"])
def test_chirp_reaches_its_frequencies(method):
    with sl.environ.context(precision=64):
        x = np.asarray(inputs.chirp(1.0, 10 * Hz, 40 * Hz, 1000 * ms, method=method))
    risen = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0)) * 1e-4
    assert 1 / (risen[-1] - risen[-2]) == pytest.approx(39, rel=0.05)
    mean = 25 if method == "linear" else 30 / np.log(4)
    assert len(risen) + 1 == pytest.approx(mean, abs=1)


def test_pulses():
    t = np.arange(1000) * 0.1
    x = numbers(inputs.gaussian_pulse(2 * nA, 50 * ms, 10 * ms, 100 * ms))
    np.testing.assert_allclose(x, 2 * np.exp(-((t - 50) ** 2) / 200), atol=1e-6)
    assert inputs.gaussian_pulse(2 * nA, 50 * ms, 10 * ms, 100 * ms, n=3).shape == (1000, 3)
    x = numbers(inputs.exponential_decay(2 * nA, 10 * ms, 100 * ms, t_start=20 * ms))
    np.testing.assert_allclose(x, np.where(t > 19.99, 2 * np.exp(-(t - 20) / 10), 0), atol=1e-6)


@pytest.mark.parametrize("rise", [2.0, 10.0, 10.000001, 30.0])
def test_double_exponential_peaks_at_its_amplitude(rise):
    x = numbers(inputs.double_exponential(2 * nA, rise * ms, 10 * ms, 100 * ms, t_start=5 * ms))
    assert x.max() == pytest.approx(2, rel=1e-3)
    assert (x[:51] == 0).all()


def test_burst():
    x = np.asarray(inputs.burst(1.0, 100 * Hz, 10 * ms, 5 * ms, 2, 50 * ms))
    t = np.arange(500) * 0.1
    on = (t < 9.99) | ((t > 14.99) & (t < 24.99))
    expected = np.where(on, np.sin(2 * np.pi * 0.1 * np.where(t < 12, t, t - 15)), 0)
    np.testing.assert_allclose(x, expected, atol=1e-5)


def test_ou_process_is_stationary_as_stated():
    x = inputs.ou_process(0.5 * nA, 0.2 * nA, 10 * ms, 400 * ms, n=2000, seed=1)
    assert x.shape == (4000, 2000)
    late = numbers(x)[1000:]
    assert late.mean() == pytest.approx(0.5, abs=0.02)
    assert late.std() == pytest.approx(0.2 * 5**0.5, rel=0.02)
    lagged = ((late[100:] - 0.5) * (late[:-100] - 0.5)).mean() / late.var()
    assert lagged == pytest.approx(np.exp(-1), rel=0.05)


def test_ou_process_does_not_depend_on_dt():
    for step in (0.1, 1.0, 20.0):
        with sl.environ.context(dt=step * ms):
            x = inputs.ou_process(0.0, 1.0, 10 * ms, 200 * ms, n=5000, seed=0)
            assert float(x[-1].std()) == pytest.approx(5**0.5, rel=0.04)


def test_wiener_process():
    x = numbers(inputs.wiener_process(100 * ms, 0.5 * nA, n=1000, t_start=10 * ms, t_end=60 * ms, seed=1))
    assert x.shape == (1000, 1000)
    assert (x[:100] == 0).all()
    assert (x[600:] == 0).all()
    assert x[100:600].std() == pytest.approx(0.5 * 0.1**0.5, rel=0.01)
    with sl.environ.context(dt=1e-4 * u.second):
        y = numbers(inputs.wiener_process(100 * ms, 0.5 * nA, n=1000, t_start=10 * ms, t_end=60 * ms, seed=1))
    np.testing.assert_allclose(y, x, rtol=1e-5)


def test_poisson_has_its_rate():
    x = numbers(inputs.poisson(100 * Hz, 1000 * ms, 2 * nA, n=200, seed=1))
    assert set(np.unique(x)) <= {0, 2, 4, 6}  # three spikes in a step are expected once in three such arrays
    assert x.sum() / 2 / 200 == pytest.approx(100, rel=0.05)
    rates = inputs.poisson(np.array([0.0, 0.5]) * u.kHz, 1000 * ms, n=2, seed=1)
    assert rates[:, 0].sum() == 0
    assert rates[:, 1].sum() == pytest.approx(500, rel=0.2)


def test_poisson_counts_the_spikes_of_a_step():
    for rate in (1.0, 20.0, 1e4):
        x = inputs.poisson(rate * u.kHz, 100 * ms, n=200, seed=1)
        assert float(x.mean()) == pytest.approx(rate * 0.1, rel=0.02)


def test_noisy_sinusoidal():
    x = numbers(inputs.noisy_sinusoidal(2 * nA, 10 * Hz, 0.5 * nA, 500 * ms, t_start=100 * ms, seed=1))
    wave = numbers(inputs.sinusoidal(2 * nA, 10 * Hz, 500 * ms, t_start=100 * ms))
    assert (x[:1000] == 0).all()
    assert (x - wave)[1000:].std() == pytest.approx(0.5, rel=0.05)
    assert (x - wave)[1000:].mean() == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: inputs.poisson(100 * Hz, 50 * ms, **k),
        lambda **k: inputs.ou_process(0.0, 1.0, 10 * ms, 50 * ms, **k),
        lambda **k: inputs.wiener_process(50 * ms, **k),
    ],
)
def test_random_inputs_follow_the_seed(make):
    assert make().shape == (500,)
    assert make(n=(2, 3)).shape == (500, 2, 3)
    np.testing.assert_array_equal(make(seed=1), make(seed=1))
    assert (make(seed=1) != make(seed=2)).any()
    sl.random.seed(5)
    first = make()
    assert (make() != first).any()
    sl.random.seed(5)
    np.testing.assert_array_equal(make(), first)


def test_inside_jit_and_grad():
    assert sl.transform.jit(lambda: inputs.poisson(100 * Hz, 5 * ms))().shape == (50,)
    slope = jax.grad(lambda a: inputs.section([a, 2 * a], [0.2 * ms, 0.3 * ms]).sum())(1.0)
    assert slope == 8


def test_double_precision():
    with sl.environ.context(precision=64):
        assert inputs.sinusoidal(1.0, 10 * Hz, 5 * ms).dtype == jnp.float64
        assert inputs.ou_process(0.0, 1.0, 10 * ms, 5 * ms).dtype == jnp.float64


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: inputs.section([1.0, 2.0], [1 * ms]), ValueError, "2 values but 1 durations"),
        (
            lambda: inputs.section([1 * nA, 2 * ms], [1 * ms, 1 * ms]),
            UnitError,
            "value 1 is in ms, expected a value in nA",
        ),
        (lambda: inputs.section([1.0], [10]), UnitError, r"durations must be a value such as 10. \* u.ms; given 10"),
        (lambda: inputs.section([1.0], [10 * nA]), UnitError, "durations"),
        (lambda: inputs.section([1.0], [-1 * ms]), ValueError, "must not be negative"),
        (lambda: inputs.section([1.0], [float("nan") * ms]), ValueError, "must be finite"),
        (lambda: inputs.sinusoidal(1.0, 10.0, 10 * ms), UnitError, "frequency must be a value such as"),
        (lambda: inputs.sinusoidal(1.0, 10 * Hz, 10 * ms, 5 * ms, 2 * ms), ValueError, "comes before t_start"),
        (lambda: inputs.poisson(np.ones(3) * Hz, 10 * ms, n=2), ShapeError, r"rates of shape \(3,\) do not fit n=2"),
        (lambda: inputs.poisson(-1 * Hz, 10 * ms), ValueError, "rate must be at least 0"),
        (lambda: inputs.ou_process(0.0, 1.0, 0 * ms, 10 * ms), ValueError, "tau must be positive"),
        (lambda: inputs.ou_process(0 * nA, 1 * ms, 1 * ms, 10 * ms), UnitError, "sigma is in ms"),
        (lambda: inputs.chirp(1.0, 0 * Hz, 1 * Hz, 10 * ms, method="logarithmic"), ValueError, "positive"),
        (lambda: inputs.spike([1 * ms, 2 * ms], [1 * ms], 1.0, 5 * ms), ValueError, "2 sp_times but 1 sp_lens"),
        (lambda: inputs.section([1.0], [1 * ms], dt=0 * ms), ValueError, "dt must be positive"),
    ],
)
def test_errors_say_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_dt_must_be_known():
    def total(dt):
        return inputs.section([1.0], [1 * ms], dt=dt * ms).sum()

    with pytest.raises(TypeError, match=r"inputs\.section: dt must be known before tracing"):
        jax.jit(total)(0.1)


def test_missing_dt_names_the_function():
    sl.environ.reset()
    with pytest.raises(MissingSettingError, match=r"by inputs.section"):
        inputs.section([1.0], [1 * ms])
