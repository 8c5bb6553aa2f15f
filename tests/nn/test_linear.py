import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn
from spikeloop._errors import ShapeError, UnitError

W = np.arange(12.0, dtype=np.float32).reshape(3, 4) - 5
X = np.array([1.0, -2.0, 0.5], np.float32)


def test_linear_is_a_product_and_a_bias():
    layer = nn.Linear(3, 4, w_init=W, b_init=np.arange(4.0))
    np.testing.assert_allclose(layer(X), X @ W + np.arange(4), rtol=1e-6)
    batch = np.stack([X, 2 * X])
    np.testing.assert_allclose(layer(batch), batch @ W + np.arange(4), rtol=1e-6)
    assert layer.in_size == (3,)
    assert layer.out_size == (4,)


def test_linear_holds_one_param_state_with_weight_and_bias():
    layer = nn.Linear(3, 4)
    assert list(layer.parameters()) == [("weight",)]
    assert {k: v.shape for k, v in layer.weight.value.items()} == {"weight": (3, 4), "bias": (4,)}
    assert "bias" not in nn.Linear(3, 4, b_init=None).weight.value
    assert not nn.Linear(3, 4, param_type=sl.LongTermState).parameters()


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_linear_takes_spikes_of_any_dtype(dtype):
    spikes = np.array([1, 0, 1], dtype)
    y = nn.Linear(3, 4, w_init=W)(spikes)
    assert y.dtype == jnp.float32
    np.testing.assert_allclose(y, W[0] + W[2])


def test_linear_with_more_axes():
    layer = nn.Linear((2, 3), (2, 4), w_init=W)
    x = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    np.testing.assert_allclose(layer(x), x @ W, rtol=1e-6)
    with pytest.raises(ShapeError, match=r"\(\.\.\., 2, 3\)"):
        layer(X)


def test_linear_units():
    layer = nn.Linear(3, 4, w_init=W * u.mA)
    assert layer(X).unit == u.mA
    assert layer.weight.value["bias"].unit == u.mA
    y = nn.Linear(3, 4, w_init=W * u.mS, b_init=1 * u.uA)(X * u.mV)
    np.testing.assert_allclose(y.to_decimal(u.uA), X @ W + 1, rtol=1e-5)
    with pytest.raises(UnitError, match="without unit, but its bias is in mV"):
        nn.Linear(3, 4, w_init=W, b_init=1 * u.mV)(X)


def test_linear_mask():
    mask = W > 0
    layer = nn.Linear(3, 4, w_init=W, w_mask=mask)
    np.testing.assert_allclose(layer(X), X @ (W * mask), rtol=1e-6)
    grads = sl.transform.grad(lambda: layer(X).sum(), layer.parameters())()
    assert (np.asarray(grads[("weight",)]["weight"])[~mask] == 0).all()
    np.testing.assert_allclose(nn.Linear(3, 4, w_init=W, w_mask=lambda s: np.zeros(s))(X), np.zeros(4))


def test_linear_trains():
    layer = nn.Linear(3, 4, w_init=W)
    grads = sl.transform.grad(lambda: layer(X).sum(), layer.parameters())()[("weight",)]
    np.testing.assert_allclose(grads["weight"], np.broadcast_to(X[:, None], (3, 4)))
    np.testing.assert_allclose(grads["bias"], np.ones(4))


def test_signed_linear_keeps_the_sign():
    np.testing.assert_allclose(nn.SignedWLinear(3, 4, w_init=W)(X), X @ abs(W), rtol=1e-6)
    np.testing.assert_allclose(nn.SignedWLinear(3, 4, w_init=W, w_sign=-1.0)(X), -X @ abs(W), rtol=1e-6)
    sign = np.sign(W)
    np.testing.assert_allclose(nn.SignedWLinear(3, 4, w_init=W * u.mS, w_sign=sign)(X).mantissa, X @ W, rtol=1e-6)


