"""Rules on projections: delays, units, weights, and what is refused."""

import re

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, Clopath, DopamineSTDP, Plasticity, TripletSTDP, VogelsSprekeler

from tests.helpers.hlo import calls, copies, loop_body

TOLD = {"w_max": 1.0 * u.mV, "A_plus": 0.05, "A_minus": 0.04}


def delivered(net, pre, post):
    """(weights, waiting jumps) after each step, each call of the projection on an empty buffer."""

    def step(s, r):
        net.post.delta.value = 0 * net.post.delta.value
        weight = net(s, r)
        return u.get_mantissa(weight), u.get_mantissa(net.post.delta.value)

    sl.environ.set(dt=0.5 * u.ms)
    sl.nn.init_all_states(net)
    return sl.transform.for_loop(step, pre, post)


def late(spikes, steps):
    return jnp.concatenate([jnp.zeros_like(spikes[:steps]), spikes[:-steps]])


@pytest.mark.parametrize("where", ["projection", "connection"])
@pytest.mark.parametrize("delay_in", ["axon", "dendrite"])
def test_a_delay_in_axon_or_dendrite(tools, delay_in, where):
    sl.environ.set(dt=0.5 * u.ms)
    pre, post = tools.trains()
    delay = {"delay": 1.5 * u.ms} if where == "projection" else {"own_delay": 1.5 * u.ms}
    net = tools.Trains(STDP(delay_in=delay_in, **TOLD), 0.4 * u.mV, **delay)
    weights, jumps = delivered(net, pre, post)
    shifted = (late(pre, 3), post) if delay_in == "axon" else (pre, late(post, 3))
    plain_weights, plain_jumps = delivered(tools.Trains(STDP(**TOLD), 0.4 * u.mV), *shifted)
    np.testing.assert_allclose(weights, plain_weights, rtol=0, atol=1e-12)
    wanted = plain_jumps if delay_in == "axon" else late(plain_jumps, 3)
    np.testing.assert_allclose(jumps, wanted, rtol=0, atol=1e-12)


def test_weights_change_before_they_deliver(tools):
    pre, post = tools.trains()
    net = tools.Trains(STDP(**TOLD), 0.4 * u.mV)
    weights, jumps = delivered(net, pre, post)
    wanted = np.zeros_like(jumps)
    for k, (i, j) in enumerate(zip(net.sources, net.targets, strict=True)):
        wanted[:, j] += np.asarray(pre)[:, i] * np.asarray(weights)[:, k]
    np.testing.assert_allclose(jumps, wanted, rtol=0, atol=1e-12)


def test_conductances_learn_in_their_own_unit(tools):
    """Weights in nS into a conductance in mS: the same rule as with jumps, in the unit of the target."""
    pre, post = tools.trains()
    synapse = {"syn": sl.Expon.desc(tools.N_POST, tau=5.0 * u.ms), "out": sl.CUBA.desc(scale=u.volt)}
    rule = STDP(A_plus=0.05, A_minus=0.04, w_max=1e6 * u.nS)
    net = tools.Trains(rule, 4e5 * u.nS, projection=sl.AlignPostProj, **synapse)
    plain = tools.Trains(STDP(**TOLD), 0.4 * u.mV)
    ours = tools.run(net, pre, post)
    assert net.projection.comm.weight.value.unit == u.mS
    np.testing.assert_allclose(ours, tools.run(plain, pre, post), rtol=0, atol=1e-12)


def test_one_weight_becomes_one_for_each_synapse_and_states_reset(tools):
    pre, post = tools.trains()
    net = tools.Trains(STDP(**TOLD), 0.4 * u.mV)
    state = net.projection.comm.weight
    assert state.value.shape == net.sources.shape
    first = tools.run(net, pre, post)
    assert np.any(np.asarray(net.projection.plasticity.x.value) > 0)
    state.value = jnp.full(net.sources.size, 0.4) * u.mV
    np.testing.assert_array_equal(tools.run(net, pre, post), first)
    assert net.projection.comm.weight is state


def test_gradients_through_the_weights(tools):
    """The final weights' slope with respect to the first ones, against differences."""
    pre, post = tools.trains(steps=40)
    rule = STDP(mu_plus=1.0, mu_minus=1.0, **TOLD)
    net = tools.Trains(rule, 0.4 * u.mV)
    sl.environ.set(dt=0.5 * u.ms)
    sl.nn.init_all_states(net)
    weight = net.projection.comm.weight
    start = jnp.linspace(0.2, 0.8, net.sources.size)

    def loss(x):
        sl.nn.init_all_states(net)
        weight.value = x * u.mV
        sl.transform.for_loop(net, pre, post)
        return (u.get_mantissa(weight.value) ** 2).sum()

    slope = sl.transform.grad(loss, argnums=0)(start)
    step = 1e-6
    for k in (0, 7):
        change = (loss(start.at[k].add(step)) - loss(start.at[k].add(-step))) / (2 * step)
        np.testing.assert_allclose(slope[k], change, rtol=1e-5)


