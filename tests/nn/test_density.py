"""Linear layers give the same numbers for few and for many spikes, bool or numbers, and the same gradients."""

import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

N_IN, N_OUT = 60, 20
RNG = np.random.default_rng(0)
W = RNG.normal(size=(N_IN, N_OUT))
WANTED = RNG.normal(size=(40, N_OUT))


def value_and_gradients(layer, x):
    def loss(x):
        y = layer(x)
        return (y * WANTED).sum(), y

    numbers = jnp.issubdtype(x.dtype, jnp.inexact)
    argnums = {"argnums": 0} if numbers else {}
    found, y = sl.transform.grad(loss, layer.states(sl.ParamState), has_aux=True, **argnums)(x)
    weights, dx = found if numbers else (found, None)
    return y, weights[("weight",)]["weight"], dx


@pytest.mark.parametrize("density", [0.02, 0.15, 0.2, 1.0])
def test_all_densities_are_exact(density):
    with sl.environ.context(precision=64):
        spikes = RNG.random((40, N_IN)) < density
        spikes[:20] &= RNG.random((20, 1)) < 0.5  # samples go each their own way
        layer = sl.nn.Linear(N_IN, N_OUT, W, b_init=None)
        y, dw, dx = value_and_gradients(layer, jnp.asarray(spikes, float))
        np.testing.assert_allclose(y, spikes @ W, rtol=0, atol=1e-13)
        np.testing.assert_allclose(dw, spikes.T @ WANTED, rtol=0, atol=1e-13)
        np.testing.assert_allclose(dx, WANTED @ W.T, rtol=0, atol=1e-13)
        of_bool = value_and_gradients(layer, jnp.asarray(spikes))
        np.testing.assert_array_equal(of_bool[0], y)
        np.testing.assert_array_equal(of_bool[1], dw)
        one_by_one = jnp.stack([layer(jnp.asarray(row, float)) for row in spikes[18:22]])
        np.testing.assert_array_equal(one_by_one, y[18:22])
