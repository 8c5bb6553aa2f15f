"""Constants and initial values of models are finite real numbers."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("wrap", [lambda x: x, sl.ParamState, lambda x: lambda shape: u.math.full(shape, x)])
def test_constants(number, wrap):
    with pytest.raises(ValueError, match="LIF: V_th holds NaN or an infinite number; it must be finite"):
        sl.LIF(3, V_th=wrap(number * u.mV))


@pytest.mark.parametrize("number", BAD)
def test_initial_values(number):
    with pytest.raises(ValueError, match="LIF: V_initializer holds NaN or an infinite number"):
        sl.LIF(3, V_initializer=np.array([0.0, number, 0.0]) * u.mV)
    drawn = sl.LIF(3, V_initializer=lambda shape: jnp.full(shape, number) * u.mV)
    with pytest.raises(ValueError, match=r"LIF\.V: the initial value holds NaN or an infinite number"):
        sl.nn.init_all_states(drawn)
    with pytest.raises(ValueError, match=r"Expon\.g: the initial value holds NaN"):
        sl.nn.init_all_states(sl.Expon(3, g_initializer=lambda shape: jnp.full(shape, number) * u.mS))


@pytest.mark.parametrize("value", [True * u.ms, (1 + 2j) * u.ms])
def test_constants_are_real_numbers(value):
    with pytest.raises(TypeError, match="LIF: tau must be real numbers"):
        sl.LIF(3, tau=value)


def test_a_constant_that_is_given_later_is_checked_as_well():
    neuron = sl.LIF(3)
    for value, error in ((np.nan * u.ms, ValueError), (5.0 * u.mV, TypeError), (np.ones(2) * u.ms, ValueError)):
        with pytest.raises(error, match="LIF: tau"):
            neuron.tau = value
    assert neuron.tau == 5.0 * u.ms
    neuron.tau = 7.0 * u.ms
    assert neuron.tau == 7.0 * u.ms
