"""Convolutions, pooling, normalisation and dropout against NumPy and SciPy."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from scipy.signal import correlate

RNG = np.random.default_rng(0)
SIZES = {1: (9, 2), 2: (7, 6, 2), 3: (5, 4, 6, 2)}


def conv(axes):
    return getattr(sl.nn, f"Conv{axes}d")


def expected(x, weight, axes, mode):
    """The correlation of each output channel, over the last axes + 1 axes of x."""
    outs = []
    for k in range(weight.shape[-1]):
        by_channel = [correlate(x[..., c], weight[..., c, k], mode) for c in range(x.shape[-1])]
        outs.append(sum(by_channel))
    return np.stack(outs, -1)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(("padding", "mode"), [("SAME", "same"), ("VALID", "valid")])
def test_convolution_is_the_correlation(axes, padding, mode):
    layer = conv(axes)(SIZES[axes], 4, 3, padding=padding, b_init=sl.init.Constant(0.5))
    x = RNG.normal(size=(2, 3, *SIZES[axes])).astype(np.float32)
    y = np.asarray(layer(jnp.asarray(x)))
    weight = np.asarray(layer.weight.value["weight"])
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(y[i, j], expected(x[i, j], weight, axes, mode) + 0.5, atol=1e-4)
    assert y.shape[2:] == layer.out_size


def test_stride_dilation_groups_and_units():
    x = RNG.normal(size=(8, 8, 4)).astype(np.float32)
    plain = sl.nn.Conv2d((8, 8, 4), 6, 3, padding="VALID", b_init=None)
    W = plain.weight.value["weight"]
    strided = sl.nn.Conv2d((8, 8, 4), 6, 3, stride=(2, 3), padding="VALID", w_init=W, b_init=None)
    np.testing.assert_allclose(strided(x), plain(x)[::2, ::3], atol=1e-5)
    holes = jnp.zeros((5, 5, 4, 6)).at[::2, ::2].set(W)
    whole = sl.nn.Conv2d((8, 8, 4), 6, 5, padding="VALID", w_init=holes, b_init=None)
    dilated = sl.nn.Conv2d((8, 8, 4), 6, 3, padding="VALID", rhs_dilation=2, w_init=W, b_init=None)
    np.testing.assert_allclose(dilated(x), whole(x), atol=1e-5)
    grouped = sl.nn.Conv2d((8, 8, 4), 6, 3, groups=2, w_init=W[:, :, :2], b_init=None)
    half = sl.nn.Conv2d((8, 8, 2), 3, 3, w_init=W[:, :, :2, 3:], b_init=None)
    np.testing.assert_allclose(grouped(x)[..., 3:], half(x[..., 2:]), atol=1e-5)
    currents = sl.nn.Conv2d((8, 8, 4), 6, 3, w_init=W * u.mA)(x > 0)
    assert currents.unit == u.mA
    padded = sl.nn.Conv2d((8, 8, 4), 6, 3, padding=1, w_init=W, b_init=None)
    np.testing.assert_allclose(padded(x)[1:-1, 1:-1], plain(x), atol=1e-5)


def test_groups_are_convolved_natively_as_by_xla(native):
    layer = sl.nn.Conv2d((7, 6, 4), 6, 3, stride=(2, 1), groups=2)
    weight = layer.weight.value["weight"]
    for density in (0.1, 1.0):
        spikes = RNG.random((2, 5, 7, 6, 4)) < density
        x, ct = spikes.astype(np.float32), RNG.normal(size=(2, 5, *layer.out_size)).astype(np.float32)
        y, pull = jax.vjp(layer._by_group, x, weight)
        wanted, wanted_pull = jax.vjp(layer._by_xla, x, weight)
        np.testing.assert_allclose(layer._by_group(spikes, weight), wanted, atol=1e-5)
        for ours, right in zip((y, *pull(ct)), (wanted, *wanted_pull(ct)), strict=True):
            np.testing.assert_allclose(ours, right, rtol=1e-4, atol=1e-5)
    assert "spikeloop.conv_product" in jax.jit(layer._product).lower(x, weight).as_text()
    np.testing.assert_allclose(jax.vmap(layer)(x), layer(x), atol=1e-5)
    assert layer(x[:0]).shape == (0, 5, *layer.out_size)


def test_pooling():
    x = RNG.normal(size=(3, 6, 4, 2)).astype(np.float32)
    blocks = x.reshape(3, 3, 2, 2, 2, 2)
    np.testing.assert_allclose(sl.nn.AvgPool2d((6, 4, 2))(x), blocks.mean((2, 4)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(sl.nn.MaxPool2d((6, 4, 2))(x), blocks.max((2, 4)))
    np.testing.assert_array_equal(sl.nn.MaxPool2d((6, 4, 2))(x > 0.5), (blocks > 0.5).any((2, 4)))
    same = sl.nn.AvgPool1d((5, 1), 3, 1, "SAME")(jnp.arange(5.0)[:, None])
    np.testing.assert_allclose(same[:, 0], [0.5, 1, 2, 3, 3.5])
    assert sl.nn.MaxPool3d((4, 4, 4, 1))(jnp.arange(64).reshape(4, 4, 4, 1))[..., 0].tolist()[0][0] == [21, 23]
    assert sl.nn.AvgPool2d((6, 4, 2))(x * u.mV).unit == u.mV


@pytest.mark.parametrize(("window", "stride", "padding"), [(2, None, "VALID"), ((3, 2), (2, 1), "SAME"), (2, 3, 1)])
def test_the_gradient_of_a_maximum_is_that_of_its_first_element(window, stride, padding):
    layer = sl.nn.MaxPool2d((7, 6, 2), window, stride, padding)
    x = jnp.asarray(RNG.random((3, 7, 6, 2)) < 0.4, float)  # many are equal
    ct = jnp.asarray(RNG.normal(size=(3, *layer.out_size)), float)
    by_xla = lambda x: layer._reduced(x, -jnp.inf, jax.lax.max)  # noqa: E731
    (y, found), (expected_y, expected) = (
        (value, pull(ct)[0]) for value, pull in (jax.vjp(f, x) for f in (layer, by_xla))
    )
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_network_finds_its_sizes():
    net = sl.nn.Sequential(
        sl.nn.Conv2d((8, 8, 1), 4, 3, w_init=sl.init.KaimingNormal(unit=u.mA)), sl.LIF.desc(), sl.nn.MaxPool2d.desc(),
        sl.nn.Flatten.desc(), sl.nn.Dropout.desc(), sl.nn.LayerNorm.desc(), sl.nn.Linear.desc(out_size=3),
    )  # fmt: skip
    sl.environ.set(dt=1.0 * u.ms)
    sl.nn.init_all_states(net, batch_size=5)
    assert sl.transform.for_loop(net, jnp.ones((4, 5, 8, 8, 1))).shape == (4, 5, 3)


def test_batch_norm_in_training_and_after():
    layer = sl.nn.BatchNorm((4, 3), momentum=0.5)
    x = RNG.normal(2.0, 3.0, size=(10, 6, 4, 3)).astype(np.float32)
    with sl.environ.context(fit=True):
        y = layer(x)
    np.testing.assert_allclose(np.asarray(y).mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(y).std((0, 1, 2)), 1, atol=1e-3)
    mean = 0.5 * x.mean((0, 1, 2))
    np.testing.assert_allclose(layer.running_mean.value, mean, rtol=1e-4)
    std = np.sqrt(0.5 + 0.5 * x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(layer(x), (x - mean) / std, rtol=1e-4, atol=1e-5)
    assert layer(x * u.mV).shape == x.shape


def test_layer_norm():
    layer = sl.nn.LayerNorm(5)
    layer.weight.value = {"scale": jnp.full(5, 2.0), "bias": jnp.ones(5)}
    x = RNG.normal(size=(3, 5)).astype(np.float32)
    wanted = 2 * (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) + 1
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-4, atol=1e-5)


def test_dropout_keeps_its_mask_over_time_and_does_nothing_after_training():
    sl.random.seed(0)
    layer = sl.nn.init_all_states(sl.nn.Dropout(1000, 0.8), batch_size=2)
    x = jnp.ones((5, 2, 1000))
    with sl.environ.context(fit=True):
        y = np.asarray(sl.transform.for_loop(layer, x))
    assert (y == y[0]).all()
    assert (y[0, 0] != y[0, 1]).any()
    assert {*np.unique(y)} == {0.0, np.float32(1.25)}
    assert 0.75 < (y[0] > 0).mean() < 0.85
    np.testing.assert_array_equal(sl.transform.for_loop(layer, x), x)


def test_errors():
    refused = pytest.raises(sl.errors.ShapeError, match="in_size must be 2 lengths and the number of channels")
    with refused:
        sl.nn.Conv2d((8, 8), 3, 3)
    with pytest.raises(sl.errors.ShapeError, match=r"a kernel of \(9, 9\) is larger than the input \(8, 8, 1\)"):
        sl.nn.Conv2d((8, 8, 1), 3, 9, padding="VALID")
    with pytest.raises(sl.errors.ShapeError, match="do not make 2 groups"):
        sl.nn.Conv2d((8, 8, 3), 4, 3, groups=2)
    with pytest.raises(ValueError, match="padding must be 'SAME', 'VALID' or numbers; given 'smae'"):
        sl.nn.Conv2d((8, 8, 3), 4, 3, padding="smae")
    with pytest.raises(sl.errors.ShapeError, match=r"takes inputs of shape \(..., 8, 8, 3\); given \(8, 8, 2\)"):
        sl.nn.Conv2d((8, 8, 3), 4, 3)(jnp.ones((8, 8, 2)))
    with pytest.raises(sl.errors.ShapeError, match=r"takes inputs of shape \(..., 6, 4, 2\)"):
        sl.nn.MaxPool2d((6, 4, 2))(jnp.ones((4, 6, 2)))
    with pytest.raises(ValueError, match="the probability to be kept, must be above 0"):
        sl.nn.Dropout(3, 0.0)
