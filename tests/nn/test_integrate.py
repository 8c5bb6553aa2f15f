import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop import nn
from spikeloop._errors import MissingSettingError, ShapeError, UnitError

STEPS = {"exp_euler": (nn.exp_euler_step, 2), "rk2": (nn.rk2_step, 2), "rk4": (nn.rk4_step, 4)}
every = pytest.mark.parametrize("name", STEPS)


@pytest.fixture(autouse=True)
def double():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def after(step, f, x, dt, duration):
    """The state after `duration` ms in steps of `dt` ms."""
    n = round(duration / dt)

    def one(x, k):
        with sl.environ.context(dt=dt * u.ms, t=k * dt * u.ms):
            return step(f, x), None

    return sl.transform.scan(one, x, jnp.arange(n))[0]


@every
def test_order_of_convergence_on_the_logistic_equation(name):
    step, order = STEPS[name]
    f = lambda x: x * (1 - x) / (3.0 * u.ms)  # noqa: E731
    exact = 1 / (1 + 9 * np.exp(-6.0 / 3.0))
    errors = [abs(float(after(step, f, jnp.asarray(0.1), dt, 6.0)) - exact) for dt in (0.5, 0.25)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("step", "order"), [(nn.exp_euler_step, 1), (nn.rk2_step, 2), (nn.rk4_step, 4)])
