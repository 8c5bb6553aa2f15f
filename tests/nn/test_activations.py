import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import UnitError

X = jnp.linspace(-4.0, 4.0, 12)
TANH = np.tanh(X)


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


CLOSED = {
    "tanh": lambda x: np.tanh(x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x >= 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * _sigmoid(x),
    "swish": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "soft_sign": lambda x: x / (1 + np.abs(x)),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: np.log(_sigmoid(x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "glu": lambda x: x[:6] * _sigmoid(x[6:]),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum()),
}


@pytest.mark.parametrize("name", CLOSED)
def test_values_are_the_closed_forms(name):
    function = getattr(sl.nn, name)
    np.testing.assert_allclose(function(X), CLOSED[name](np.asarray(X, float)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(jax.jit(function)(list(X)), jax.jit(function)(X * u.mV / u.mV))


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        ("leaky_relu", {"negative_slope": 0.5}, [-1.0, 2.0]),
        ("elu", {"alpha": 2.0}, [2 * np.expm1(-2), 2.0]),
        ("celu", {"alpha": 2.0}, [2 * np.expm1(-1), 2.0]),
        ("squareplus", {"b": 0.0}, [0.0, 2.0]),
        ("gelu", {"approximate": False}, [-0.04550026, 1.9544997]),
    ],
)
def test_options(function, options, expected):
    np.testing.assert_allclose(getattr(sl.nn, function)(jnp.array([-2.0, 2.0]), **options), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "glu"])
def test_axes(name):
    x = jnp.arange(8.0).reshape(4, 2)
    function = getattr(sl.nn, name)
    np.testing.assert_allclose(function(x, axis=0), function(x.T).T, rtol=1e-6)
    np.testing.assert_array_equal(function(x, axis=-1), function(x))


def test_one_hot():
    np.testing.assert_array_equal(sl.nn.one_hot(jnp.array([0, 2, 5]), 3), [[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    assert sl.nn.one_hot([1], 2).dtype == jnp.float32
    assert sl.nn.one_hot(jnp.array([1]), 2, dtype=int, axis=0).shape == (2, 1)


@pytest.mark.parametrize("name", [*CLOSED, "one_hot"])
def test_values_with_a_unit_are_refused(name):
    args = (3,) if name == "one_hot" else ()
    with pytest.raises(UnitError, match=r"takes plain numbers; given mV\. Write nn\.\w+\(x / u\.mV\)"):
        getattr(sl.nn, name)(X * u.mV, *args)
