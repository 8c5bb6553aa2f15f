"""Plastic synapses beside those of NEST on the same spike trains. NEST's delays are those of dendrites."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, DopamineSTDP, TripletSTDP, VogelsSprekeler

DT, STEPS, W_MAX, START = 0.1, 8000, 2.0, 0.9
BOUND = {"w_max": W_MAX * u.mV, "delay_in": "dendrite"}


class Pair(sl.nn.Module):
    """Two neurons that fire as they are told, and one synapse; its delay is that of the projection, or its own."""

    def __init__(self, rule, delay, own):
        super().__init__()
        self.post = sl.LIF(1)
        delays = {"delay": [delay] * u.ms} if own else {}
        comm = sl.connect.Connection([0], [0, 1], START * u.mV, 1, 1, **delays)
        delays = {} if own else {"delay": delay * u.ms}
        self.synapse = sl.DeltaProj(comm=comm, post=self.post, plasticity=rule, **delays)

    def update(self, pre, post, reward):
        self.post.spike.value = post
        self.synapse(pre)
        if isinstance(self.synapse.plasticity, DopamineSTDP):
            self.synapse.plasticity.reward(reward)
        return self.synapse.comm.weight.value


def compare(nest, settings, rule, model, params, delay, post_params=(), seed=0, dopamine=None, own=False):
    settings(DT)
    rng = np.random.default_rng(seed)
    pre, post = (rng.random((STEPS, 1)) < 0.006 for _ in range(2))
    pre[:20], post[:20] = False, False
    theirs = nest("plastic", model=model, params={"weight": START, "Wmax": W_MAX, **params}, delay=delay, dt=DT,
                  pre=np.nonzero(pre)[0], post=np.nonzero(post)[0], post_params=dict(post_params),
                  dopamine=dopamine)  # fmt: skip
    net = sl.nn.init_all_states(Pair(rule, delay, own))
    rewards = np.bincount(np.add([] if dopamine is None else dopamine, 1).astype(int), minlength=STEPS)
    weights = sl.transform.for_loop(net, *(jnp.asarray(x, float) for x in (pre, post, rewards)))
    ours = np.asarray(u.get_mantissa(weights))[np.nonzero(pre)[0], 0]
    assert len(ours) == len(theirs["weight"]) > 20
    assert np.ptp(ours) > 0.05
    np.testing.assert_allclose(ours, theirs["weight"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("delay", [0.1, 1.5])
@pytest.mark.parametrize("mu", [(0.0, 0.0), (1.0, 1.0), (0.4, 0.8)])
def test_stdp(mu, delay, own, nest, settings):
    rule = STDP(tau_plus=17.0 * u.ms, tau_minus=31.0 * u.ms, A_plus=0.03, A_minus=0.024, mu_plus=mu[0],
                mu_minus=mu[1], **BOUND)  # fmt: skip
    params = {"tau_plus": 17.0, "lambda": 0.03, "alpha": 0.8, "mu_plus": mu[0], "mu_minus": mu[1]}
    compare(nest, settings, rule, "stdp_synapse", params, delay, {"tau_minus": 31.0}, own=own)


def test_triplets(nest, settings):
    names = ("A2_plus", "plus"), ("A2_minus", "minus"), ("A3_plus", "plus_triplet"), ("A3_minus", "minus_triplet")
    rates = dict(zip(names, (0.004, 0.009, 0.02, 0.006), strict=True))
    rule = TripletSTDP(**{ours: x / W_MAX for (ours, _), x in rates.items()}, **BOUND)
    params = {"tau_plus": 16.8, "tau_plus_triplet": 101.0, **{f"A{theirs}": x for (_, theirs), x in rates.items()}}
    compare(nest, settings, rule, "stdp_triplet_synapse", params, 1.5,
            {"tau_minus": 33.7, "tau_minus_triplet": 125.0})  # fmt: skip


def test_vogels_sprekeler(nest, settings):
    """Away from the bounds: at a spike of the source, NEST clips before and after it subtracts alpha."""
    eta, alpha, tau = 0.01, 0.3, 20.0
    rule = VogelsSprekeler(tau=tau * u.ms, eta=eta / W_MAX, rate=alpha / (2 * tau) * 1e3 * u.Hz, **BOUND)
    params = {"tau": tau, "eta": eta, "alpha": alpha}
    compare(nest, settings, rule, "vogels_sprekeler_synapse", params, 1.5, {"tau_minus": tau})


@pytest.mark.parametrize(("delay", "own"), [(0.1, False), (1.5, False), (1.5, True)])
def test_dopamine(delay, own, nest, settings):
    A_plus, A_minus = 0.06, 0.05
    params = {"tau_plus": 17.0, "A_plus": A_plus, "A_minus": A_minus, "tau_c": 150.0, "tau_n": 40.0, "b": 0.004}
    rule = DopamineSTDP(tau_plus=17.0 * u.ms, tau_minus=31.0 * u.ms, A_plus=A_plus / W_MAX, A_minus=A_minus / W_MAX,
                        tau_c=150.0 * u.ms, tau_n=40.0 * u.ms, b=4.0 * u.Hz, **BOUND)  # fmt: skip
    dopamine = np.nonzero(np.random.default_rng(7).random(STEPS - 1) < 0.004)[0]
    compare(
        nest, settings, rule, "stdp_dopamine_synapse", params, delay, {"tau_minus": 31.0}, dopamine=dopamine, own=own
    )
