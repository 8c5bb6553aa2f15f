"""Plasticity of synapses that have a delay each: the same as a projection for each delay, and as spike by spike."""

from types import SimpleNamespace

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, Clopath, DopamineSTDP, HomeostaticScaling, TripletSTDP, VogelsSprekeler

W_MAX = 1.0 * u.mV
CLOPATH = {"A_LTP": 0.5 / u.mV**2, "A_LTD": 1.0 / u.mV, "theta_plus": 1.0 * u.mV, "theta_minus": 0.5 * u.mV}
RULES = {
    "additive": lambda: STDP(A_plus=0.05, A_minus=0.04, w_max=W_MAX),
    "power": lambda: STDP(A_plus=0.05, A_minus=0.04, mu_plus=0.4, mu_minus=1.0, w_max=W_MAX),
    "nearest": lambda: STDP(A_plus=0.05, A_minus=0.04, pairs="nearest", w_max=W_MAX),
    "triplet": lambda: TripletSTDP(A2_plus=0.01, A2_minus=0.02, A3_plus=0.02, w_max=W_MAX),
    "inhibitory": lambda: VogelsSprekeler(eta=0.02, rate=90.0 * u.Hz, w_max=W_MAX),
    "clopath": lambda: Clopath(**CLOPATH, w_max=W_MAX),
    "dopamine": lambda: DopamineSTDP(tau_c=100.0 * u.ms, A_plus=0.5, A_minus=0.4, b=-20.0 * u.Hz, w_max=W_MAX),
}
LONGEST = 4


def delays(tools):
    """A delay of 0 to four steps for each synapse; rows ascend by it."""
    dense = np.random.default_rng(3).random((tools.N_PRE, tools.N_POST)) < 0.6
    sources, _targets = np.nonzero(dense)
    return dense, np.random.default_rng(5).integers(0, LONGEST + 1, sources.size)


def made(tools, rule, delay_in="axon", own_delay=None, **more):
    if delay_in == "dendrite":
        rule.delay_in = delay_in
    return tools.Trains(rule, 0.4 * u.mV, own_delay=own_delay, **more)


def observer(net, tools):
    """A function from spikes to (weights, arriving input) after each step; the targets have no dynamics."""

    def step(s, r):
        net.post.delta.value = 0 * net.post.delta.value
        if net.post.input_ring is not None:
            net.post.received = net.post.input_ring.add_into(net.post.received)
        net.post.spike.value, net.post.V.value = r, 3.0 * r * u.mV
        net.projection(s)
        weight = u.get_mantissa(net.projection.comm.weight.value)
        return weight, u.get_mantissa(net.post.delta.value)

    sl.environ.set(dt=tools.DT * u.ms)
    run = sl.transform.jit(lambda pre, post: sl.transform.for_loop(step, pre, post))
    weight = net.projection.comm.weight

    def observe(pre, post):
        sl.nn.init_all_states(net)
        weight.value = jnp.full(net.sources.size, 0.4) * u.mV
        return [np.asarray(x) for x in run(pre, post)]

    return observe


def observed(net, tools, pre, post):
    return observer(net, tools)(pre, post)


def sorted_by_delay(net):
    """(source, target, delay) of each synapse in the order of the weights."""
    comm = net.projection.comm
    sources = np.repeat(np.arange(comm.n_pre), comm.out_degree)
    return sources, np.asarray(comm.indices), np.asarray(comm.delay)


def late(spikes, steps):
    return spikes if steps == 0 else jnp.concatenate([jnp.zeros_like(spikes[:steps]), spikes[:-steps]])


@pytest.mark.parametrize("delay_in", ["axon", "dendrite"])
@pytest.mark.parametrize("name", RULES)
def test_each_synapse_learns_as_if_all_had_its_delay(tools, name, delay_in):
    """Against a projection without delays whose spikes are late by hand, for each delay."""
    if name == "clopath" and delay_in == "dendrite":
        pytest.skip("reads V, which has no past in the dendrite")
    pre, post = tools.trains()
    _, own = delays(tools)
    net = made(tools, RULES[name](), delay_in, own_delay=own)
    weights, _ = observed(net, tools, pre, post)
    sources, targets, delay = sorted_by_delay(net)
    one_by_one = observer(made(tools, RULES[name]()), tools)
    for steps in range(LONGEST + 1):
        shifted = (late(pre, steps), post) if delay_in == "axon" else (pre, late(post, steps))
        plain, _ = one_by_one(*shifted)
        at = {pair: k for k, pair in enumerate(zip(*np.nonzero(delays(tools)[0]), strict=True))}
        for k in np.flatnonzero(delay == steps):
            wanted = plain[:, at[sources[k], targets[k]]]
            np.testing.assert_allclose(weights[:, k], wanted, rtol=0, atol=1e-10)
    assert np.ptp(weights[-1]) > 0.1


