"""Products of factors rounded to bfloat16: their numbers, gradients in float32, where the setting holds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _conv, _dense

RNG = np.random.default_rng(0)


def rounded(x):
    return np.asarray(jnp.asarray(x, jnp.float32).astype(jnp.bfloat16)).astype(np.float64)


def numbers(*shape, density=1.0):
    return (RNG.normal(size=shape) * (RNG.random(shape) < density)).astype(np.float32)


@pytest.fixture
def bf16():
    with sl.environ.context(matmul_precision="bf16"):
        yield


def pulled(layer, x, ct):
    """The result, and the cotangents of input and weights."""
    weight = layer.weight
    of_weight = sl.transform.grad(lambda: (layer(x) * ct).sum(), {"weight": weight})()["weight"]["weight"]
    return layer(x), jax.grad(lambda x: (layer(x) * ct).sum())(x), of_weight


@pytest.mark.parametrize("density", [0.05, 1.0])
def test_factors_of_products_and_gradients_are_rounded_and_sums_are_not(density, native, bf16):
    layer, x, ct = sl.nn.Linear(30, 17), numbers(40, 30, density=density), numbers(40, 17)
    weight = layer.weight.value["weight"]
    y, to_x, to_weight = pulled(layer, x, ct)
    wanted = rounded(x) @ rounded(weight), rounded(ct) @ rounded(weight).T, rounded(x).T @ rounded(ct)
    for ours, exact in zip((y, to_x, to_weight), wanted, strict=True):
        assert ours.dtype == jnp.float32
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=1e-5)
    with sl.environ.context(matmul_precision=32):
        plain = layer(x)
    assert 0 < np.abs(y - plain).max() < 2**-7 * np.abs(plain).max()


@pytest.mark.parametrize("density", [0.05, 1.0])
@pytest.mark.parametrize("axes", [1, 2])
def test_convolutions_round_likewise(axes, density, native, bf16):
    shape = (8, 9)[:axes]
    layer = (sl.nn.Conv1d, sl.nn.Conv2d)[axes - 1]((*shape, 2), 5, 3, stride=2)
    x, ct = numbers(3, *shape, 2, density=density), numbers(3, *layer.out_size)
    found = pulled(layer, x, ct)
    exact = [layer.weight.value["weight"], x, ct]
    layer.weight.value = {**layer.weight.value, "weight": jnp.asarray(rounded(exact[0]), jnp.float32)}
    with sl.environ.context(matmul_precision=32):
        wanted = pulled(layer, *(rounded(z).astype(np.float32) for z in exact[1:]))
    for ours, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-5)


def test_native_code_and_reference_round_alike(native):
    x, weight, ct = numbers(20, 12), numbers(12, 9), numbers(20, 9)
    for kernel, reference, given, structure in (
        (_dense.product_p, _dense._product_reference, (x, weight), {}),
        (_dense.outer_p, _dense._outer_reference, (x, ct), {}),
        (_conv.product_p, _conv._product_reference, (x.reshape(20, 4, 3), numbers(3, 3, 5)), {"windows": True}),
        (_conv.outer_p, _conv._outer_reference, (x.reshape(20, 4, 3), numbers(20, 4, 5)), {"windows": True}),
    ):
        structure = {key: (_conv.Axis.of(4, 3, 1, (1, 1), 1),) for key in structure}
        (ours,), (right,) = (run(*given, **structure, rounded=True) for run in (kernel.bind, reference))
        np.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-5)


def test_a_gpu_multiplies_numbers_of_bfloat16_and_sums_in_float32():
    product = jax.jit(lambda x, weight: _dense.dense_product(x, weight, rounded=True))
    text = product.trace(numbers(20, 12), numbers(12, 9)).lower(lowering_platforms=("cuda",)).as_text()
    (line,) = (line for line in text.splitlines() if "dot_general" in line)
    assert "(tensor<20x12xbf16>, tensor<12x9xbf16>) -> tensor<20x9xf32>" in line


def test_a_recurrent_net_trains_with_weights_and_states_in_float32(bf16):
    sl.random.seed(3)
    net = sl.nn.Sequential(
        sl.nn.Linear(20, 16, w_init=sl.init.Normal(0.0, 0.4)),
        sl.snn.RecurrentLIF.desc(),
        sl.nn.Linear.desc(out_size=3),
        sl.snn.LeakyIntegrator.desc(beta=0.9),
    )
    x, states = (RNG.random((12, 4, 20)) < 0.3).astype(np.float32), net.states(sl.ParamState)

    @sl.transform.jit
    def step():
        def loss():
            sl.nn.init_all_states(net, batch_size=4)
            return (net.run_steps(x) ** 2).mean()

        return sl.transform.grad(loss, states, return_value=True)()

    gradients, loss = step()
    with sl.environ.context(matmul_precision=32):
        plain, plain_loss = step()
    assert {leaf.dtype for leaf in jax.tree.leaves([gradients, *(s.value for s in net.states().values())])} == {
        jnp.dtype(jnp.float32)
    }
    assert 0 < abs(loss - plain_loss) < 0.02 * plain_loss
    for ours, exact in zip(jax.tree.leaves(gradients), jax.tree.leaves(plain), strict=True):
        assert np.linalg.norm(ours - exact) < 0.05 * np.linalg.norm(exact)


def test_the_setting_may_belong_to_one_layer_and_leaves_float64_alone(bf16):
    layer, x = sl.nn.Linear(30, 4), numbers(30)
    exact = sl.nn.EnvironContext(layer, matmul_precision=32)
    assert (layer(x) != exact(x)).any()
    np.testing.assert_allclose(exact(x), x @ np.asarray(layer.weight.value["weight"]), rtol=1e-5, atol=1e-6)
    with sl.environ.context(precision=64):
        wide = sl.nn.Linear(30, 4)
        np.testing.assert_allclose(wide(x.astype(float)), x @ np.asarray(wide.weight.value["weight"]), rtol=1e-12)
    with pytest.raises(ValueError, match="matmul_precision must be 32 or 'bf16'; given 16"):
        sl.environ.set(matmul_precision=16)
