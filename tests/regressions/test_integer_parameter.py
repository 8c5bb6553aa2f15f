"""A trainable constant written without a decimal point trains."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import for_loop, grad


def gradient(tau):
    neuron = sl.LIF(1, tau=sl.ParamState(tau), V_th=10.0 * u.mV)

    def loss():
        sl.nn.init_all_states(neuron)
        return for_loop(lambda: (neuron(0.5 * u.mA), neuron.V.value.to_decimal(u.mV))[1], length=50).mean()

    with sl.environ.context(dt=0.1 * u.ms):
        return grad(loss)()["LIF.tau"]


def test_whole_numbers_train_as_floats_do():
    whole, real = gradient(10 * u.ms), gradient(10.0 * u.ms)
    assert whole == real != 0 * u.ms


def test_a_whole_number_for_each_neuron_becomes_a_float():
    tau = sl.ParamState(np.array([5, 10]) * u.ms)
    sl.LIF(2, tau=tau)
    assert tau.value.dtype == jnp.float32
    np.testing.assert_array_equal(tau.value.mantissa, [5.0, 10.0])


def test_grad_names_a_state_of_whole_numbers():
    gain = sl.ParamState(3, "gain")
    with pytest.raises(TypeError, match=r"grad: gain holds int32, and only floats have derivatives.*ParamState\(10\.0"):
        grad(lambda: 2.0 * gain.value)()
