"""DopamineSTDP against a replay in NumPy that integrates every synapse in every step."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._trace import stored
from spikeloop.plasticity import DopamineSTDP

from tests.helpers.hlo import calls, copies, loop_body

LOW, HIGH, START = -0.5, 1.5, 0.4
W = HIGH - LOW
CONSTANTS = {
    "A_plus": 0.05,
    "A_minus": 0.04,
    "tau_plus": 13.0,
    "tau_minus": 27.0,
    "tau_c": 60.0,
    "tau_n": 25.0,
    "b": 1.5,
}
UNITS = {"tau_plus": u.ms, "tau_minus": u.ms, "tau_c": u.ms, "tau_n": u.ms, "b": u.Hz}
BOUNDS = {"w_min": LOW * u.mV, "w_max": HIGH * u.mV}


def rule(**more):
    constants = {**CONSTANTS, **more}
    return DopamineSTDP(**{k: x * UNITS.get(k, 1) for k, x in constants.items()}, **BOUNDS)


def rewards(steps, rate=0.02, seed=1):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(steps) < rate, rng.uniform(-0.5, 1.5, steps), 0.0)


class Rewarded(sl.nn.Module):
    """A `Trains` that is rewarded after each step; what one step delivers, and the weights, if they are read."""

    def __init__(self, net, read=False):
        super().__init__()
        self.net, self.read = net, read

    def update(self, pre, post, amount):
        net = self.net
        net.post.delta.value = 0 * net.post.delta.value
        net.post.spike.value = post
        net.projection(pre)
        net.projection.plasticity.reward(amount)
        delivered = u.get_mantissa(net.post.delta.value)
        return (delivered, u.get_mantissa(net.projection.comm.weight.value)) if self.read else delivered


def run(tools, model, *trains):
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(model)
    return sl.transform.for_loop(model, *trains)


def replay(tools, net, pre, post, amounts, read, **more):
    """(what is delivered in each step, weights after each, eligibility after the last)."""
    p, dt = {**CONSTANTS, **more}, tools.DT
    i, j = net.sources, net.targets
    w, c = np.full(i.size, START), np.zeros(i.size)
    x, y, n = np.zeros(tools.N_PRE), np.zeros(tools.N_POST), 0.0
    both = 1 / (1 / p["tau_c"] + 1 / p["tau_n"])
    delivered, weights = [], []
    for s, r, amount in zip(np.asarray(pre), np.asarray(post), amounts, strict=True):
        w = w + c * (n * both * -np.expm1(-dt / both) + p["b"] / 1000 * p["tau_c"] * np.expm1(-dt / p["tau_c"]))
        c, n = c * np.exp(-dt / p["tau_c"]), n * np.exp(-dt / p["tau_n"])
        x, y = x * np.exp(-dt / p["tau_plus"]), y * np.exp(-dt / p["tau_minus"])
        c = c + W * (p["A_plus"] * r[j] * x[i] - p["A_minus"] * s[i] * y[j])
        w = np.clip(w, LOW, HIGH) if read else np.where(s[i] != 0, np.clip(w, LOW, HIGH), w)
        delivered.append(np.bincount(j, s[i] * w, tools.N_POST))
        weights.append(w)
        x, y, n = x + s, y + r, n + amount / p["tau_n"]
    return np.array(delivered), np.array(weights), c


@pytest.mark.parametrize("lazily", [True, False])
@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("precision", [32, 64])
def test_weights_and_eligibility_follow_the_replay(tools, precision, read, lazily):
    sl.environ.set(precision=precision)
    net, (pre, post), amounts = tools.Trains(rule(), START * u.mV), tools.trains(), rewards(tools.STEPS)
    if not lazily:
        net.projection.plasticity.update_eagerly()
    wanted, weights, c = replay(tools, net, pre, post, amounts, read)
    ours = run(tools, Rewarded(net, read), pre, post, jnp.asarray(amounts))
    tolerance = {"rtol": 0, "atol": 1e-6 if precision == 64 else 3e-4}
    if read:
        np.testing.assert_allclose(ours[1], weights, **tolerance)
        assert (weights == HIGH).any() or (weights == LOW).any()  # bounds were met on the way
    np.testing.assert_allclose(ours[0] if read else ours, wanted, **tolerance)
    learned = net.projection.plasticity
    np.testing.assert_allclose(net.projection.comm.weight.value.mantissa, np.clip(weights[-1], LOW, HIGH), **tolerance)
    np.testing.assert_allclose(learned.eligibility.to_decimal(u.mV), c, **tolerance)
    assert np.ptp(weights[-1]) > 0.1
    assert np.ptp(c) > 0.01


def test_silent_sources_lose_no_digits(tools):
    """Spikes of targets alone, for 25 time constants of the eligibility, then a reward."""
    net, (pre, post) = tools.Trains(rule(tau_plus=1e4, tau_c=8.0), START * u.mV), tools.trains(0.1)
    pre = pre.at[5:].set(0)
    amounts = np.zeros(tools.STEPS)
    amounts[-60] = 1.0
    _, weights, _ = replay(tools, net, pre, post, amounts, False, tau_plus=1e4, tau_c=8.0)
    run(tools, Rewarded(net), pre, post, jnp.asarray(amounts))
    assert np.ptp(weights[-1]) > 0.1
    np.testing.assert_allclose(net.projection.comm.weight.value.mantissa, np.clip(weights[-1], LOW, HIGH), atol=1e-12)


def test_a_reward_of_1_adds_the_eligibility_as_far_as_it_lasts(tools):
    """A pair 10 ms apart, a reward 100 ms later, and all the time that it takes."""
    net = tools.Trains(rule(b=0.0), START * u.mV)
    pre, post, amounts = np.zeros((3000, tools.N_PRE)), np.zeros((3000, tools.N_POST)), np.zeros(3000)
    pre[10], post[30], amounts[230] = 1, 1, 1
    run(tools, Rewarded(net), pre, post, amounts)
    c = 0.05 * W * np.exp(-10 / 13) * np.exp(-100 / 60)
    ours = net.projection.comm.weight.value.to_decimal(u.mV)
    np.testing.assert_allclose(ours, START + c * 60 / (60 + 25), rtol=1e-9)


def test_reading_changes_nothing_and_writing_holds(tools):
    net, (pre, post), amounts = tools.Trains(rule(), START * u.mV), tools.trains(0.03), rewards(tools.STEPS)
    once = run(tools, Rewarded(net), pre, post, amounts)
    comm = net.projection.comm
    pending = stored(comm.weight).mantissa
    assert not np.array_equal(comm.weight.value.mantissa, pending)
    kept, c = comm.weight.value, net.projection.plasticity.eligibility
    np.testing.assert_array_equal(comm.weight.value.mantissa, kept.mantissa)
    np.testing.assert_array_equal(net.projection.plasticity.eligibility.mantissa, c.mantissa)
    sl.nn.init_all_states(net)
    np.testing.assert_array_equal(comm.weight.value.mantissa, kept.mantissa)
    comm.weight.value = START * jnp.ones_like(kept.mantissa) * u.mV
    np.testing.assert_array_equal(comm.weight.value.mantissa, START)
    np.testing.assert_allclose(run(tools, Rewarded(net), pre, post, amounts), once, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lazily", [True, False])
def test_init_all_states_keeps_what_was_gained(tools, lazily):
    (pre, post), amounts = tools.trains(0.03), rewards(tools.STEPS)

    def learned():
        net = tools.Trains(rule(), START * u.mV)
        if not lazily:
            net.projection.plasticity.update_eagerly()
        run(tools, Rewarded(net), pre, post, amounts)
        return net

    net, weight = learned(), learned().projection.comm.weight.value.mantissa
    assert not np.array_equal(stored(net.projection.comm.weight).mantissa, weight)
    sl.nn.init_all_states(net)
    np.testing.assert_array_equal(net.projection.comm.weight.value.mantissa, weight)


def test_a_run_in_parts_is_the_run_to_the_bit(tools):
    """Also from a saved state, and in a branch: what is put off stays so where one program follows another."""
    (pre, post), amounts = tools.trains(0.03), jnp.asarray(rewards(tools.STEPS))

    def final(run_parts):
        net = tools.Trains(rule(), START * u.mV)
        model = Rewarded(net)
        sl.environ.set(dt=tools.DT * u.ms)
        sl.nn.init_all_states(model)
        run_parts(model)
        return np.asarray(net.projection.comm.weight.value.mantissa)

    part = lambda model, a, b: sl.transform.for_loop(model, pre[a:b], post[a:b], amounts[a:b])  # noqa: E731

    def in_parts(model):
        part(model, 0, 150)
        sl.transform.cond(True, lambda: part(model, 150, 300), lambda: part(model, 0, 150))
        sl.transform.jit(lambda: part(model, 300, 400))()

    def saved(model):
        part(model, 0, 150)
        values = sl.nn.save_states(model)
        part(model, 150, 300)
        sl.nn.load_states(model, values)
        part(model, 150, 400)

    whole = final(lambda model: part(model, 0, 400))
    np.testing.assert_array_equal(final(in_parts), whole)
    np.testing.assert_allclose(final(saved), whole, rtol=0, atol=1e-12)


def test_targets_that_are_a_slice_share_what_is_pending(tools):
    """The weights of the connection that was given are those of the one that the projection made of it."""
    post = sl.LIF(4)
    comm = sl.connect.Connection([0, 1], [0, 2], START * u.mV, 1, 2)
    projection = sl.DeltaProj(comm=comm, post=post[2:], plasticity=rule())
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(projection)
    sl.nn.init_all_states(post)
    for pre, fired in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)):
        post.spike.value = jnp.full(4, fired)
        projection(jnp.full(1, pre))
        projection.plasticity.reward(1.0)
    assert np.all(comm.weight.value.mantissa > START)


def test_gradients_reach_rewards_and_weights(tools):
    pre, post = tools.trains(steps=40)
    net = Rewarded(tools.Trains(rule(), START * u.mV))
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    comm, amounts = net.net.projection.comm, jnp.asarray(rewards(40, 0.3))

    def loss(amounts):
        sl.nn.init_all_states(net)
        comm.weight.value = jnp.full(net.net.sources.size, START) * u.mV
        sl.transform.for_loop(net, pre, post, amounts)
        return (comm.weight.value.mantissa**2).sum()

    slope = sl.transform.grad(loss, argnums=0)(amounts)
    for k in (0, 20):
        step = 1e-5
        change = (loss(amounts.at[k].add(step)) - loss(amounts.at[k].add(-step))) / (2 * step)
        np.testing.assert_allclose(slope[k], change, rtol=1e-5)
        assert change != 0


def test_credits_that_wait_are_credits_at_once(tools):
    """Many spikes of targets between two of a source: lists are full, and clocks start again, 13 ms being short."""
    (pre, post), amounts = (tools.trains(0.01)[0], tools.trains(0.4)[1]), jnp.asarray(rewards(tools.STEPS))

    def end(lazily):
        net = tools.Trains(rule(tau_plus=2.0, tau_c=8.0), START * u.mV)
        if not lazily:
            net.projection.plasticity.update_eagerly()
        delivered = run(tools, Rewarded(net), pre, post, amounts)
        return delivered, net.projection.comm.weight.value.mantissa, net.projection.plasticity.eligibility.mantissa

    late, now = end(True), end(False)
    assert np.ptp(now[1]) > 0.01
    for ours, wanted in zip(late, now, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lazily", [True, False])
def test_the_loop_copies_no_synapses(tools, native, lazily):
    net = tools.Trains(rule(), START * u.mV)
    if not lazily:
        net.projection.plasticity.update_eagerly()
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    on, off = jnp.ones(tools.N_PRE), jnp.ones(tools.N_POST)

    def step():
        net.fire(on, off)
        net.projection.plasticity.reward(0.1)

    body = loop_body(step)
    wanted = ["plastic_reinforce"] if lazily else ["event_scatter", "plastic_credit", "plastic_flush"]
    assert calls(body) == wanted
    assert not copies(body, net.sources.size)


class WithOnPre(DopamineSTDP):
    """A rule of one's own that asks for what this one cannot do."""

    def on_pre(self, w, x):
        return w + x


