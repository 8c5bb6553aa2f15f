"""Neurons for training beside their equations, written once more, and JAX's derivatives of these."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import snn

STEPS, BATCH, N = 15, 2, 3
RNG = np.random.default_rng(0)
X = RNG.normal(0.3, 0.6, (STEPS, BATCH, N))
WEIGHT = RNG.normal(size=X.shape)  # of each spike in the loss


@pytest.fixture(autouse=True)
def double():
    with sl.environ.context(precision=64):
        yield


@jax.custom_jvp
def arctan_spike(x):
    return (x >= 0).astype(x.dtype)


@arctan_spike.defjvp
def _(x, dx):
    return arctan_spike(x[0]), dx[0] / (1 + (np.pi * x[0]) ** 2)


@jax.custom_jvp
def sigmoid_spike(x):
    return (x >= 0).astype(x.dtype)


@sigmoid_spike.defjvp
def _(x, dx):
    y = jax.nn.sigmoid(4 * x[0])
    return sigmoid_spike(x[0]), 4 * y * (1 - y) * dx[0]


def reset(V, spike, threshold, mechanism):
    return {"subtract": V - threshold * spike, "zero": V * (1 - spike), "none": V}[mechanism]


def leaky(V, spike, x, c):
    spike = jax.lax.stop_gradient(spike)
    if c["reset"] == "zero":
        return c["beta"] * V * (1 - spike) + x
    return c["beta"] * V + x - (spike if c["reset"] == "subtract" else 0)


def Leaky(s, spike, x, c):
    (V,) = s
    return [leaky(V, spike, x, c)], 1.0


def ALIF(s, spike, x, c):
    V, a = s
    a = c["rho"] * a + spike
    return [leaky(V, spike, x, c), a], 1 + c["strength"] * a


def Synaptic(s, spike, x, c):
    V, current = s
    current = c["alpha"] * current + x
    return [leaky(V, spike, current, c), current], 1.0


def Synaptic_zero(s, spike, x, c):
    (V, current), _ = Synaptic(s, 0 * spike, x, {**c, "reset": "none"})
    return [V * (1 - jax.lax.stop_gradient(spike)), current], 1.0


def CubaLIF(s, spike, x, c):
    V, current = s
    current = jnp.exp(-1 / c["tau_syn"]) * current + x
    beta = jnp.exp(-1 / c["tau"])
    return [leaky(V, spike, (1 - beta) * current, {**c, "beta": beta}), current], 1.0


def LIF(s, spike, x, c):
    V = reset(s[0], spike, 1.0, c["reset"])
    return [V + (x - V) / c["tau"]], 1.0


CASES = {
    "Leaky subtract": (Leaky, 1, {"beta": 0.8}, "subtract", arctan_spike),
    "Leaky zero": (Leaky, 1, {"beta": 0.8}, "zero", arctan_spike),
    "Leaky none": (Leaky, 1, {"beta": 0.8}, "none", arctan_spike),
    "ALIF": (ALIF, 2, {"beta": 0.8, "rho": 0.9, "strength": 0.3}, "subtract", arctan_spike),
    "Synaptic": (Synaptic, 2, {"alpha": 0.5, "beta": 0.8}, "subtract", arctan_spike),
    "Synaptic zero": (Synaptic_zero, 2, {"alpha": 0.5, "beta": 0.8}, "zero", arctan_spike),
    "CubaLIF": (CubaLIF, 2, {"tau_syn": 3.0, "tau": 1.5}, "subtract", arctan_spike),
    "LIF zero": (LIF, 1, {"tau": 1.3}, "zero", sigmoid_spike),
    "LIF subtract": (LIF, 1, {"tau": 1.3}, "subtract", sigmoid_spike),
}


def by_equations(case, x, constants):
    function, count, _, mechanism, spike_of = case
    states, spike, spikes = [jnp.zeros((BATCH, N))] * count, jnp.zeros((BATCH, N)), []
    for t in range(STEPS):
        states, threshold = function(states, spike, x[t], {**constants, "reset": mechanism})
        spike = spike_of(states[0] - threshold)
        spikes.append(spike)
    return jnp.stack(spikes)


@pytest.mark.parametrize("name", CASES)
def test_spikes_and_gradients_are_those_of_the_equations(name):
    case = CASES[name]
    _, _, constants, mechanism, _ = case
    trained = {key: sl.ParamState(jnp.asarray(value)) for key, value in constants.items()}
    cell = getattr(snn, name.split()[0])(N, **trained, reset_mechanism=mechanism)

    def loss(x):
        sl.nn.init_all_states(cell, batch_size=BATCH)
        spikes = cell.run_steps(x)
        return (spikes * WEIGHT).sum(), spikes

    (by_constant, by_input), spikes = sl.transform.grad(loss, trained, argnums=0, has_aux=True)(jnp.asarray(X))
    wanted = by_equations(case, jnp.asarray(X), constants)
    assert wanted.sum() > 5
    np.testing.assert_array_equal(spikes, wanted)
    slopes = jax.grad(lambda c, x: (by_equations(case, x, c) * WEIGHT).sum(), (0, 1))(
        {key: jnp.asarray(value) for key, value in constants.items()}, jnp.asarray(X)
    )
    np.testing.assert_allclose(by_input, slopes[1], rtol=1e-9, atol=1e-12)
    for key, slope in slopes[0].items():
        np.testing.assert_allclose(by_constant[key], slope, rtol=1e-9, err_msg=key)


def test_a_trained_time_constant_starts_where_it_should():
    plif, lif = snn.PLIF(N, tau=3.0), snn.LIF(N, tau=3.0)
    ours = [sl.transform.for_loop(sl.nn.init_all_states(cell, batch_size=BATCH), X * 3) for cell in (plif, lif)]
    np.testing.assert_array_equal(*ours)
    assert [*plif.states(sl.ParamState)] == [("w",)]
    with pytest.raises(ValueError, match="tau must be above 1 step; given 1"):
        snn.PLIF(N, tau=1.0)


def test_input_is_not_divided_on_demand():
    cell = sl.nn.init_all_states(snn.LIF(1, tau=4.0, decay_input=False, threshold=100.0))
    cell(jnp.ones(1))
    cell(jnp.ones(1))
    assert cell.V.value.tolist() == [1.75]


def test_neurons_need_no_dt_and_refuse_units_and_other_mechanisms():
    cell = sl.nn.init_all_states(snn.Leaky(N))
    with pytest.raises(sl.errors.UnitError, match="the input current needs a plain number"):
        cell(np.ones(N) * u.mA)
    with pytest.raises(ValueError, match="reset_mechanism"):
        snn.Leaky(N, reset_mechanism="hard")
    cell.reset_mechanism = "zero"
    assert cell.spk_reset == "hard"


def test_recurrent_neurons_see_their_spikes_one_step_later():
    W = RNG.normal(size=(N, N))
    layer = sl.nn.init_all_states(snn.RecurrentLIF(N, beta=0.8, w_init=W), batch_size=BATCH)
    ours = sl.transform.for_loop(layer, jnp.asarray(X))
    sl.nn.init_all_states(layer, batch_size=BATCH)
    np.testing.assert_array_equal(layer.run_steps(jnp.asarray(X)), ours)
    assert not any("fused" in name for name in sl.info()["fallbacks"])
    V = spike = np.zeros((BATCH, N))
    for x, found in zip(X, ours, strict=True):
        V = 0.8 * V + x + spike @ W - spike
        spike = (V >= 1).astype(float)
        np.testing.assert_array_equal(found, spike)


def test_parallel_neurons_weight_their_last_inputs():
    neuron = snn.ParallelSpikingNeuron(N, order=3, threshold=0.5)
    neuron.weight.value = jnp.array([1.0, -0.5, 0.25])
    padded = np.concatenate([np.zeros((2, BATCH, N)), X])
    h = padded[2:] - 0.5 * padded[1:-1] + 0.25 * padded[:-2]
    for run in (neuron.run_steps, lambda x: sl.transform.for_loop(neuron, x)):
        sl.nn.init_all_states(neuron, batch_size=BATCH)
        np.testing.assert_array_equal(run(jnp.asarray(X)), h >= 0.5)
    with pytest.raises(ValueError, match="order must be 1 or more"):
        snn.ParallelSpikingNeuron(N, order=0)


def test_the_readout_integrates():
    readout = sl.nn.init_all_states(snn.LeakyIntegrator(N, beta=0.5), batch_size=BATCH)
    V, wanted = 0, []
    for x in X:
        V = 0.5 * V + x
        wanted.append(V)
    np.testing.assert_allclose(readout.run_steps(jnp.asarray(X)), wanted, rtol=1e-14)
