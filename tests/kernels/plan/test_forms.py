"""Spikes as bits inside of joined calls: the results are the same, whatever the spikes are."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import calls, loop_body
from spikeloop.kernels.plan import _sequence
from spikeloop.transform import _loops

pytestmark = pytest.mark.usefixtures("native")


class Net(sl.nn.Module):
    """A population with two projections to itself, whose spikes are counted."""

    def __init__(self, population, n=203):
        super().__init__()
        self.N = population(n)
        self.E = self._projection(150, 0.5, 0)
        self.I = self._projection(n - 150, -1.0, 1)
        self.count = sl.State(jnp.zeros(n))

    def _projection(self, n_pre, weight, seed):
        comm = sl.connect.FixedOutDegree(10, weight * u.mV, seed=seed)
        return sl.DeltaProj(comm=comm, pre=n_pre, post=self.N)

    def update(self, current):
        spikes = self.N.get_spike()
        self.E(spikes[:150])
        self.I(spikes[150:])
        new = self.N(current * u.mA)
        self.count.value += new
        return new


POPULATIONS = {
    "refractory": lambda n: sl.LIFRef(n, V_th=20.0 * u.mV, tau_ref=1.0 * u.ms),
    "hard reset": lambda n: sl.LIF(n, V_th=20.0 * u.mV, V_reset=2.0 * u.mV, spk_reset="hard"),
    "adaptive": lambda n: sl.ALIF(n, V_th=20.0 * u.mV),
}


def run(population, first=None):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(Net(population))
    if first is not None:
        net.N.spike.value = jnp.asarray(first, jnp.float32)
    spikes = sl.transform.for_loop(net.update, jnp.linspace(20.0, 60.0, 300))
    return [np.asarray(x) for x in jax.tree.leaves((spikes, [s.value for s in net.states().values()]))]


def separately(monkeypatch, *args):
    with monkeypatch.context() as patch:
        patch.setattr(_loops, "as_step", lambda closed, fixed: closed)
        return run(*args)


@pytest.fixture
def forms(monkeypatch):
    """The targets of the calls that become part of sequences."""
    targets = []
    plain = _sequence.equation_of
    note = lambda group, needed: targets.extend(call.target for call in group.calls) or plain(group, needed)  # noqa: E731
    monkeypatch.setattr("spikeloop.kernels.plan._step.equation_of", note)
    return targets


@pytest.mark.parametrize("name", POPULATIONS)
def test_results_are_the_same_bits(monkeypatch, forms, name):
    expected = separately(monkeypatch, POPULATIONS[name])
    assert forms == []
    found = run(POPULATIONS[name])
    assert forms == ["spikes_known", "event_scatter", "event_scatter", "fire_kept", "record_row"]
    assert 0.01 < expected[0].mean() < 0.5
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def test_graded_spikes_take_the_ordinary_program(monkeypatch):
    first = np.where(np.arange(203) % 3 == 0, 0.5, 0.0)
    expected, found = separately(monkeypatch, POPULATIONS["refractory"], first), run(POPULATIONS["refractory"], first)
    for a, b in zip(expected, found, strict=True):
        assert np.array_equal(a, b)


def test_the_count_is_no_operand_of_the_program_of_bits(forms):
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(Net(POPULATIONS["refractory"]))
    body = loop_body(lambda: net.update(30.0) * 0)
    assert calls(body) == ["event_scatter", "event_scatter", "program"]
    assert forms[-1] == "fire_kept"


def recorded():
    """What records of one population make of its spikes, step by step, and the events at the end."""
    sl.environ.set(dt=0.1 * u.ms)
    net = Net(POPULATIONS["refractory"])
    events = sl.record.Events(net.N, 4000)
    sl.nn.init_all_states(net)
    sl.nn.init_all_states(events)
    bits = sl.record.Spikes(net.N)

    def step(current):
        net.update(current)
        events.update()
        return bits.update()

    rows = sl.transform.for_loop(step, jnp.linspace(20.0, 60.0, 300))
    return [np.asarray(x) for x in jax.tree.leaves((rows, [s.value for s in events.states().values()]))]


def test_records_take_the_list_and_are_the_same(monkeypatch, forms):
    found = recorded()
    assert {*forms} >= {"fire_kept", "record_append", "record_pack"}
    monkeypatch.setattr(_loops, "as_step", lambda closed, fixed: closed)
    for a, b in zip(recorded(), found, strict=True):
        assert np.array_equal(a, b)
    assert found[0].any()
