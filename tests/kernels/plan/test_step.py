"""Steps of loops as one operation: what is joined, and that nothing changes by it."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import calls, copies, loop_body, outer_calls
from spikeloop.kernels import _record
from spikeloop.transform import _loops

pytestmark = pytest.mark.usefixtures("native")


@pytest.fixture(params=[False, True], ids=["separate", "joined"])
def joined(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(_loops, "as_step", lambda closed, fixed: closed)
    return request.param


class Net(sl.nn.Module):
    """A population with three projections to itself, of which one has a delay, and the counts of its spikes."""

    def __init__(self, n=100):
        super().__init__()
        self.N = sl.LIFRef(n, tau=20.0 * u.ms, V_th=20.0 * u.mV, tau_ref=2.0 * u.ms)
        rule = sl.connect.FixedOutDegree
        self.E = sl.DeltaProj(comm=rule(10, 0.5 * u.mV, seed=1), pre=80, post=self.N)
        self.I = sl.DeltaProj(comm=rule(10, -2.5 * u.mV, seed=2), pre=20, post=self.N)
        self.D = sl.DeltaProj(comm=rule(5, 0.3 * u.mV, delay=1.5 * u.ms, seed=3), pre=n, post=self.N)

    def update(self, current=30.0):
        spikes = self.N.get_spike()
        self.E(spikes[..., :80])
        self.I(spikes[..., 80:])
        self.D(spikes)
        return self.N(current * u.mA)


def build(batch=None):
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(1)
    return sl.nn.init_all_states(Net(), **({} if batch is None else {"batch_size": batch}))


def run(net, steps=300):
    """The spikes of each step, and all States afterwards."""
    spikes = sl.transform.for_loop(net.update, 20.0 + jnp.arange(steps) * 0.1)
    return [np.asarray(x) for x in jax.tree.leaves((spikes, [s.value for s in net.states().values()]))]


def separately(monkeypatch, function):
    with monkeypatch.context() as patch:
        patch.setattr(_loops, "as_step", lambda closed, fixed: closed)
        return function()


@pytest.mark.parametrize("batch", [None, 3])
def test_results_are_the_same_bits(monkeypatch, batch):
    expected = separately(monkeypatch, lambda: run(build(batch)))
    found = run(build(batch))
    assert expected[0].sum() > 0
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def test_calls_of_a_step_are_one_call_that_copies_nothing(joined):
    net = build()
    body = loop_body(lambda: net.update() * 0)
    alone = ["event_relay", "event_scatter", "event_scatter", "program"]
    assert calls(body) == alone
    assert outer_calls(body) == (["sequence"] if joined else alone)
    assert copies(body, 80) == []


def test_numbers_and_empty_arrays_are_no_operands(joined):
    net = build()
    (line,) = [line for line in loop_body(lambda: net.update() * 0) if '"spikeloop.sequence"' in line] or [""]
    assert ("s32[0]" in line, "constant" in line.partition("custom-call(")[2].partition(")")[0]) == (False, False)


def test_a_call_that_needs_what_xla_makes_starts_another_sequence():
    a, b = sl.nn.init_all_states(sl.LIF(50)), sl.nn.init_all_states(sl.LIF(50))
    c, d = sl.nn.init_all_states(sl.LIF(50)), sl.nn.init_all_states(sl.LIF(50))
    sl.environ.set(dt=0.1 * u.ms)

    def step():
        cumulated = jnp.cumsum(a(20.0 * u.mA) + b(30.0 * u.mA))
        c(cumulated * u.mA)
        d(cumulated * u.mA)

    assert outer_calls(loop_body(step)) == ["sequence", "sequence"]


def test_what_is_the_same_in_every_step_is_no_part_of_it():
    net, still = build(), jnp.zeros(100).at[3].set(1.0)
    ring = sl.connect.FixedOutDegree(10, 1.0, seed=1)(100, 100)

    def step():
        net.N(ring(still) * u.mA)

    assert outer_calls(loop_body(step)) == ["program"]  # the other call stands before the loop


def test_a_state_that_is_read_after_it_is_replaced_keeps_its_value(monkeypatch):
    def both():
        neuron = sl.nn.init_all_states(sl.LIF(50))
        other = sl.nn.init_all_states(sl.LIF(50))
        sl.environ.set(dt=0.1 * u.ms)

        def step():
            before = neuron.V.value
            neuron(30.0 * u.mA)
            other(before / u.mV * u.mA)
            return before

        return np.asarray(u.get_magnitude(sl.transform.for_loop(step, length=50))), np.asarray(other.V.value.mantissa)

    for a, b in zip(separately(monkeypatch, both), both(), strict=True):
        assert np.array_equal(a, b)


def test_a_state_that_a_call_returns_as_it_is_does_not_end_the_sequence(monkeypatch):
    def net():
        sl.environ.set(dt=0.1 * u.ms)
        N = sl.LIFRef(100, tau=20.0 * u.ms, V_th=20.0 * u.mV, tau_ref=2.0 * u.ms)
        delay = sl.init.Uniform(0.1 * u.ms, 1.0 * u.ms)
        rule = sl.connect.FixedOutDegree(600, 0.05 * u.mV, delay=delay, seed=1)  # long rows: spikes wait in a queue
        return sl.nn.init_all_states(sl.Network(P=sl.DeltaProj(N.prefetch("spike"), comm=rule, pre=N, post=N), N=N))

    def step(net):
        net.P()
        return net.N(30.0 * u.mA)

    def both():
        made = net()
        spikes = sl.transform.for_loop(lambda: step(made), length=400)
        return [np.asarray(x) for x in jax.tree.leaves((spikes, [s.value for s in made.states().values()]))]

    made = net()
    assert outer_calls(loop_body(lambda: step(made))) == ["sequence"]
    for a, b in zip(separately(monkeypatch, both), both(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_unused_results_leave_their_calls_out():
    net = build()

    def step():
        sl.connect.FixedOutDegree(10, 1.0, seed=1)  # no call
        return net.update()

    text = sl.transform.jit(lambda: sl.transform.for_loop(step, length=5)[0] * 0).lower().compile().as_text()
    assert "spikeloop.sequence" in text


def test_derivatives_are_those_of_the_separate_calls(monkeypatch):
    def slopes():
        net = build()
        start = net.N.V.value.mantissa

        def loss(start):
            net.N.V.value = start * u.mV
            return sl.transform.for_loop(net.update, 25.0 + jnp.zeros(40)).sum()

        return sl.transform.grad(loss)(start), sl.transform.jvp(loss, (start,), (jnp.ones_like(start),))[1]

    expected, found = separately(monkeypatch, slopes), slopes()
    assert float(jnp.abs(expected[0]).sum()) > 0
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)


def test_lanes_of_vmap_are_joined_and_the_same(monkeypatch):
    def lanes():
        net = build()

        def final(current):
            sl.transform.for_loop(lambda: net.update(current), length=100)
            return net.N.V.value.mantissa

        return sl.transform.jit(sl.transform.vmap(final, out_states={0: list(net.states().values())}))

    currents = jnp.linspace(20.0, 40.0, 3)
    expected = separately(monkeypatch, lambda: np.asarray(lanes()(currents)))
    assert np.array_equal(expected, np.asarray(lanes()(currents)))
    assert "spikeloop.sequence" in lanes().lower(currents).compile().as_text()


@pytest.mark.parametrize("n", [0, 1, 7])
def test_records_and_populations_of_any_size(monkeypatch, n):
    def records():
        net = build()
        neurons = net.N[:n]

        def step():
            net.update()
            spikes = neurons.get_spike()
            return _record.pack(spikes), _record.count(spikes, ((0, n),))

        return jax.tree.map(np.asarray, sl.transform.for_loop(step, length=300))

    expected, found = separately(monkeypatch, records), records()
    assert (n == 0) == (expected[1].sum() == 0)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def test_an_error_of_a_call_names_the_call():
    net = build()
    net.E.comm.indices = jnp.full_like(net.E.comm.indices, 200)
    with pytest.raises(Exception, match="event_scatter: 'indices' holds 200"):
        jax.block_until_ready(run(net))


def test_one_and_two_threads_give_the_same_bits():
    before, results = sl.get_num_threads(), []
    try:
        for threads in (1, 2):
            sl.set_num_threads(threads)
            results.append(run(build()))
    finally:
        sl.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)
