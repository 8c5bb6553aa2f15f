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


def test_native_codes_are_distinct_and_fit_four_operands():
    codes = [kind.code for kind in KINDS if kind.code is not None]
    assert sorted(codes) == list(range(10))
    for kind in KINDS:
        parameters = kind().parameters()
        assert len(parameters) == 4
        assert all(type(p) is float for p in parameters)


def test_parameters_are_padded():
    assert surrogate.ReluGrad(alpha=2).parameters() == (2.0, 1.0, 0.0, 0.0)


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
    with pytest.raises(TypeError, match="known before tracing"):
        jax.jit(lambda a: surrogate.Sigmoid(a)(1.0))(1.0)


def test_own_surrogate():
    class Box(surrogate.Surrogate):
        width: float = 0.5

        def derivative(self, x):
            return (jnp.abs(x) < self.width) / (2 * self.width)

    assert Box.code is None
    assert Box(1.0) == Box(1.0)
    np.testing.assert_array_equal(slope(Box(1.0))(jnp.array([-2.0, 0.3, 2.0])), [0, 0.5, 0])
