"""IafPscExp steps as NEST's iaf_psc_exp does: the same update, written here from NEST's description of it."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

H = 0.1


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64, dt=H * u.ms)


def nest(
    arrivals, current, *, C=250.0, tau=10.0, tau_ex=2.0, tau_in=2.0, t_ref=2.0, E_L=-70.0, V_th=-55.0, V_reset=-70.0
):
    """(V, spikes) of one neuron; the charge that arrives in a step acts from the next step on."""
    P22 = np.exp(-H / tau)

    def P21(tau_syn):
        if tau_syn == tau:
            return H / C * P22
        return tau * tau_syn / (C * (tau - tau_syn)) * (P22 - np.exp(-H / tau_syn))

    V, ex, inh, left = 0.0, 0.0, 0.0, 0
    trace, spikes = [], []
    for arriving, i in zip(arrivals, current, strict=True):
        if left == 0:
            V = V * P22 + ex * P21(tau_ex) + inh * P21(tau_in) + i * tau / C * (1 - P22)
        else:
            left -= 1
        ex = ex * np.exp(-H / tau_ex) + sum(w for w in arriving if w > 0)
        inh = inh * np.exp(-H / tau_in) + sum(w for w in arriving if w < 0)
        spikes.append(V_th - E_L <= V)
        trace.append(V + E_L)
        if spikes[-1]:
            left, V = round(t_ref / H), V_reset - E_L
    return np.array(trace), np.array(spikes, float)


def arrivals_and_current(steps, seed=0):
    rng = np.random.default_rng(seed)
    arriving = np.stack([rng.poisson(0.3, steps) * 90.0, -rng.poisson(0.1, steps) * 130.0], axis=1)
    return arriving, np.where(np.arange(steps) % 500 < 250, 700.0, 100.0)


@pytest.mark.parametrize(
    "times",
    [{}, {"tau_ex": 0.5, "tau_in": 3.0}, {"tau_ex": 10.0, "tau_in": 10.0, "t_ref": 0.0}, {"tau": 5.0, "t_ref": 0.7}],
)
def test_steps_as_nest(times):
    names = {"tau": "tau_m", "tau_ex": "tau_syn_ex", "tau_in": "tau_syn_in", "t_ref": "t_ref"}
    neuron = sl.nn.init_all_states(sl.IafPscExp(1, **{names[k]: x * u.ms for k, x in times.items()}))
    arriving, current = arrivals_and_current(3000)

    def step(charge, i):
        spike = neuron(i * u.pA)  # NEST lets arrivals act from the next step on
        for part in charge:
            neuron.add_delta_input("", part[None] * u.pA)
        return spike[0], neuron.V.value.to_decimal(u.mV)[0]

    spikes, V = sl.transform.for_loop(step, jnp.asarray(arriving), jnp.asarray(current))
    V_nest, spikes_nest = nest(arriving, current, **times)
    assert spikes_nest.sum() > 5
    assert np.array_equal(spikes, spikes_nest)
    np.testing.assert_allclose(V, V_nest, rtol=0, atol=1e-10)


def test_a_projection_with_the_neurons_own_descriptions_shares_its_currents():
    neuron = sl.IafPscExp(2, tau_syn_in=5.0 * u.ms)
    ex = sl.AlignPostProj(comm=lambda x: x * 100.0 * u.pA, post=neuron, **neuron.excitatory)
    sl.AlignPostProj(comm=lambda x: x * -100.0 * u.pA, post=neuron, **neuron.inhibitory)
    other = sl.AlignPostProj(comm=lambda x: x * 80.0 * u.pA, post=neuron, out=sl.CUBA.desc(scale=1.0),
                             syn=sl.Expon.desc((2,), tau=7.0 * u.ms, g_initializer=0.0 * u.pA))  # fmt: skip
    assert len(neuron.receptors) == 3
    sl.nn.init_all_states(neuron)
    ex(jnp.array([1.0, 0.0]))
    other(jnp.array([0.0, 1.0]))
    assert np.allclose(neuron.I_syn_ex.value.to_decimal(u.pA), [100.0, 0.0])
    V = sl.transform.for_loop(lambda: (neuron(), neuron.V.value.to_decimal(u.mV))[1], length=50)
    t = H * np.arange(1, 51)

    def closed(tau, charge):
        return charge / 250 * 10 * tau / (10 - tau) * (np.exp(-t / 10) - np.exp(-t / tau)) - 70

    np.testing.assert_allclose(V[:, 0], closed(2.0, 100.0), rtol=0, atol=1e-11)
    np.testing.assert_allclose(V[:, 1], closed(7.0, 80.0), rtol=0, atol=1e-11)


def test_delta_projection_splits_by_sign():
    neuron = sl.IafPscExp(3, tau_syn_in=5.0 * u.ms)
    proj = sl.DeltaProj(comm=lambda x: x * jnp.array([50.0, -20.0, 0.0]) * u.pA, post=neuron)
    sl.nn.init_all_states(neuron)
    proj(jnp.ones(3))
    assert np.allclose(neuron.I_syn_ex.value.to_decimal(u.pA), [50.0, 0.0, 0.0])
    assert np.allclose(neuron.I_syn_in.value.to_decimal(u.pA), [0.0, -20.0, 0.0])
    assert not hasattr(neuron, "_delta")
