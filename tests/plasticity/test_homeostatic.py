"""HomeostaticScaling: by itself against a replay, and beside rules of spikes."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, DopamineSTDP, HomeostaticScaling

from tests.helpers.hlo import calls, copies, loop_body

BOUNDS = {"w_max": 1.5 * u.mV, "w_min": 0.0 * u.mV}


def scaling(**more):
    told = {"rate": 40.0 * u.Hz, "tau": 50.0 * u.ms, "tau_w": 200.0 * u.ms, "every": 8.0 * u.ms, **BOUNDS}
    return HomeostaticScaling(**{**told, **more})


def scaled(tools, net, post, w, k, nu, every=16):
    """(the weights after step k, in which targets spike as told; the rates)."""
    nu = nu * np.exp(-tools.DT / 50) + 1e3 / 50 * post
    if (k + 1) % every == 0:
        w = np.clip(w * np.exp(every * tools.DT / 200 * (1 - nu / 40))[net.targets], 0, 1.5)
    return w, nu


@pytest.mark.parametrize("precision", [32, 64])
def test_weights_follow_a_replay(tools, precision):
    sl.environ.set(precision=precision)
    net, (pre, post) = tools.Trains(scaling(), 0.4 * u.mV), tools.trains(0.02)
    w, nu, wanted = np.full(net.sources.size, 0.4), np.full(tools.N_POST, 40.0), []
    for k, r in enumerate(np.asarray(post)):
        w, nu = scaled(tools, net, r, w, k, nu)
        wanted.append(w)
    ours = tools.run(net, pre, post)
    assert np.ptp(wanted[-1]) > 0.1
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-6 if precision == 64 else 1e-4)


def test_beside_stdp(tools):
    """In each step first the spikes change the weights, then the scaling."""
    stdp = STDP(A_plus=0.05, A_minus=0.04, **BOUNDS)
    net, (pre, post) = tools.Trains([stdp, scaling()], 0.4 * u.mV), tools.trains(0.02)
    w, nu, wanted = np.full(net.sources.size, 0.4), np.full(tools.N_POST, 40.0), []
    x, y = np.zeros(tools.N_PRE), np.zeros(tools.N_POST)
    i, j = net.sources, net.targets
    for k, (s, r) in enumerate(zip(np.asarray(pre), np.asarray(post), strict=True)):
        x, y = x * np.exp(-tools.DT / 20), y * np.exp(-tools.DT / 20)
        w = np.clip(w + 0.05 * 1.5 * (r[j] * x[i]), 0, 1.5)
        w = np.clip(w - 0.04 * 1.5 * (s[i] * y[j]), 0, 1.5)
        x, y = x + s, y + r
        w, nu = scaled(tools, net, r, w, k, nu)
        wanted.append(w)
    assert net.projection.plasticity[0] is stdp
    np.testing.assert_allclose(tools.run(net, pre, post), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [STDP, DopamineSTDP])
def test_beside_a_rule_that_puts_off_its_changes(tools, kind):
    """Far from the bounds, reading the weights in every step, which leaves nothing put off, changes nothing."""
    pre, post = tools.trains(0.02)

    def run(read):
        told = {"A_plus": 1e-3, "A_minus": 1e-3, **BOUNDS}
        net = tools.Trains([kind(**told), scaling()], 0.4 * u.mV)

        def step(s, r):
            net.post.spike.value = r
            net.projection(s)
            if kind is DopamineSTDP:
                net.projection.plasticity[0].reward(0.1)
            return net.projection.comm.weight.value if read else 0

        sl.environ.set(dt=tools.DT * u.ms)
        sl.nn.init_all_states(net)
        sl.transform.for_loop(step, pre, post)
        return net.projection.comm.weight.value.mantissa

    np.testing.assert_allclose(run(False), run(True), rtol=0, atol=1e-12)
    assert np.ptp(run(False)) > 0.01


class Driven(sl.nn.Module):
    """Neurons that more or fewer Poisson sources drive."""

    def __init__(self, rule):
        super().__init__()
        self.sources = sl.PoissonSpike(200, freqs=20.0 * u.Hz)
        self.neurons = sl.LIF(4, tau=10.0 * u.ms, V_rest=-70.0 * u.mV, V_th=-55.0 * u.mV, V_reset=-70.0 * u.mV,
                              spk_reset="hard")  # fmt: skip
        lengths = np.array([20, 60, 120, 200])
        dense = np.arange(200)[:, None] < lengths
        indptr = np.append(0, dense.sum(1).cumsum())
        comm = sl.connect.Connection(np.nonzero(dense)[1], indptr, 2.0 * u.mV, 200, 4)
        self.synapses = sl.DeltaProj(comm=comm, post=self.neurons, plasticity=rule)

    def update(self):
        self.synapses(self.sources())
        return self.neurons()


def test_rates_converge_to_the_target():
    sl.environ.set(dt=0.5 * u.ms, precision=32)
    sl.random.seed(1)
    rule = HomeostaticScaling(rate=15.0 * u.Hz, tau=500.0 * u.ms, tau_w=2000.0 * u.ms, w_max=50.0 * u.mV)
    net = sl.nn.init_all_states(Driven(rule))
    rates = lambda spikes: np.asarray(spikes).mean(0) / 0.5e-3  # noqa: E731
    before = rates(sl.transform.for_loop(net, length=4000))
    sl.transform.for_loop(net, length=60_000)
    after = rates(sl.transform.for_loop(net, length=40_000))
    assert np.ptp(before) > 20
    np.testing.assert_allclose(after, 15, atol=1.5)


def test_only_a_step_that_scales_costs(tools, native):
    net = tools.Trains(scaling(), 0.4 * u.mV)
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    on, off = jnp.ones(tools.N_PRE), jnp.ones(tools.N_POST)
    body = loop_body(lambda: net.fire(on, off))
    assert calls(body) == ["event_scatter"]
    assert any("conditional(" in line for line in body)
    assert not copies(body, net.sources.size)


def test_what_makes_no_sense_is_refused(tools):
    with pytest.raises(ValueError, match="HomeostaticScaling: every must be one time above 0"):
        scaling(every=0.0 * u.ms)
    with pytest.raises(ValueError, match="HomeostaticScaling: every must be one time above 0"):
        scaling(every=[1.0, 2.0] * u.ms)
    with pytest.raises(ValueError, match="HomeostaticScaling: every must not be longer than tau_w"):
        scaling(every=201.0 * u.ms)
    with pytest.raises(TypeError, match="HomeostaticScaling: every needs a time"):
        scaling(every=5)
    for name in ("rate", "tau", "tau_w"):
        with pytest.raises(ValueError, match=f"HomeostaticScaling: {name} must be positive"):
            scaling(**{name: 0.0 * HomeostaticScaling.params[name].unit})
    rules = [STDP(**BOUNDS), DopamineSTDP(**BOUNDS)]
    with pytest.raises(
        ValueError, match="DeltaProj: only one rule of a projection can act on single spikes; given STDP and Do"
    ):
        tools.Trains(rules, 0.4 * u.mV)
    with pytest.raises(TypeError, match="plasticity must be a rule"):
        tools.Trains([scaling(), "STDP"], 0.4 * u.mV)
