"""Native convolutions of spikes against XLA's, with their derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.kernels._conv import Axis, _product_reference, convolution

RNG = np.random.default_rng(0)
CASES = {
    "one axis": ((Axis.of(9, 3, 1, (1, 1), 1),), 3, 5),
    "strides and holes": ((Axis.of(8, 3, 2, (1, 1), 1), Axis.of(7, 2, 1, (0, 2), 3)), 2, 9),
    "inputs left out": ((Axis.of(8, 2, 3, (-1, 0), 1), Axis.of(6, 4, 1, (2, 1), 1)), 3, 4),
    "three axes": ((Axis.of(4, 3, 1, (1, 1), 1), Axis.of(5, 2, 2, (0, 0), 1), Axis.of(4, 1, 1, (0, 0), 1)), 2, 3),
}


def arrays(axes, n_in, n_out, density):
    """Spikes, of which samples have each their own density, and a kernel."""
    share = np.linspace(0, 2 * density, 6).reshape(2, 3, *[1] * (len(axes) + 1))
    spikes = RNG.random((2, 3, *(a.n_in for a in axes), n_in)) < share
    weight = RNG.normal(size=(*(a.window for a in axes), n_in, n_out))
    return jnp.asarray(spikes), jnp.asarray(weight)


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_are_those_of_xla(case):
    axes, n_in, n_out = CASES[case]
    with jax.enable_x64(True):
        spikes, weight = arrays(axes, n_in, n_out, 0.2)
        ct = jnp.asarray(RNG.normal(size=convolution(spikes, weight, axes).shape))

        @jax.jit
        def both(spikes, weight, ct):
            numbers = spikes.astype(float)
            ours, pull = jax.vjp(lambda s, w: convolution(s, w, axes), numbers, weight)
            reference = functools.partial(_product_reference, windows=axes, rounded=False)
            theirs, expected = jax.vjp(lambda s, w: reference(s, w)[0], numbers, weight)
            of_bool, weights_pull = jax.vjp(lambda w: convolution(spikes, w, axes), weight)
            return [ours, *pull(ct)], [theirs, *expected(ct)], [of_bool, *weights_pull(ct)]

        ours, theirs, of_bool = both(spikes, weight, ct)
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(x, y, rtol=0, atol=1e-10)
        for x, y in zip(of_bool, (ours[0], ours[2]), strict=True):
            np.testing.assert_array_equal(x, y)


def test_derivatives_are_finite_differences():
    axes, n_in, n_out = CASES["strides and holes"]
    with jax.enable_x64(True):
        spikes, weight = arrays(axes, n_in, n_out, 0.2)
        smooth = jax.jit(lambda s, w: jnp.tanh(convolution(s, w, axes)))
        check_grads(smooth, (spikes[0].astype(float), weight), order=1, rtol=1e-6)


def test_vmap_takes_lanes_of_both():
    axes, n_in, n_out = CASES["one axis"]
    spikes, weight = arrays(axes, n_in, n_out, 0.1)
    weights = jnp.stack([weight, 2 * weight])
    loss = lambda s, w: (convolution(s, w, axes) ** 2).sum()  # noqa: E731
    both = jax.jit(jax.vmap(jax.grad(loss, 1)))(spikes, weights)
    for k in range(2):
        np.testing.assert_allclose(both[k], jax.grad(loss, 1)(spikes[k], weights[k]), rtol=1e-5, atol=1e-5)


def test_results_do_not_depend_on_the_batch_or_the_threads():
    axes, n_in, n_out = (Axis.of(40, 5, 1, (2, 2), 1),), 6, 20
    spikes = jnp.asarray(RNG.random((40, 40, 6)) < np.linspace(0, 0.5, 40)[:, None, None], jnp.float32)
    weight = jnp.asarray(RNG.normal(size=(5, n_in, n_out)), jnp.float32)
    pulled = jax.jit(lambda s, w: jax.vjp(lambda w: convolution(s, w, axes), w)[1](jnp.cos(convolution(s, w, axes))))
    found, before = {}, sl.get_num_threads()
    for threads in (1, 3):
        sl.set_num_threads(threads)
        found[threads] = jax.block_until_ready((convolution(spikes, weight, axes), *pulled(spikes, weight)))
    sl.set_num_threads(before)
    for x, y in zip(found[1], found[3], strict=True):
        np.testing.assert_array_equal(x, y)
    for k in (0, 13, 39):
        np.testing.assert_array_equal(convolution(spikes[k], weight, axes), found[1][0][k])
