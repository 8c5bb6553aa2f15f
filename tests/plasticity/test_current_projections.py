"""Rules on projections of values that are computed on the side of the source."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import STDP, DopamineSTDP

BOUNDS = {"A_plus": 0.05, "A_minus": 0.04}


class Net(sl.nn.Module):
    """A projection between neurons that fire as they are told: its weights, and what arrives in each step."""

    def __init__(self, tools, make, weight, delay=None):
        super().__init__()
        trains = tools.Trains(STDP(w_max=1.0 * u.mV), 0.5 * u.mV)  # for its synapses
        indptr = np.append(0, np.bincount(trains.sources, minlength=tools.N_PRE).cumsum())
        self.post = sl.LIF(tools.N_POST)
        comm = sl.connect.Connection(trains.targets, indptr, weight, tools.N_PRE, tools.N_POST)
        self.projection = make(comm=comm, out=sl.CUBA.desc(), post=self.post, delay=delay)

    def update(self, pre, post):
        arriving = self.post.receptors[0].syn
        arriving.g.value = 0 * arriving.g.value
        self.post.spike.value = post
        self.projection(pre)
        if isinstance(self.projection.plasticity, DopamineSTDP):
            self.projection.plasticity.reward(0.1)
        weight = u.get_mantissa(self.projection.comm.weight.value)
        return weight, arriving.g.value.to_decimal(u.mS)


def run(tools, net, pre, post):
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    return sl.transform.for_loop(net, pre, post)


def late(x, steps):
    return np.concatenate([np.zeros_like(x[:steps]), x[:-steps]])


def rule(kind, w_max, **more):
    return kind(w_max=w_max, **BOUNDS, **more)


def dense(tools, net, weights):
    """Weights after each step as matrices."""
    conn, out = net.projection.comm.to_coo(), np.zeros((len(weights), tools.N_PRE, tools.N_POST))
    out[:, conn.sources, conn.targets] = weights
    return out


@pytest.mark.parametrize("kind", [STDP, DopamineSTDP])
@pytest.mark.parametrize("where", ["axon", "dendrite"])
def test_a_current_projection_of_spikes_learns_as_a_delta_projection_does(tools, kind, where):
    pre, post = tools.trains(0.03)
    make = lambda **more: sl.CurrentProj(plasticity=rule(kind, 1.0 * u.mS, delay_in=where), **more)  # noqa: E731
    net = Net(tools, make, 0.4 * u.mS, delay=1.5 * u.ms)
    weights, arrived = (np.asarray(x) for x in run(tools, net, pre, post))
    shifted = (jnp.asarray(late(pre, 3)), post) if where == "axon" else (pre, jnp.asarray(late(post, 3)))
    make = lambda **more: sl.CurrentProj(plasticity=rule(kind, 1.0 * u.mS), **more)  # noqa: E731
    plain = Net(tools, make, 0.4 * u.mS)
    wanted, sent = (np.asarray(x) for x in run(tools, plain, *shifted))
    np.testing.assert_allclose(weights, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(arrived, sent if where == "axon" else late(sent, 3), rtol=0, atol=1e-12)
    by_hand = np.einsum("ti,tij->tj", np.asarray(shifted[0]), dense(tools, plain, wanted))
    np.testing.assert_allclose(sent, by_hand, rtol=0, atol=1e-12)
    assert np.ptp(weights[-1]) > 0.01


@pytest.mark.parametrize("kind", [STDP, DopamineSTDP])
@pytest.mark.parametrize("delay", [None, 1.5 * u.ms])
def test_a_synapse_at_the_source_passes_conductances_and_learns_by_spikes(tools, kind, delay):
    pre, post = tools.trains(0.03)
    make = lambda **more: sl.align_pre_projection(  # noqa: E731
        syn=sl.Expon.desc(tools.N_PRE, tau=5.0 * u.ms), plasticity=rule(kind, 1.0), **more
    )
    net = Net(tools, make, 0.4, delay=delay)
    assert net.projection.plasticity.pending is None  # conductances pass by all weights in every step
    weights, arrived = (np.asarray(x) for x in run(tools, net, pre, post))
    seen = np.asarray(pre) if delay is None else late(pre, 3)
    plain = Net(tools, lambda **more: sl.CurrentProj(plasticity=rule(kind, 1.0 * u.mS), **more), 0.4 * u.mS)
    wanted, _ = run(tools, plain, jnp.asarray(seen), post)
    np.testing.assert_allclose(weights, wanted, rtol=0, atol=1e-12)
    g, conductances = np.zeros(tools.N_PRE), []
    for s in seen:
        g = g + s
        conductances.append(g)
        g = g * np.exp(-tools.DT / 5)
    by_hand = np.einsum("ti,tij->tj", conductances, dense(tools, net, weights))
    np.testing.assert_allclose(arrived, by_hand, rtol=0, atol=1e-12)


def test_short_term_plasticity_in_front_leaves_the_spikes_what_they_are(tools):
    pre, post = tools.trains(0.03)
    syn = {"syn": sl.Expon.desc(tools.N_POST, tau=5.0 * u.ms)}
    stp = sl.STD.desc(tools.N_PRE)
    makes = [
        lambda **more: sl.align_post_projection(plasticity=rule(STDP, 1.0 * u.mS), stp=stp, **syn, **more),
        lambda **more: sl.AlignPostProj(plasticity=rule(STDP, 1.0 * u.mS), **syn, **more),
        lambda **more: sl.CurrentProj(sl.STD(tools.N_PRE), plasticity=rule(STDP, 1.0 * u.mS), **more),
    ]
    ours, wanted, current = (run(tools, Net(tools, make, 0.4 * u.mS), pre, post)[0] for make in makes)
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(current, wanted, rtol=0, atol=1e-12)


def test_conductances_are_no_spikes(tools):
    syn = sl.Expon(tools.N_PRE)
    with pytest.raises(
        TypeError, match=r"E: plasticity acts on spikes, and the Expon in front of comm makes cond.*align_pre"
    ):
        Net(tools, lambda **more: sl.CurrentProj(syn, plasticity=rule(STDP, 1.0), label="E", **more), 0.4)
    net = Net(tools, lambda **more: sl.CurrentProj(plasticity=rule(STDP, 1.0 * u.mS), **more), 0.4 * u.mS)
    sl.environ.set(dt=tools.DT * u.ms)
    sl.nn.init_all_states(net)
    with pytest.raises(TypeError, match=r"plasticity acts on spikes, which needs a plain number; given an array in mS"):
        net.projection(jnp.ones(tools.N_PRE) * u.mS)


def test_comm_must_hold_weights(tools):
    with pytest.raises(TypeError, match="plasticity needs a connection with stored synapses"):
        sl.CurrentProj(comm=lambda x: x, out=sl.CUBA(), post=sl.LIF(2), plasticity=rule(STDP, 1.0))
