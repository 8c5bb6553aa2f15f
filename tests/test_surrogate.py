import dataclasses
import inspect
import math

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop import surrogate
from spikeloop._errors import UnitError

KINDS = sorted(
    (c for c in vars(surrogate).values() if inspect.isclass(c) and c is not surrogate.Surrogate),
    key=lambda c: c.__name__,
)
X = np.linspace(-2.9, 3.1, 241)


def sigmoid_slope(x, a):
    s = scipy.special.expit(a * x)
    return a * s * (1 - s)


FORMULAS = {
    "Sigmoid": lambda x: sigmoid_slope(x, 4),
    "ReluGrad": lambda x: np.maximum(0.3 - 0.3 * abs(x), 0),
    "InvSquareGrad": lambda x: (100 * abs(x) + 1) ** -2.0,
    "Arctan": lambda x: 0.5 / (1 + (math.pi / 2 * x) ** 2),
    "GaussianGrad": lambda x: 0.5 * scipy.stats.norm.pdf(x, 0, 0.5),
    "PiecewiseQuadratic": lambda x: np.maximum(1 - abs(x), 0),
    "PiecewiseExp": lambda x: 0.5 * np.exp(-abs(x)),
    "S2NN": lambda x: np.where(x < 0, sigmoid_slope(x, 4), 1 / (abs(x) + 1)),
    "LeakyRelu": lambda x: np.where(x < 0, 0.1, 1),
    "MultiGaussianGrad": lambda x: (
        0.5 * (1.15 * scipy.stats.norm.pdf(x, 0, 0.5) - 0.15 * sum(scipy.stats.norm.pdf(x, m, 3) for m in (0.5, -0.5)))
    ),
    "SlayerGrad": lambda x: np.exp(-abs(x)),
    "SoftSign": lambda x: 0.5 / (1 + abs(x)) ** 2,
    "ERF": lambda x: np.exp(-(x**2)) / math.sqrt(math.pi),
    "PiecewiseLeakyRelu": lambda x: np.where(abs(x) > 1, 0.01, 0.5),
    "SquarewaveFourierSeries": lambda x: 0.5 * (np.cos(math.pi / 4 * x) + np.cos(3 * math.pi / 4 * x)),
    "NonzeroSignLog": lambda x: 1 / (1 + abs(x)),
    "LogTailedRelu": lambda x: np.where(x <= 0, 0, np.where(x <= 1, 1, 1 / np.maximum(x, 1))),
    "QPseudoSpike": lambda x: (1 + 2 / 3 * abs(x)) ** -2,
}


def slope(spike):
    return jax.jit(jax.vmap(jax.grad(lambda x: spike(x))))