@pytest.mark.parametrize("delay_in", ["axon", "dendrite"])
def test_what_arrives_is_weighted_where_the_spike_meets_the_synapse(tools, delay_in):
    """In the axon by the weight at the arrival, in the dendrite by that at the departure."""
    pre, post = tools.trains()
    net = made(tools, RULES["additive"](), delay_in, own_delay=delays(tools)[1])
    weights, arriving = observed(net, tools, pre, post)
    wanted = np.zeros_like(arriving)
    for k, (i, j, d) in enumerate(zip(*sorted_by_delay(net), strict=True)):
        spikes = np.asarray(late(pre[:, i], int(d)))
        at_departure = np.asarray(late(jnp.asarray(weights[:, k]), int(d)))
        wanted[:, j] += spikes * (weights[:, k] if delay_in == "axon" else at_departure)
    if delay_in == "dendrite":  # a call fills the ring after its slot was collected: one step later
        wanted = np.asarray(late(jnp.asarray(wanted), 1))
    np.testing.assert_allclose(arriving, wanted, rtol=0, atol=1e-12)


def test_stdp_spike_by_spike(tools):
    """A replay of its own for each synapse."""
    pre, post = tools.trains()
    net = made(tools, RULES["power"](), own_delay=delays(tools)[1])
    weights, _ = observed(net, tools, pre, post)
    fall = np.exp(-tools.DT / 20.0)
    for k, (i, j, d) in enumerate(zip(*sorted_by_delay(net), strict=True)):
        w, x, y = 0.4, 0.0, 0.0
        for step, (s, r) in enumerate(zip(np.asarray(late(pre[:, i], int(d))), np.asarray(post[:, j]), strict=True)):
            x, y = x * fall, y * fall
            if r:
                w = np.clip(w + 0.05 * x * (1 - w) ** 0.4, 0, 1)
            if s:
                w = np.clip(w - 0.04 * y * w, 0, 1)
            x, y = x + s, y + r
            assert abs(weights[step, k] - w) < 1e-12


@pytest.mark.parametrize("delay_in", ["axon", "dendrite"])
@pytest.mark.parametrize("name", ["additive", "power", "triplet", "dopamine"])
def test_native_code_equals_the_reference(tools, native, monkeypatch, name, delay_in):
    from spikeloop.kernels import _library

    results = []
    for is_native in (True, False):
        if not is_native:
            monkeypatch.setattr(_library, "has", lambda *_: False)
        net = made(tools, RULES[name](), delay_in, own_delay=delays(tools)[1])
        results.append(observed(net, tools, *tools.trains()))
    for ours, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("delay_in", ["axon", "dendrite"])
def test_equal_delays_are_one_delay(tools, delay_in):
    pre, post = tools.trains()
    sl.environ.set(dt=tools.DT * u.ms)
    own = made(tools, RULES["triplet"](), delay_in, own_delay=np.full(delays(tools)[1].size, 3))
    one = made(tools, RULES["triplet"](), delay_in, delay=3 * tools.DT * u.ms)
    np.testing.assert_allclose(
        observed(own, tools, pre, post)[0], observed(one, tools, pre, post)[0], rtol=0, atol=1e-12
    )


def test_a_run_in_two_parts_is_one_run(tools):
    pre, post = tools.trains()
    nets = [made(tools, RULES["additive"](), own_delay=delays(tools)[1]) for _ in range(2)]
    sl.environ.set(dt=tools.DT * u.ms)
    for net in nets:
        sl.nn.init_all_states(net)
    whole = sl.transform.for_loop(nets[0], pre, post)
    parts = [sl.transform.for_loop(nets[1], pre[a:b], post[a:b]) for a, b in ((0, 101), (101, tools.STEPS))]
    np.testing.assert_array_equal(whole.mantissa, np.concatenate([part.mantissa for part in parts]))


