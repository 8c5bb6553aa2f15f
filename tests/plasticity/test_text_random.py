"""Synapses in text that draw numbers or read the time."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _random
from spikeloop.plasticity._text_rule import NeuronwiseRule, SynapsewiseRule

from .conftest import DT, Trains, trains

pytestmark = pytest.mark.filterwarnings("ignore:.*synapses in every step")
TO_ALL = np.ones((40, 50), bool)


def uniform(keys, count, n):
    """The numbers of each step by the definition: word i + k n of the key of the step, as a part of 2³²."""
    found = [_random._reference(jax.random.key_data(key), np.uint32(0), shape=(count * n,))[0] for key in keys]
    return np.asarray(found).reshape(-1, count, n) * 2.0**-32


def keys(steps):
    sl.random.seed(7)
    found = [sl.random.split_key() for _ in range(steps)]
    sl.random.seed(7)
    return found


def delivered(rule, steps, dense=TO_ALL):
    """The jumps in V of each target and step, where all sources spike in every step."""
    net = Trains(rule, 1.0 * u.mV, dense=dense)
    sl.nn.init_all_states(net)

    def step():
        net.post.delta.value = 0 * net.post.delta.value
        net.fire(jnp.ones(dense.shape[0]), jnp.zeros(dense.shape[1]))
        return net.post.delta.value

    return u.get_mantissa(sl.transform.for_loop(step, length=steps)), net


def test_each_synapse_releases_at_random_by_the_numbers_of_its_step():
    sl.environ.set(dt=DT * u.ms)
    Release = sl.Synapse.from_equations("w : mV", on_pre="g_post += w*int(rand() < p)", p=0.3)
    assert issubclass(Release, SynapsewiseRule)
    numbers = uniform(keys(6), 1, TO_ALL.size)[:, 0].reshape(6, *TO_ALL.shape)
    found, _ = delivered(Release(), 6)
    np.testing.assert_array_equal(found, (numbers < 0.3).sum(1))


def test_numbers_of_a_text_are_independent_and_normal():
    sl.environ.set(dt=DT * u.ms)
    Drawn = sl.Synapse.from_equations("w : mV\nx : 1\ny : 1\nhalf = rand()/2 : 1", on_pre="x = randn(); y = half")
    first, second, third = uniform(keys(2), 3, TO_ALL.size)[1]
    _, net = delivered(Drawn(), 2)
    x, y = net.projection.plasticity.x.value, net.projection.plasticity.y.value
    by_place = np.sqrt(-2 * np.log1p(-second)) * np.cos(2 * np.pi * third)  # the equation stands before on_pre
    np.testing.assert_allclose(y, first / 2, rtol=1e-12)
    np.testing.assert_allclose(x, by_place, rtol=1e-9, atol=1e-12)


def test_a_weight_may_walk():
    sl.environ.set(dt=DT * u.ms)
    Walk = sl.Synapse.from_equations("dw/dt = (mean - w)/tau + s*sqrt(2/tau)*xi : mV", mean=1 * u.mV, s=0.2 * u.mV,
                                     tau=5 * u.ms)  # fmt: skip
    _, net = delivered(Walk(), 200, np.ones((80, 100), bool))
    w = net.projection.comm.weight.value.mantissa
    assert w.mean() == pytest.approx(1, abs=5 * 0.2 / np.sqrt(w.size))
    assert w.std() == pytest.approx(0.2, rel=0.08)  # Euler's method: 0.2/√(1 − dt/2τ)


def timed(rule, pre, post):
    """The weights after each step, run with the time of each step."""
    sl.environ.set(dt=DT * u.ms)
    net = Trains(rule, 0.5 * u.mV)
    sl.nn.init_all_states(net)

    def step(i, pre, post):
        with sl.environ.context(i=i, t=i * DT * u.ms):
            net(pre, post)
        return net.projection.comm.weight.value, net.post.delta.value

    found = sl.transform.for_loop(step, np.arange(len(pre)), pre, post)
    return [np.asarray(u.get_mantissa(x)) for x in found]


EVENT_DRIVEN = {
    "model": "w : mV\nuse : 1\nx : 1\nlastupdate : ms",
    "on_pre": """
        use = use*exp(-(t + dt - lastupdate)/tau_f)
        x = 1 - (1 - x)*exp(-(t + dt - lastupdate)/tau_d)
        use += U*(1 - use)
        g_post += w*use*x
        x -= use*x
        lastupdate = t + dt""",
    "tau_d": 50.0 * u.ms, "tau_f": 100.0 * u.ms, "U": 0.3, "x": 1.0,
}  # fmt: skip
CLOCK_DRIVEN = {
    "model": "w : mV\ndx/dt = (1 - x)/tau_d : 1\nduse/dt = -use/tau_f : 1",
    "on_pre": "use += U*(1 - use); g_post += w*use*x; x -= use*x",
    "tau_d": 50.0 * u.ms, "tau_f": 100.0 * u.ms, "U": 0.3, "x": 1.0,
}  # fmt: skip


def test_time_since_the_last_spike_is_as_good_as_an_equation():
    pre, post = trains(steps=150)
    by_time = sl.Synapse.from_equations(**EVENT_DRIVEN)
    assert issubclass(by_time, NeuronwiseRule)
    (_, one), (_, other) = timed(by_time(), pre, post), timed(sl.Synapse.from_equations(**CLOCK_DRIVEN)(), pre, post)
    assert np.ptp(one) > 0.1
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("factor", ["exp(-t/tau)*y", "clip"])
def test_changes_that_follow_the_time(factor):
    change = f"w + A*x*{factor}" if factor != "clip" else "clip(w + A*x, 0*mV, high*exp(-t/tau))"
    high = {"high": 0.8 * u.mV} if factor == "clip" else {}
    rule = sl.Synapse.from_equations(
        "w : mV\ndx/dt = -x/tau : 1\ndy/dt = -y/tau : 1",
        on_pre="x += 1", on_post=f"y += 1; w = {change}", tau=30.0 * u.ms, A=0.1 * u.mV, **high,
    )  # fmt: skip
    assert issubclass(rule, SynapsewiseRule if factor == "clip" else NeuronwiseRule)
    assert getattr(rule, "lazy_trace", None) == (None if factor == "clip" else "x")
    pre, post = trains(steps=100)
    found, _ = timed(rule(), pre, post)
    net = Trains(None, 0.5 * u.mV)
    x, y, w = np.zeros(7), np.zeros(5), np.full(net.sources.size, 0.5)
    for k, (s, r) in enumerate(zip(np.asarray(pre), np.asarray(post), strict=True)):
        x, y, now = x * np.exp(-DT / 30), y * np.exp(-DT / 30), np.exp(-k * DT / 30)
        y = y + r
        raised = w + 0.1 * x[net.sources] * (1 if factor == "clip" else now * y[net.targets])
        raised = np.clip(raised, 0, 0.8 * now) if factor == "clip" else raised
        w = np.where(r[net.targets] > 0, raised, w)
        x = x + s
        np.testing.assert_allclose(found[k], w, rtol=1e-9)
