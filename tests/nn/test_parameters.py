import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.nn import clip_grad_norm, count_parameters

GRADS = {"a": jnp.array([3.0, 0.0]), "b": [jnp.array([[4.0]]), None]}


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["alone", "in jit"])
@pytest.mark.parametrize(("norm_type", "norm"), [(2, 5.0), (None, 5.0), (1, 7.0), ("inf", 4.0), (jnp.inf, 4.0)])
def test_clipped_gradients_have_the_norm_and_direction(wrap, norm_type, norm):
    clipped, before = wrap(lambda g: clip_grad_norm(g, 0.5, norm_type, return_norm=True))(GRADS)
    np.testing.assert_allclose(before, norm, rtol=1e-6)
    jax.tree.map(lambda c, g: np.testing.assert_allclose(c, g * 0.5 / norm, rtol=1e-6), clipped, GRADS)


@pytest.mark.parametrize("max_norm", [5.0, jnp.float32(7.0)])
def test_short_gradients_stay_as_they_are(max_norm):
    jax.tree.map(np.testing.assert_array_equal, clip_grad_norm(GRADS, max_norm), GRADS)


def test_zero_and_no_gradients():
    np.testing.assert_array_equal(clip_grad_norm(jnp.zeros(3), 0.0), np.zeros(3))
    assert clip_grad_norm({}, 1.0, return_norm=True) == ({}, 0.0)


def test_units_and_dtypes_stay():
    clipped = clip_grad_norm([3.0 * jnp.ones(1) * u.mV, jnp.full(1, 4.0, jnp.float16)], 1.0)
    np.testing.assert_allclose(clipped[0].to_decimal(u.mV), 0.6, rtol=1e-6)
    assert clipped[1].dtype == jnp.float16


class Net(sl.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [sl.nn.Linear(30, 40), sl.nn.Linear(40, 2, b_init=None)]
        self.tau = sl.ParamState(10.0 * u.ms)
        self.v = sl.HiddenState(jnp.zeros(1000))


def test_count_parameters():
    assert count_parameters(Net()) == 1240 + 80 + 1
    table, total = count_parameters(Net(), precision=1, return_table=True)
    rows = dict(line.split() for line in table.splitlines())
    assert rows == {"layers.0.weight": "1.2K", "layers.1.weight": "80", "tau": "1", "Total": "1.3K"}
    assert total == 1321


@pytest.mark.parametrize(("n", "text"), [(999, "999"), (1000, "1.00K"), (999_999, "1.00M"), (1_234_000_000, "1.23G")])
def test_numbers_in_the_table(n, text):
    net = sl.nn.Module()
    net.w = sl.ParamState(np.broadcast_to(np.float32(0.0), (n,)))
    assert count_parameters(net, return_table=True)[0].splitlines()[-1].split() == ["Total", text]


def test_count_parameters_takes_modules():
    with pytest.raises(TypeError, match="count_parameters takes a Module; given 3"):
        count_parameters(3)