@pytest.mark.parametrize("n_out", [2, 3, 5])
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_all_to_all_with_one_weight_equals_a_matrix(n_out, include_self, batch):
    x = np.random.default_rng(0).normal(size=(*batch, 3)).astype(np.float32)
    dense = np.full((3, n_out), 2.0, np.float32)
    if not include_self:
        dense[np.arange(min(3, n_out)), np.arange(min(3, n_out))] = 0
    one = nn.AllToAll(3, n_out, 2.0, include_self=include_self)(x)
    matrix = nn.AllToAll(3, n_out, np.full((3, n_out), 2.0), include_self=include_self)(x)
    np.testing.assert_allclose(one, x @ dense, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(matrix, x @ dense, rtol=1e-5, atol=1e-6)


def test_all_to_all_units_and_spikes():
    layer = nn.AllToAll(3, 2, 0.5 * u.mS, b_init=1 * u.mS)
    np.testing.assert_allclose(layer(np.array([True, False, True])).to_decimal(u.mS), [2, 2])
    assert layer.weight.value["weight"].shape == ()


def test_one_to_one():
    layer = nn.OneToOne(3, np.arange(3.0) * u.mS, b_init=1 * u.uA)
    np.testing.assert_allclose(layer(X * u.mV).to_decimal(u.uA), X * np.arange(3) + 1)
    assert nn.OneToOne((2, 3))(np.ones((4, 2, 3))).shape == (4, 2, 3)
    assert layer.out_size == (3,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 4, name="readout"))[1](np.ones(4)),
            r"readout.*3\); given \(4,",
        ),
        (lambda: nn.Linear((2, 3), (3, 3)), r"last axis only; given \(2, 3\) and \(3, 3\)"),
        (lambda: nn.Linear(3, 4, w_init=np.ones((4, 3))), r"Linear: w_init: .*\(4, 3\) does not fit.*\(3, 4\)"),
        (lambda: nn.Linear(3, 4, b_init=np.ones(3)), r"Linear: b_init: .*\(3,\) does not fit.*\(4,\)"),
        (lambda: nn.Linear(3, 4, w_mask=np.ones((4, 3))), "Linear: w_mask"),
        (lambda: nn.OneToOne(3)(np.ones(1)), r"OneToOne takes inputs of shape \(\.\.\., 3\); given \(1,\)"),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_sequential_calls_its_layers_in_order():
    model = nn.Sequential(nn.Linear(3, 4, w_init=W), jnp.tanh, nn.Linear.desc(out_size=2, w_init=sl.init.OneInit()))
    np.testing.assert_allclose(model(X), np.full(2, np.tanh(X @ W).sum()), rtol=1e-5)
    assert (model.in_size, model.out_size, len(model)) == ((3,), (2,), 3)
    assert list(model.parameters()) == [("layers", 0, "weight"), ("layers", 2, "weight")]
    assert model[0].path == "Sequential.layers[0]"
    assert next(iter(model)) is model[0]
    np.testing.assert_allclose(model[1:](X @ W), model(X))


def test_sequential_in_jit_and_grad():
    model = nn.Sequential(nn.Linear(3, 4), jax.nn.relu, nn.Linear(4, 1))
    grads = sl.transform.grad(lambda: model(X).sum(), model.parameters())()
    assert grads.keys() == model.parameters().keys()
    np.testing.assert_allclose(sl.transform.jit(model)(X), model(X), rtol=1e-5)


def test_sequential_refuses_layers_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"layers\[1\] takes inputs of shape \(3,\); the layer before it gives \(4,\)"):
        nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4))
    with pytest.raises(ShapeError, match="pass in_size"):
        nn.Sequential(jnp.tanh, nn.Linear.desc(out_size=2))
    with pytest.raises(TypeError, match=r"layers\[0\] must be a Module or a function; given 3"):
        nn.Sequential(3)
