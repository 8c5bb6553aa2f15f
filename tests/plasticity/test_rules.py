"""Every rule against a replay of the spike trains in NumPy, synapse by synapse."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, Clopath, TripletSTDP, VogelsSprekeler

LOW, HIGH, START = -0.5, 1.5, 0.4
W = HIGH - LOW


@pytest.mark.parametrize("pairs", ["all", "nearest"])
@pytest.mark.parametrize("mu", [(0.0, 0.0), (1.0, 1.0), (0.4, 0.7), (0.0, 1.0)])
@pytest.mark.parametrize("precision", [32, 64])
def test_stdp(tools, pairs, mu, precision):
    sl.environ.set(precision=precision)
    plus, minus, A, B, (mu_plus, mu_minus) = 13.0, 27.0, 0.05, 0.04, mu
    rule = STDP(tau_plus=plus * u.ms, tau_minus=minus * u.ms, A_plus=A, A_minus=B, mu_plus=mu_plus, mu_minus=mu_minus,
                pairs=pairs, w_min=LOW * u.mV, w_max=HIGH * u.mV)  # fmt: skip
    net, (pre, post) = tools.Trains(rule, START * u.mV), tools.trains()
    wanted = tools.replay(
        net, pre, post, START,
        lambda w, t: A * W * t.x * ((HIGH - w) / W) ** mu_plus,
        lambda w, t: -B * W * t.y * ((w - LOW) / W) ** mu_minus,
        LOW, HIGH, {"x": ("pre", plus), "y": ("post", minus)}, pairs,
    )  # fmt: skip
    ours = tools.run(net, pre, post)
    assert ours.dtype == sl.environ.dftype()
    assert np.ptp(wanted[-1]) > 0.1
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-6 if precision == 64 else 2e-4)
    if mu == (0.0, 0.0) and pairs == "all":
        assert (wanted == HIGH).any() or (wanted == LOW).any()  # bounds were met on the way


def test_triplets(tools):
    A2p, A2m, A3p, A3m = 0.01, 0.02, 0.05, 0.03
    rule = TripletSTDP(A2_plus=A2p, A2_minus=A2m, A3_plus=A3p, A3_minus=A3m, w_min=LOW * u.mV, w_max=HIGH * u.mV)
    net, (pre, post) = tools.Trains(rule, START * u.mV), tools.trains()
    wanted = tools.replay(
        net, pre, post, START,
        lambda w, t: W * t.r1 * (A2p + A3p * t.o2), lambda w, t: -W * t.o1 * (A2m + A3m * t.r2),
        LOW, HIGH, {"r1": ("pre", 16.8), "r2": ("pre", 101.0), "o1": ("post", 33.7), "o2": ("post", 125.0)},
    )  # fmt: skip
    assert np.ptp(wanted[-1]) > 0.1
    np.testing.assert_allclose(tools.run(net, pre, post), wanted, rtol=0, atol=1e-6)


def test_vogels_sprekeler(tools):
    eta, rho, tau = 0.02, 100.0, 20.0
    rule = VogelsSprekeler(eta=eta, rate=rho * u.Hz, tau=tau * u.ms, w_min=LOW * u.mV, w_max=HIGH * u.mV)
    net, (pre, post) = tools.Trains(rule, START * u.mV), tools.trains()
    alpha = 2 * rho * tau / 1000
    wanted = tools.replay(
        net, pre, post, START, lambda w, t: eta * W * t.x, lambda w, t: eta * W * (t.y - alpha),
        LOW, HIGH, {"x": ("pre", tau), "y": ("post", tau)},
    )  # fmt: skip
    assert np.ptp(wanted[-1]) > 0.1
    np.testing.assert_allclose(tools.run(net, pre, post), wanted, rtol=0, atol=1e-6)


def test_two_spikes_of_the_same_step_are_no_pair(tools):
    net = tools.Trains(STDP(w_max=1.0 * u.mV), 0.5 * u.mV)
    pre, post = np.zeros((3, tools.N_PRE)), np.zeros((3, tools.N_POST))
    pre[1], post[1] = 1, 1
    np.testing.assert_array_equal(tools.run(net, pre, post), 0.5)


def test_a_target_that_fired_counts_first(tools):
    """At the bound a strengthening is lost, and the weakening of the same step is not."""
    rule = STDP(A_plus=0.1, A_minus=0.1, tau_plus=1e6 * u.ms, tau_minus=1e6 * u.ms, w_max=1.0 * u.mV)
    net = tools.Trains(rule, 1.0 * u.mV)
    pre, post = np.zeros((2, tools.N_PRE)), np.zeros((2, tools.N_POST))
    pre[:], post[:] = 1, 1
    np.testing.assert_allclose(tools.run(net, pre, post)[-1], 0.9, rtol=1e-5)


class Saturating(STDP):
    """The dependence of STDP with exponent 1, written as one's own."""

    def on_post(self, w, x):
        return w + x * (HIGH - w) / W

    def on_pre(self, w, x):
        return w + x * (w - LOW) / W


def test_a_dependence_of_ones_own(tools):
    told = {"w_min": LOW * u.mV, "w_max": HIGH * u.mV, "A_plus": 0.05}
    pre, post = tools.trains()
    own = tools.run(tools.Trains(Saturating(**told), START * u.mV), pre, post)
    same = tools.run(tools.Trains(STDP(mu_plus=1.0, mu_minus=1.0, **told), START * u.mV), pre, post)
    assert np.ptp(same[-1]) > 0.1
    np.testing.assert_allclose(own, same, rtol=0, atol=1e-12)


class Driven(sl.nn.Module):
    """A `Trains` whose target also has a given potential."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def update(self, pre, post, V):
        self.net.post.V.value = V * u.mV
        return self.net(pre, post)


def test_clopath(tools):
    rule = Clopath(A_LTD=1e-3 / u.mV, A_LTP=3e-4 / u.mV**2, w_min=LOW * u.mV, w_max=HIGH * u.mV)
    net, (pre, post) = tools.Trains(rule, START * u.mV), tools.trains()
    V = -70 + 40 * np.random.default_rng(5).random((tools.STEPS, tools.N_POST))
    sl.environ.set(dt=tools.DT * u.ms)
    model = sl.nn.init_all_states(Driven(net))
    first = net.post.V.value.to_decimal(u.mV)
    ours = u.get_mantissa(sl.transform.for_loop(model, pre, post, V))
    x, low, high = np.zeros(tools.N_PRE), np.array(first), np.array(first)
    w, rows = np.full(net.sources.size, START), []
    i, j = net.sources, net.targets
    for s, v in zip(np.asarray(pre), V, strict=True):
        x = x * np.exp(-tools.DT / 15)
        up = 3e-4 * np.maximum(v + 45.3, 0) * np.maximum(high + 70.6, 0) * tools.DT
        w = np.clip(w + W * up[j] * x[i] / 15, LOW, HIGH)
        w = np.clip(w - W * 1e-3 * s[i] * np.maximum(low + 70.6, 0)[j], LOW, HIGH)
        x = x + s
        low, high = v + (low - v) * np.exp(-tools.DT / 10), v + (high - v) * np.exp(-tools.DT / 7)
        rows.append(w)
    assert np.ptp(rows[-1]) > 0.1
    np.testing.assert_allclose(ours, rows, rtol=0, atol=1e-6)