def test_what_it_cannot_do_is_refused(tools):
    with pytest.raises(
        TypeError, match="DeltaProj: WithOnPre changes eligibilities, which on_pre and on_post are not for"
    ):
        tools.Trains(WithOnPre(**BOUNDS), START * u.mV)
    net = tools.Trains(rule(), START * u.mV)
    with pytest.raises(ValueError, match="twice: the weights of .*comm learn by spikes in DeltaProj already"):
        sl.DeltaProj(comm=net.projection.comm, post=net.post, plasticity=rule(), label="twice")


def test_bad_rewards_are_refused(tools):
    net = tools.Trains(rule(), START * u.mV)
    with pytest.raises(AttributeError, match=r"plasticity\.n does not exist yet"):
        net.projection.plasticity.reward(1.0)
    sl.nn.init_all_states(net)
    with pytest.raises(TypeError, match=r"projection\.plasticity\.reward: amount needs a plain number"):
        net.projection.plasticity.reward(1.0 * u.mV)
    with pytest.raises(ValueError, match=r"reward: amount must be one number; given shape \(2,\)"):
        net.projection.plasticity.reward(jnp.ones(2))
    assert net.projection.plasticity.n.value == 0


class TargetsOnly(DopamineSTDP):
    """Spikes of sources add nothing to the eligibility."""

    @staticmethod
    def change(p, pre, post):
        return DopamineSTDP.change(p, pre, post)._replace(pre=0 * pre.spikes)


def test_spikes_that_change_nothing_deliver_weights_within_their_bounds(tools):
    net = tools.Trains(TargetsOnly(**BOUNDS), START * u.mV)
    pre, post = tools.trains()

    def step(s, r):
        net.post.spike.value, net.post.delta.value = r, 0 * net.post.delta.value
        net.projection(s)
        net.projection.plasticity.reward(-20.0)
        return u.get_mantissa(net.post.delta.value)

    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    delivered = np.asarray(sl.transform.for_loop(step, pre, post))
    rows, low = np.asarray(net.sources), BOUNDS["w_min"].to_decimal(u.mV)
    least = np.array([low * (np.asarray(pre)[:, rows[net.targets == j]]).sum(1) for j in range(tools.N_POST)]).T
    assert (delivered >= least - 1e-9).all()
    assert np.isclose(delivered, least).any(where=least != 0)  # bounds were met
