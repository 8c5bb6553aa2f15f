"""Rules of spikes between any populations, by any synapses and constants, against the replay in NumPy."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spikeloop.plasticity import STDP, DopamineSTDP, TripletSTDP, VogelsSprekeler

STEPS, LOW = 40, -0.25
TAU, RATE = st.floats(2.0, 200.0), st.floats(0.0, 0.3)


@st.composite
def rules(draw):
    """(a rule, what the replay needs to know of it, its bounds)."""
    high = draw(st.floats(0.5, 2.0))
    W, bounds = high - LOW, {"w_min": LOW * u.mV, "w_max": high * u.mV}
    a, b, c, d = (draw(RATE) for _ in range(4))
    taus = [draw(TAU) for _ in range(4)]
    ms = [tau * u.ms for tau in taus]
    kind = draw(st.sampled_from([STDP, TripletSTDP, VogelsSprekeler]))
    if kind is STDP:
        pairs, exponents = draw(st.sampled_from(["all", "nearest"])), st.sampled_from([0.0, 1.0, 0.37, 2.5])
        p, m = draw(exponents), draw(exponents)
        rule = STDP(tau_plus=ms[0], tau_minus=ms[1], A_plus=a, A_minus=b, mu_plus=p, mu_minus=m, pairs=pairs, **bounds)
        on_post = lambda w, t: a * W * t.x * ((high - w) / W) ** p  # noqa: E731
        on_pre = lambda w, t: -b * W * t.y * ((w - LOW) / W) ** m  # noqa: E731
        return rule, (on_post, on_pre, LOW, high, {"x": ("pre", taus[0]), "y": ("post", taus[1])}, pairs)
    if kind is TripletSTDP:
        names = ("tau_plus", "tau_x", "tau_minus", "tau_y")
        rule = TripletSTDP(**dict(zip(names, ms, strict=True)), A2_plus=a, A2_minus=b, A3_plus=c, A3_minus=d, **bounds)
        traces = zip(("r1", "r2", "o1", "o2"), ("pre", "pre", "post", "post"), taus, strict=True)
        on_post = lambda w, t: W * t.r1 * (a + c * t.o2)  # noqa: E731
        on_pre = lambda w, t: -W * t.o1 * (b + d * t.r2)  # noqa: E731
        return rule, (on_post, on_pre, LOW, high, {name: (side, tau) for name, side, tau in traces})
    rule = VogelsSprekeler(tau=ms[0], eta=a, rate=100 * b * u.Hz, **bounds)
    on_post = lambda w, t: a * W * t.x  # noqa: E731
    on_pre = lambda w, t: a * W * (t.y - 0.2 * b * taus[0])  # noqa: E731
    return rule, (on_post, on_pre, LOW, high, {"x": ("pre", taus[0]), "y": ("post", taus[0])})


@st.composite
def populations(draw):
    """(which source has a synapse with which target, spike trains of both)."""
    n_pre, n_post = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    dense = rng.random((n_pre, n_post)) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    dense[rng.integers(n_pre), rng.integers(n_post)] = True
    rate = draw(st.sampled_from([0.02, 0.2, 0.9]))
    return dense, *(jnp.asarray(rng.random((STEPS, n)) < rate, float) for n in (n_pre, n_post))


FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(rules(), populations())
def test_any_rule_follows_the_replay(tools, drawn, populations):
    (rule, how), (dense, pre, post) = drawn, populations
    net = tools.Trains(rule, 0.4 * u.mV, dense=dense)
    np.testing.assert_allclose(tools.run(net, pre, post), tools.replay(net, pre, post, 0.4, *how), rtol=0, atol=1e-9)


@FEW
@given(populations(), TAU, TAU, st.floats(0.0, 20.0), st.integers(0, 999), st.booleans())
def test_any_reward_follows_the_replay(tools, populations, tau_c, tau_n, b, seed, read):
    """Weights far from their bounds are sums over all pairs of a pair's eligibility times the dopamine after it."""
    dense, pre, post = populations
    rng, dt = np.random.default_rng(seed), tools.DT
    rewards = np.where(rng.random(STEPS) < 0.2, rng.normal(size=STEPS), 0.0)
    told = {"tau_c": tau_c * u.ms, "tau_n": tau_n * u.ms, "b": b * u.Hz, "A_plus": 1e-5, "A_minus": 2e-5}
    rule = DopamineSTDP(w_min=-9999.0 * u.mV, w_max=10001.0 * u.mV, **told)
    net = tools.Trains(rule, 0.4 * u.mV, dense=dense)

    def step(s, r, reward):
        net.post.spike.value = r
        net.projection(s)
        rule.reward(reward)
        return u.get_mantissa(net.projection.comm.weight.value) if read else None

    sl.environ.set(dt=dt * u.ms)
    sl.nn.init_all_states(net)
    sl.transform.for_loop(step, pre, post, jnp.asarray(rewards))

    late = np.arange(STEPS)[:, None] - np.arange(STEPS)  # of a step after another
    since = lambda tau: np.where(late > 0, np.exp(-np.maximum(late, 0) * dt / tau), 0)  # noqa: E731
    x, y = since(20.0) @ np.asarray(pre), since(20.0) @ np.asarray(post)
    i, j = net.sources, net.targets
    added = 0.2 * (np.asarray(post)[:, j] * x[:, i] - 2 * np.asarray(pre)[:, i] * y[:, j])
    c = (since(tau_c) + np.eye(STEPS)) @ added  # after each step
    n = (since(tau_n) + np.eye(STEPS)) @ (rewards / tau_n)
    both = 1 / (1 / tau_c + 1 / tau_n)
    flow = n * both * -np.expm1(-dt / both) - b / 1e3 * tau_c * -np.expm1(-dt / tau_c)
    wanted = 0.4 + (c * flow[:, None])[:-1].sum(0)
    np.testing.assert_allclose(net.projection.comm.weight.value.mantissa, wanted, rtol=0, atol=1e-9)