def test_homeostasis_alone_delivers_after_the_delay_of_each_synapse(tools):
    pre, post = tools.trains()
    rule = HomeostaticScaling(w_max=W_MAX, rate=1.0 * u.Hz, tau_w=1e7 * u.ms, every=1e6 * u.ms)
    net = made(tools, rule, own_delay=delays(tools)[1])
    _, arriving = observed(net, tools, pre, post)
    wanted = np.zeros_like(arriving)
    for i, j, d in zip(*sorted_by_delay(net), strict=True):
        wanted[:, j] += 0.4 * np.asarray(late(pre[:, i], int(d)))
    np.testing.assert_allclose(arriving, wanted, rtol=1e-12)


def test_a_rule_of_ones_own_with_another_dependence(tools):
    class Own(STDP):
        def on_post(self, w, x):
            return w + x * (1 - w)

        def on_pre(self, w, x):
            return w + x * w

    pre, post = tools.trains()
    own = made(tools, Own(A_plus=0.05, A_minus=0.04, w_max=W_MAX), own_delay=delays(tools)[1])
    native = made(tools, STDP(A_plus=0.05, A_minus=0.04, mu_plus=1.0, mu_minus=1.0, w_max=W_MAX),
                  own_delay=delays(tools)[1])  # fmt: skip
    np.testing.assert_allclose(
        observed(own, tools, pre, post)[0], observed(native, tools, pre, post)[0], rtol=0, atol=1e-12
    )


def test_gradients_through_the_weights(tools):
    pre, post = tools.trains(steps=40)
    net = made(tools, RULES["power"](), own_delay=delays(tools)[1])
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    weight = net.projection.comm.weight
    start = jnp.linspace(0.2, 0.8, net.sources.size)

    def loss(x):
        sl.nn.init_all_states(net)
        weight.value = x * u.mV
        sl.transform.for_loop(net, pre, post)
        return (u.get_mantissa(weight.value) ** 2).sum()

    slope = sl.transform.grad(loss, argnums=0)(start)
    for k in (0, 7):
        change = (loss(start.at[k].add(1e-6)) - loss(start.at[k].add(-1e-6))) / 2e-6
        np.testing.assert_allclose(slope[k], change, rtol=1e-5)


def test_conductances_of_a_diehl_and_cook_layer(tools):
    """Excitation with a delay of 0 to 10 ms for each synapse, which is why this exists."""
    sl.environ.set(dt=0.5 * u.ms, precision=32)
    rng = np.random.default_rng(0)
    neurons = sl.LIFRef(20, V_rest=-65.0 * u.mV, V_th=-62.0 * u.mV, V_reset=-65.0 * u.mV, tau=100.0 * u.ms,
                        R=0.2 * u.kohm, tau_ref=5.0 * u.ms, V_initializer=sl.init.Constant(-65.0 * u.mV))  # fmt: skip
    sl.random.seed(1)
    comm = sl.connect.AllToAll(sl.init.Uniform(0.0 * u.mS, 0.3 * u.mS),
                               delay=sl.init.Uniform(0.0 * u.ms, 10.0 * u.ms))(50, 20)  # fmt: skip
    projection = sl.AlignPostProj(
        comm=comm, syn=sl.Expon.desc(20, tau=1.0 * u.ms), out=sl.COBA.desc(E=0.0 * u.mV), post=neurons,
        plasticity=STDP(A_plus=0.01, A_minus=1e-4, mu_plus=0.2, w_max=1.0 * u.mS),
    )  # fmt: skip
    net = SimpleNamespace(neurons=neurons, projection=projection)
    for module in vars(net).values():
        sl.nn.init_all_states(module)

    def step(spikes):
        projection(spikes)
        return neurons()

    before = np.asarray(comm.weight.value.mantissa)
    spikes = sl.transform.for_loop(step, jnp.asarray(rng.random((400, 50)) < 0.05))
    assert np.asarray(spikes).sum() > 20
    after = np.asarray(comm.weight.value.mantissa)
    assert np.isfinite(after).all()
    assert (np.abs(after - before) > 1e-3).mean() > 0.5
