"""An array as the delay of a projection: one for each source, or, with a rule, in all shapes that a rule takes."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from delayed import EDGES, N, Net, connection, dense, random_spikes, run
from spikeloop._errors import ShapeError
from spikeloop.connect import AllToAll, Blocks, FixedProb, OneToOne, Procedural

EACH = np.array([2, 0, 5, 1, 7])
TIMES = EACH * 0.1 * u.ms
STEPS = EACH[np.array(EDGES)[:, 0]]


@pytest.mark.parametrize("kind", ["delta", "synapse"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_each_source_has_its_delay(kind, order):
    spikes = random_spikes(60)
    ours = run(Net(kind, order, None, delay=TIMES), spikes)
    wanted = dense(kind, spikes, STEPS, late=0 if order == "before" else 1)
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


def test_each_source_has_its_delay_in_a_batch_and_in_two_runs():
    spikes = random_spikes(40, 3)
    whole = run(net := Net("delta", "before", None, delay=TIMES), spikes, batch_size=3)
    np.testing.assert_allclose(whole, dense("delta", spikes, STEPS), rtol=1e-4, atol=1e-5)
    first = run(net, spikes[:11], batch_size=3)
    rest = sl.transform.for_loop(net.update, jnp.asarray(spikes[11:]))
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)


def test_a_function_with_a_delay_for_each_source_of_a_population_with_two_axes():
    sl.environ.set(dt=0.1 * u.ms)
    net = Net("delta")
    source, delay = sl.LIF((2, 3)), np.arange(6).reshape(2, 3)
    total = lambda spikes: spikes.sum(-1).sum(-1, keepdims=True) * np.ones(N) * u.mV  # noqa: E731
    net.proj = sl.DeltaProj(comm=total, pre=source, post=net.N, delay=delay * 0.1 * u.ms)
    sl.nn.init_all_states(net)
    spikes = np.zeros((8, 2, 3), np.float32)
    spikes[1] = 1.0
    V = np.asarray(sl.transform.for_loop(net.update, jnp.asarray(spikes)))[:, 0]
    arrived = V - np.exp(-0.1 / 20) * np.append(0, V[:-1])
    np.testing.assert_allclose(arrived, [0, 1, 1, 1, 1, 1, 1, 0], atol=1e-5)


@pytest.mark.parametrize(
    "delay",
    [
        np.arange(1, 6)[:, None] * 0.1 * u.ms,
        np.arange(1, 6)[None] * 0.1 * u.ms,
        (1 + np.arange(25) % 7).reshape(5, 5) * 0.1 * u.ms,
        (1 + np.arange(25) % 7) * 0.1 * u.ms,
        lambda i, j: (1 + (i * j) % 4) * 0.1 * u.ms,
        sl.init.Uniform(0.1 * u.ms, 2.0 * u.ms),
    ],
)
def test_a_rule_takes_the_delay_of_its_projection(delay):
    sl.environ.set(dt=0.1 * u.ms)
    weight = np.arange(25.0).reshape(5, 5) * u.mV
    rule = AllToAll(weight, seed=1)
    proj = sl.DeltaProj(comm=rule, pre=5, post=sl.LIF(5), delay=delay)
    wanted = AllToAll(weight, delay=delay, seed=1)(5, 5)
    assert rule.delay is None
    assert proj.delay is None
    np.testing.assert_array_equal(proj.comm.delay, wanted.delay)
    np.testing.assert_array_equal(proj.comm.weight.value.mantissa, wanted.weight.value.mantissa)


def test_an_array_of_the_shape_of_the_source_is_for_each_source_also_of_a_rule():
    spikes = random_spikes(40)
    net = Net("delta")
    net.proj = sl.DeltaProj(comm=OneToOne(1.0 * u.mV), pre=N, post=net.N, delay=TIMES)
    ours = run(net, spikes)
    net.proj = sl.DeltaProj(comm=OneToOne(1.0 * u.mV, delay=EACH), pre=N, post=net.N)
    np.testing.assert_allclose(ours, run(net, spikes), rtol=1e-6)
    net.proj = sl.DeltaProj(comm=Procedural(OneToOne(1.0 * u.mV)), pre=N, post=net.N, delay=TIMES)
    np.testing.assert_allclose(ours, run(net, spikes), rtol=1e-6)


@pytest.mark.parametrize(
    ("comm", "error", "message"),
    [
        (connection(u.mV, None), ShapeError, r"exc: delay must be one time, or one for each source in an array of "
         r"shape \(5,\); given shape \(5, 1\)\. A delay for each synapse belongs to the rule"),
        (connection(u.mV, 2), ValueError, "exc: delays are given twice"),
        (FixedProb(1.0, 1.0 * u.mV, delay=1), ValueError, r"exc: delays are given twice, .*rule FixedProb\(1\)"),
        (Blocks([5], [5], {(0, 0): OneToOne(1.0 * u.mV)}), ValueError, "rules of Blocks.* have delays of their own"),
        (Procedural(OneToOne(1.0 * u.mV)), ShapeError, "delay must be one time or a distribution"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(comm, error, message):
    sl.environ.set(dt=0.1 * u.ms)
    with pytest.raises(error, match=message):
        sl.DeltaProj(comm=comm, pre=N, post=sl.LIF(N), delay=EACH[:, None] * 0.1 * u.ms, label="exc")


def test_in_the_dendrite_all_synapses_have_one_delay():
    stdp = sl.plasticity.STDP(w_max=9.0 * u.mV, delay_in="dendrite")
    with pytest.raises(ValueError, match="exc: in the dendrite, all synapses have one delay"):
        sl.DeltaProj(comm=connection(u.mV, None), post=sl.LIF(N), delay=TIMES, plasticity=stdp, label="exc")