def test_order_holds_for_a_function_of_time(step, order):
    """dx/dt = cos(t) x with t from the environment: a stage sees its own time."""
    f = lambda x: jnp.cos(sl.environ.get("t").to_decimal(u.ms)) * x / u.ms  # noqa: E731
    exact = np.exp(np.sin(2.0))
    errors = [abs(float(after(step, f, jnp.asarray(1.0), dt, 2.0)) - exact) for dt in (0.05, 0.025)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@settings(deadline=None, max_examples=30)
@given(st.floats(-80, 80), st.floats(0.05, 100), st.floats(-80, 80), st.floats(0.01, 50))
def test_exp_euler_is_exact_for_a_linear_equation(x, tau, rest, dt):
    with sl.environ.context(precision=64, dt=dt * u.ms):
        new = nn.exp_euler_step(lambda V: (rest * u.mV - V) / (tau * u.ms), x * u.mV)
    assert float(new.to_decimal(u.mV)) == pytest.approx(rest + (x - rest) * np.exp(-dt / tau), rel=1e-9, abs=1e-9)


@every
def test_units_follow_the_state_and_may_differ_in_scale(name):
    step = STEPS[name][0]
    V = step(lambda V, current: (-V + 1.0 * u.ohm * current) / (0.01 * u.second), jnp.ones(3) * u.mV, 2.0 * u.mA)
    assert V.unit == u.mV
    np.testing.assert_allclose(V.mantissa, 2 - np.exp(-0.01), rtol=2e-4)
    with sl.environ.context(dt=0.0001 * u.second):
        rate = lambda V, current: (-V + 1.0 * u.ohm * current) / (10.0 * u.ms)  # noqa: E731
        same = step(rate, jnp.ones(3) * u.mV, current=2.0 * u.mA)
    np.testing.assert_allclose(same.mantissa, V.mantissa, rtol=1e-12)


@every
def test_without_units(name):
    with sl.environ.context(dt=0.1):
        assert float(STEPS[name][0](lambda x: -x, jnp.asarray(1.0))) == pytest.approx(np.exp(-0.1), rel=1e-3)


@every
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_keeps_shape_and_dtype(name, dtype):
    x = STEPS[name][0](lambda x: -x / u.ms, jnp.ones((2, 3), dtype))
    assert (x.shape, x.dtype) == ((2, 3), dtype)


@pytest.mark.parametrize("name", ["rk2", "rk4"])
def test_systems_of_several_states(name):
    """A harmonic oscillator in a tuple of states with different units."""
    step = STEPS[name][0]
    f = lambda s: {"x": s["v"], "v": -s["x"] / u.ms**2}  # noqa: E731
    x = after(step, f, {"x": jnp.asarray(1.0) * u.mV, "v": jnp.asarray(0.0) * u.mV / u.ms}, 0.01, 3.0)
    np.testing.assert_allclose(x["x"].to_decimal(u.mV), np.cos(3.0), rtol=1e-4)
    np.testing.assert_allclose(x["v"].to_decimal(u.mV / u.ms), -np.sin(3.0), rtol=1e-3)


@every
def test_gradients_equal_finite_differences(name):
    step = STEPS[name][0]

    def end(tau):
        f = lambda x: x * (1 - x) / (tau * u.ms)  # noqa: E731
        return after(step, f, jnp.asarray(0.1), 0.5, 3.0)

    h = 1e-6
    finite = (end(3.0 + h) - end(3.0 - h)) / (2 * h)
    assert float(jax.grad(end)(3.0)) == pytest.approx(float(finite), rel=1e-7)


@every
def test_jit_and_vmap(name):
    step = STEPS[name][0]
    x = jnp.linspace(0.1, 0.9, 5)
    one = lambda x: step(lambda x: x * (1 - x) / u.ms, x)  # noqa: E731
    np.testing.assert_allclose(sl.transform.jit(one)(x), one(x), rtol=1e-12)
    np.testing.assert_allclose(sl.transform.vmap(one)(x), one(x), rtol=1e-12)


def test_noise_has_the_variance_of_an_ou_process():
    sigma, tau = 0.3, 5.0
    f = lambda x: -x / (tau * u.ms)  # noqa: E731
    g = lambda x: sigma / u.ms**0.5 * jnp.ones_like(x)  # noqa: E731
    x = sl.State(jnp.zeros(20_000))
    sl.random.seed(1)

    def step():
        x.value = nn.exp_euler_step(f, g, x.value)

    sl.transform.for_loop(step, length=300)
    variance = sigma**2 * tau / 2 * (1 - np.exp(-2 * 30 / tau))
    assert float(x.value.var()) == pytest.approx(variance, rel=0.04)
    assert float(x.value.mean()) == pytest.approx(0, abs=0.02)


def test_noise_follows_the_seed_and_scales_with_the_unit_of_dt():
    g = lambda x: 1.0 * u.mV / u.ms**0.5  # noqa: E731
    draws = []
    for dt in (0.1 * u.ms, 1e-4 * u.second):
        sl.random.seed(3)
        with sl.environ.context(dt=dt):
            draws.append(nn.exp_euler_step(lambda x: 0 * x / u.ms, g, jnp.zeros(4) * u.mV).to_decimal(u.mV))
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-9)
    assert np.std(draws[0]) > 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.rk4_step(lambda x: -x, 1.0 * u.mV), UnitError, "rk4_step: f must return a value in mV / ms"),
        (lambda: nn.exp_euler_step(lambda x: -x, jnp.ones(2)), UnitError, "f must return a value in 1 / ms|Hz"),
        (
            lambda: nn.exp_euler_step(lambda x: -x / u.ms, lambda x: x / u.ms, jnp.ones(2)),
            UnitError,
            "g must return",
        ),
        (lambda: nn.rk2_step(lambda x: -x / u.ms, jnp.arange(3)), TypeError, "must hold floats; given int"),
        (lambda: nn.rk2_step(lambda x: (x, x), jnp.ones(3)), TypeError, "f must return"),
        (lambda: nn.rk4_step(lambda x: jnp.ones(5) / u.ms, jnp.ones(3)), ShapeError, r"shape \(5,\).*\(3,\)"),
        (lambda: nn.rk4_step(lambda x: jnp.ones((2, 3)) / u.ms, jnp.ones(3)), ShapeError, r"\(2, 3\)"),
        (lambda: nn.exp_euler_step(lambda x: x), TypeError, "needs the state"),
        (lambda: nn.exp_euler_step(lambda x: x, (jnp.ones(1), jnp.ones(1))), TypeError, "one array"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@every
def test_a_missing_dt_is_named(name):
    sl.environ.reset()
    with pytest.raises(MissingSettingError, match=f"by nn.{name}_step"):
        STEPS[name][0](lambda x: -x / u.ms, jnp.ones(2))
