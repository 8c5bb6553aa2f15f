"""Weights in PyTorch's layout: beside its equations with channels first, and back."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn, snn

RNG = np.random.default_rng(0)


def network():
    return nn.Sequential(
        nn.Conv2d((4, 5, 2), 3, (2, 3), padding="VALID"),
        jnp.tanh,
        nn.Sequential(nn.Flatten((3, 3, 3)), nn.Linear(27, 6)),
        snn.RecurrentLIF(6, cell=snn.PLIF(6)),
        nn.Linear(6, 2, b_init=None),
    )


def test_weights_act_as_in_pytorch_with_channels_first():
    net = network()
    for layer in (net[0], net[2][1]):
        layer.weight.value = {k: jnp.asarray(RNG.normal(size=x.shape)) for k, x in layer.weight.value.items()}
    W = sl.io.to_torch(net)
    assert [*W] == ["0.weight", "0.bias", "2.1.weight", "2.1.bias", "3.recurrent.weight", "4.weight"]
    x = RNG.normal(size=(2, 4, 5))
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 3), (1, 2))
    image = np.tanh(np.einsum("cxyij,kcij->kxy", windows, W["0.weight"]) + W["0.bias"][:, None, None])
    wanted = W["2.1.weight"] @ image.ravel() + W["2.1.bias"]
    np.testing.assert_allclose(net[:3](jnp.asarray(np.moveaxis(x, 0, -1))), wanted, rtol=1e-4, atol=1e-5)


def test_weights_come_back_all_or_none():
    net, other = network(), network()
    weights = sl.io.to_torch(net)
    before = sl.io.to_torch(other)
    bad = {**weights, "4.weight": np.ones((3, 6))}
    with pytest.raises(sl.errors.ShapeError, match=r"layers\[4\]: 4.weight has the shape \(3, 6\); the model needs"):
        sl.io.from_torch(other, bad)
    constants = {**weights, "3.beta": np.ones(())}
    with pytest.raises(ValueError, match=r"lack \[\], and the model lacks \['3.beta'\]"):
        sl.io.from_torch(other, constants)
    for name, value in sl.io.to_torch(other).items():
        np.testing.assert_array_equal(value, before[name])
    sl.io.from_torch(other, constants, strict=False)
    for name, value in sl.io.to_torch(other).items():
        np.testing.assert_array_equal(value, weights[name])


def test_what_has_no_counterpart_is_refused_by_path():
    with pytest.raises(ValueError, match=r"layers\[1\]: PyTorch's names of the weights of LayerNorm are unknown"):
        sl.io.to_torch(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))
    with pytest.raises(ValueError, match="its weights have a unit"):
        sl.io.to_torch(nn.Linear(2, 2, w_init=sl.init.Constant(1.0 * u.mA)))