@pytest.mark.parametrize("kind", KINDS)
def test_value_is_the_step_function(kind):
    x = jnp.array([-1.0, -1e-30, 0.0, 1e-30, 1.0])
    np.testing.assert_array_equal(kind()(x), [0, 0, 1, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_derivative_is_its_formula(kind):
    with sl.environ.context(precision=64):
        np.testing.assert_allclose(slope(kind())(jnp.asarray(X)), FORMULAS[kind.__name__](X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_and_reverse_mode_agree(kind):
    x = jnp.asarray(X, jnp.float32)
    tangent = jax.jit(lambda x: jax.jvp(kind(), (x,), (jnp.ones_like(x),))[1])(x)
    np.testing.assert_array_equal(tangent, slope(kind())(x))


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivative_is_that_of_the_derivative(kind):
    with sl.environ.context(precision=64):
        x, h = jnp.asarray(X[abs(X * 10 % 1) > 1e-3]), 1e-6
        second = jax.jit(jax.vmap(jax.grad(jax.grad(lambda x: kind()(x)))))(x)
        f = jax.jit(kind().derivative)
        smooth = abs(f(x + h) - 2 * f(x) + f(x - h)) < 1e-9
        assert smooth.sum() > 100
        np.testing.assert_allclose(second[smooth], ((f(x + h) - f(x - h)) / (2 * h))[smooth], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_keeps_the_dtype(kind, dtype):
    x = jnp.ones(3, dtype)
    assert kind()(x).dtype == x.dtype
    assert jax.grad(lambda x: kind()(x).sum())(x).dtype == x.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_stay_finite_far_from_the_threshold(kind):
    x = jnp.array([-1e4, -1.0, 0.0, 1.0, 1e4])
    assert np.isfinite(slope(kind())(x)).all()
    assert np.isfinite(jax.jit(jax.vmap(jax.grad(jax.grad(lambda x: kind()(x)))))(x)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_function_form_takes_the_same_parameters(kind):
    name = next(n for n in vars(surrogate) if n != kind.__name__ and n.replace("_", "") == kind.__name__.lower())
    function = getattr(surrogate, name)
    assert list(inspect.signature(function).parameters) == ["x", *inspect.signature(kind).parameters]
    first = dataclasses.fields(kind)[0].name
    x = jnp.asarray(X, jnp.float32)
    np.testing.assert_array_equal(slope(lambda x: function(x, **{first: 3}))(x), slope(kind(**{first: 3}))(x))


def test_kernels_take_the_parameters_that_are_no_plain_numbers():
    assert surrogate.ReluGrad(alpha=2).parameters() == ()
    width = jnp.ones(3)
    assert surrogate.ReluGrad(alpha=2, width=width).parameters() == (width,)


@settings(deadline=None)
@given(a=st.floats(0.1, 10), b=st.floats(0.1, 10))
def test_equality_and_hash_by_value(a, b):
    one, same, other = surrogate.ReluGrad(a, b), surrogate.ReluGrad(a, b), surrogate.ReluGrad(a + 1, b)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert surrogate.Sigmoid(a) != surrogate.Arctan(a)


def test_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        surrogate.Sigmoid().alpha = 2.0


def test_integer_and_bool_input_becomes_float():
    assert surrogate.Sigmoid()(jnp.array([1, -1])).dtype == jnp.float32
    assert surrogate.Sigmoid()(1).dtype == jnp.float32


def test_refuses_a_unit_and_says_what_to_pass():
    with pytest.raises(UnitError, match=r"V_th.*given a value in mV"):
        surrogate.Sigmoid()(1 * u.mV)
    assert surrogate.Sigmoid()(u.Quantity(2.0)) == 1


def test_refuses_parameters_that_are_no_numbers():
    with pytest.raises(TypeError, match=r"Sigmoid: alpha must be a plain number.*'a'"):
        surrogate.Sigmoid("a")
    with pytest.raises(ValueError, match="finite"):
        surrogate.Sigmoid(math.nan)
    with pytest.raises(TypeError, match="whole number"):
        surrogate.SquarewaveFourierSeries(n=1.5)
    with pytest.raises(TypeError, match="whole number"):
        jax.jit(lambda n: surrogate.SquarewaveFourierSeries(n=n)(1.0))(1)
    with pytest.raises(ValueError, match="finite"):
        surrogate.Sigmoid(np.array([1.0, math.inf]))
    with pytest.raises(TypeError, match="real numbers"):
        surrogate.Sigmoid(np.array([1.0, 1j]))


def test_own_surrogate():
    class Box(surrogate.Surrogate):
        width: float = 0.5

        def derivative(self, x):
            return (jnp.abs(x) < self.width) / (2 * self.width)

    assert Box(1.0) == Box(1.0)
    np.testing.assert_array_equal(slope(Box(1.0))(jnp.array([-2.0, 0.3, 2.0])), [0, 0.5, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_surrogate_function_has_the_derivative(kind):
    with sl.environ.context(precision=64):
        x = jnp.asarray(X[abs(X * 10 % 1) > 1e-3])
        slope_of = jax.vmap(jax.grad(kind().surrogate_fun))(x)
        np.testing.assert_allclose(slope_of, kind().surrogate_grad(x), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_may_be_traced_arrays_or_states(kind):
    field = next(f for f in dataclasses.fields(kind) if f.type not in ("int", int))
    with sl.environ.context(precision=64):
        x = jnp.asarray(X)
        wanted = slope(kind(**{field.name: 1.7}))(x)
        traced = jax.jit(lambda a: slope(kind(**{field.name: a}))(x))(1.7)
        state = slope(kind(**{field.name: sl.ParamState(jnp.asarray(1.7))}))(x)
        each = jax.grad(lambda x: kind(**{field.name: np.full(X.size, 1.7)})(x).sum())(x)
        for given in (traced, state, each):
            np.testing.assert_allclose(given, wanted, rtol=1e-12, atol=1e-14)


def test_a_parameter_does_not_change_spikes():
    slope_by_alpha = jax.grad(lambda a: surrogate.Sigmoid(a)(jnp.asarray(X)).sum())(2.0)
    assert slope_by_alpha == 0


def test_equality_of_arrays_and_states_is_identity():
    alpha = np.array([1.0, 2.0])
    assert surrogate.Sigmoid(alpha) == surrogate.Sigmoid(alpha)
    assert surrogate.Sigmoid(alpha) != surrogate.Sigmoid(alpha.copy())
    state = sl.ParamState(1.0)
    assert hash(surrogate.Sigmoid(state)) == hash(surrogate.Sigmoid(state))


class Tanh(surrogate.Surrogate):
    """As brainpy.state's documentation writes one."""

    def __init__(self, alpha=1.0):
        super().__init__()
        self.alpha = alpha

    def surrogate_fun(self, x):
        return jnp.tanh(x * self.alpha) * 0.5 + 0.5

    def surrogate_grad(self, x):
        return self.alpha * 0.5 * (1 - jnp.tanh(x * self.alpha) ** 2)


def test_a_subclass_with_a_constructor_and_surrogate_grad():
    x = jnp.asarray(X, jnp.float32)
    np.testing.assert_array_equal(Tanh(2.0)(x), X >= 0)
    np.testing.assert_allclose(slope(Tanh(2.0))(x), Tanh(2.0).surrogate_grad(x), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(Tanh(2.0).derivative(x), Tanh(2.0).surrogate_grad(x))
    assert Tanh(2.0) == Tanh(2.0) != Tanh(3.0)
    assert repr(Tanh(2.0)) == "Tanh(alpha=2.0)"
    with pytest.raises(NotImplementedError, match=r"Empty does not define derivative\(x\)"):
        type("Empty", (surrogate.Surrogate,), {})().derivative(x)


def spikes_and_slope(spk_fun, **options):
    """Of a neuron, by its input current."""
    neuron = sl.LIF(3, spk_fun=spk_fun, **options)

    def loss(current):
        sl.nn.init_all_states(neuron)
        spikes = sl.transform.for_loop(lambda: neuron(u.Quantity(current, unit=u.mA)), length=40)
        return (spikes * jnp.arange(40.0)[:, None]).sum(), spikes

    return sl.transform.grad(loss, argnums=0, has_aux=True)(jnp.array([2.0, 3.0, 4.0]))


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("alpha", [np.array([1.0, 2.0, 3.0]), sl.ParamState(jnp.array([1.0, 2.0, 3.0]))])
def test_neurons_take_them_natively(alpha, precision):
    with sl.environ.context(precision=precision, dt=0.1 * u.ms):
        slopes, spikes = spikes_and_slope(surrogate.Sigmoid(alpha))
        for k in range(3):
            alone, same = spikes_and_slope(surrogate.Sigmoid(1.0 + k))
            np.testing.assert_array_equal(spikes, same)
            np.testing.assert_allclose(slopes[k], alone[k], rtol=1e-5 if precision == 32 else 1e-12)
        assert sl.info()["fallbacks"] == "none"


def test_a_traced_parameter_of_a_neuron():
    with sl.environ.context(precision=64, dt=0.1 * u.ms):
        slopes = sl.transform.jit(lambda a: spikes_and_slope(surrogate.ReluGrad(a))[0])(0.7)
        np.testing.assert_allclose(slopes, spikes_and_slope(surrogate.ReluGrad(0.7))[0], rtol=1e-12)


@jax.custom_vjp
def steep(x):
    return (x >= 0).astype(x.dtype)


steep.defvjp(lambda x: (steep(x), x), lambda x, ct: (ct * jnp.exp(-jnp.abs(x)),))


def test_any_function_is_a_spike_function():
    with sl.environ.context(precision=64, dt=0.1 * u.ms):
        slopes, spikes = spikes_and_slope(surrogate.SlayerGrad())
        given, same = spikes_and_slope(steep)
        np.testing.assert_array_equal(same, spikes)
        np.testing.assert_allclose(given, slopes, rtol=1e-12)
        assert sl.info()["fallbacks"] == "none"


def test_what_is_no_spike_function():
    with pytest.raises(TypeError, match=r"LIF: spk_fun must be a surrogate .* given 3"):
        sl.LIF(1, spk_fun=3)
    with pytest.raises(TypeError, match=r"write ReluGrad\(\)"):
        sl.LIF(1, spk_fun=surrogate.ReluGrad)