def test_the_loop_copies_no_weights(tools, native):
    net = tools.Trains(STDP(**TOLD), 0.4 * u.mV)
    sl.environ.set(dt=0.5 * u.ms)
    sl.nn.init_all_states(net)
    on, off = jnp.ones(tools.N_PRE), jnp.ones(tools.N_POST)
    body = loop_body(lambda: net.fire(on, off))
    assert calls(body) == ["plastic_learn"]
    assert not copies(body, net.sources.size)


def refusal(tools, rule=None, comm=None, **more):
    post = sl.LIF(tools.N_POST)
    comm = sl.connect.FixedOutDegree(2, 0.1 * u.mV) if comm is None else comm
    rule = STDP(**TOLD) if rule is None else rule
    with pytest.raises((TypeError, ValueError)) as error:
        sl.DeltaProj(comm=comm, pre=tools.N_PRE, post=post, plasticity=rule, label="E", **more)
    return str(error.value)


def test_connections_without_stored_weights_are_refused(tools):
    procedural = sl.connect.Procedural(sl.connect.FixedProb(0.5, 0.1 * u.mV))
    assert "E: plasticity changes stored weights" in refusal(tools, comm=procedural)
    layer = sl.nn.Linear(tools.N_PRE, tools.N_POST, w_init=sl.init.Constant(0.1 * u.mV), b_init=None)
    assert "E: plasticity needs a connection with stored synapses" in refusal(tools, comm=layer)
    assert "stored synapses" in refusal(tools, comm=lambda spikes: spikes)


def test_other_things_than_rules_and_rules_in_use_are_refused(tools):
    assert "plasticity must be a rule" in refusal(tools, rule="STDP")
    rule = STDP(**TOLD)
    tools.Trains(rule, 0.4 * u.mV)
    assert "belongs to another projection" in refusal(tools, rule=rule)


def test_a_unit_that_is_not_the_weights_is_refused(tools):
    assert re.search("E: STDP: w_max needs .*mV", refusal(tools, rule=STDP(w_max=1.0 * u.nS)))


def test_batches_are_refused(tools):
    net = tools.Trains(STDP(**TOLD), 0.4 * u.mV)
    sl.environ.set(dt=0.5 * u.ms)
    with pytest.raises(ValueError, match=r"plasticity: all samples of a batch share the weights"):
        sl.nn.init_all_states(net, batch_size=3)


@pytest.mark.parametrize("kind", [STDP, TripletSTDP, VogelsSprekeler, Clopath, DopamineSTDP])
def test_constants_are_checked_in_the_constructor(kind):
    bounds = {"w_max": 1.0 * u.mV}
    for name, declared in kind.params.items():
        if not declared.positive and name not in kind.rates:
            continue  # thresholds may have any sign
        unit = u.mV if name in kind.rates and name != "rate" else u.nA
        with pytest.raises(TypeError, match=f"{kind.__name__}: {name} needs"):
            kind(**{name: 1.0 * unit}, **bounds)
        with pytest.raises(ValueError, match=f"{kind.__name__}: {name} must"):
            kind(**{name: -1.0 * declared.unit if not declared.unit.is_unitless else -1.0}, **bounds)
    with pytest.raises(TypeError, match="needs w_max"):
        kind()
    with pytest.raises(ValueError, match="w_min must lie below w_max"):
        kind(w_min=2.0 * u.mV, **bounds)
    with pytest.raises(TypeError, match="w_min needs"):
        kind(w_min=0.0, **bounds)
    with pytest.raises(ValueError, match="delay_in must be 'axon' or 'dendrite'"):
        kind(delay_in="soma", **bounds)


def test_pairs_are_all_or_nearest():
    with pytest.raises(ValueError, match="pairs must be 'all' or 'nearest'"):
        STDP(pairs="some", **TOLD)


def test_a_rule_that_reads_V_has_its_delay_in_the_axon(tools):
    assert "E: Clopath reads V" in refusal(tools, rule=Clopath(w_max=1.0 * u.mV, delay_in="dendrite"))


def test_a_rule_defines_change():
    with pytest.raises(NotImplementedError, match="Plasticity does not define change"):
        Plasticity.change(None, None, None)
