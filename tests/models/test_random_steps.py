"""Models that draw random numbers in their step: the same words everywhere, another one for each neuron and step."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels._draws import fraction, uniform
from spikeloop.kernels._philox import philox
from spikeloop.models import param, variable


class Escape(sl.Neuron):
    """It spikes at a rate that grows exponentially with V."""

    draws = True
    tau = param(10.0 * u.ms)
    beta = param(1.0 / u.mV)
    V_th = param(10.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V = variable(0.0 * u.mV, u.mV)
    last = variable(0.5)

    @staticmethod
    def integrate(p, s, drive):
        s.V = s.V + p.dt / p.tau * (drive.current + drive.synaptic - s.V)
        s.last = p.uniform(3)

    @staticmethod
    def threshold(p, s):
        return 1 - jnp.exp(-p.dt * jnp.exp(p.beta * (s.V - p.V_th))) - p.uniform()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (37,), (5, 7)])
def test_numbers_are_those_of_the_words_of_the_neurons(dtype, shape):
    key = jax.random.key(3)
    with jax.enable_x64(dtype == "float64"):
        like = jnp.zeros(shape, dtype)
        n = like.size
        words = np.asarray(philox(jnp.arange(n, dtype=jnp.uint32), jax.random.key_data(key))).reshape(4, *shape)
        for k in range(4):
            ours = uniform(like, jax.random.key_data(key), k)
            assert ours.dtype == dtype
            np.testing.assert_array_equal(ours, fraction(jnp.asarray(words[k]), like.dtype))
    with pytest.raises(ValueError, match="up to 4 numbers"):
        uniform(like, jax.random.key_data(key), 4)


def run(precision, length=50, batch=None):
    sl.environ.set(precision=precision, dt=0.5 * u.ms)
    sl.random.seed(7)
    model = Escape(321, tau=8.0 * u.ms)
    sl.nn.init_all_states(model, batch_size=batch)
    drive = jnp.linspace(5.0, 15.0, 321) * u.mA
    spikes, last = sl.transform.for_loop(lambda: (model(drive), model.last.value), length=length)
    return np.asarray(spikes), np.asarray(last)


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("batch", [None, 3])
def test_native_code_draws_the_same_as_the_reference(native, monkeypatch, capsys, precision, batch):
    spikes, drawn = run(precision, batch=batch)
    sl.kernels.show(sl.nn.init_all_states(Escape(3)))
    assert "uniform(key_0, key_1)[0]" in capsys.readouterr().out
    assert not any("Escape" in name for name in sl.info()["fallbacks"])
    monkeypatch.setattr("spikeloop.kernels._kernel.Kernel.runs_native", lambda *args, **kwargs: False)
    jax.clear_caches()
    wanted, wanted_drawn = run(precision, batch=batch)
    np.testing.assert_array_equal(drawn, wanted_drawn)  # to the bit
    assert (spikes != wanted).mean() < 1e-4  # where rounding decides
    jax.clear_caches()


def test_numbers_are_uniform_and_independent():
    _, drawn = run(64, length=200)
    values = drawn.ravel()
    assert 0 <= values.min() < 1e-4 < 1 - 1e-4 < values.max() < 1
    counts = np.histogram(values, 20, (0, 1))[0]
    expected = values.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 45  # χ² with 19 degrees of freedom, p = 0.0007
    steps, neurons = np.corrcoef(drawn), np.corrcoef(drawn.T)
    for table in (steps, neurons):
        off = table[~np.eye(len(table), dtype=bool)]
        assert abs(off).max() < 6 / np.sqrt(min(drawn.shape))


def test_the_rate_is_that_of_the_escape_noise():
    sl.environ.set(precision=64, dt=0.1 * u.ms)
    sl.random.seed(0)
    model = sl.nn.init_all_states(Escape(4000, tau=1e-1 * u.ms, V_reset=9.999 * u.mV))
    spikes = sl.transform.for_loop(lambda: model(7.0 * u.mA), length=500)
    rate = float(spikes[10:].mean()) / 0.1
    assert rate == pytest.approx(np.exp(-3), rel=0.03)


def test_gradients_hold_the_numbers_fixed(native):
    sl.environ.set(precision=64, dt=0.5 * u.ms)
    model = Escape(20, tau=sl.ParamState(8.0 * u.ms))

    def loss():
        sl.random.seed(1)
        sl.nn.init_all_states(model)
        sl.transform.for_loop(lambda: model(4.0 * u.mA), length=5)
        return model.V.value.mantissa.sum()

    slope = u.get_mantissa(jax.tree.leaves(sl.transform.grad(loss, model.states(sl.ParamState))())[0])
    values = []
    for tau in (8.0 - 1e-4, 8.0 + 1e-4):
        model.tau.value = tau * u.ms
        values.append(float(loss()))
    assert slope == pytest.approx((values[1] - values[0]) / 2e-4, rel=1e-5)


def test_vmapped_lanes_draw_different_numbers():
    drawn = jax.vmap(lambda x: uniform(x, jax.random.key_data(jax.random.key(0)), 0))(jnp.zeros((3, 5)))
    np.testing.assert_array_equal(drawn, uniform(jnp.zeros((3, 5)), jax.random.key_data(jax.random.key(0)), 0))
    assert len(np.unique(drawn)) == 15
