"""What loops return is the same where native calls write it row by row as where XLA stacks it."""

import re

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import body_of, calls, copies
from kept_case import CURRENTS, STEPS, N, build, with_and_without, with_part
from spikeloop.kernels.plan import _loop
from spikeloop.kernels.plan._kept import TARGET
from spikeloop.kernels.plan._stacks import RASTER

pytestmark = pytest.mark.usefixtures("native")


def nothing(*_):
    """A plan whose calls write no rows."""
    return {}


def returned(make, read, loop):
    """What a loop over a network returns that reads something in each step, and all States after it."""
    net = make()
    reader = read(net)
    result = loop(lambda x: (net.update(x), reader())[1])
    return [np.asarray(x) for x in jax.tree.leaves((result, [s.value for s in net.states().values()]))]


def check(monkeypatch, read, count, make=build, loop=lambda f: sl.transform.for_loop(f, CURRENTS)):
    """The same is returned with and without rows, of which there are so many."""
    found, stacks = with_and_without(monkeypatch, "stack", nothing, lambda: returned(make, read, loop))
    assert max(map(len, stacks)) == count
    return found


def spikes_of(net):
    return net.N[0].spike.value


READERS = {
    "raster": lambda net: lambda: spikes_of(net) > 0,
    "not zero": lambda net: lambda: spikes_of(net) != 0,
    "truth": lambda net: lambda: spikes_of(net).astype(bool),
    "spikes": lambda net: lambda: spikes_of(net),
    "sum": lambda net: lambda: spikes_of(net).sum(),
    "number": lambda net: lambda: (spikes_of(net) > 0).sum(),
    "states": lambda net: lambda: net.N[0].V.value.mantissa,
    "bits": lambda net: sl.record.Spikes(net.N[0]),
    "part": lambda net: sl.record.Spikes(net.N[0], neurons=slice(3, 70)),
    "rate": lambda net: sl.record.Rate(net.N[0], groups={"a": slice(0, 50), "b": slice(20, N), "c": slice(5, 5)}),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_rows_are_the_same_bits(monkeypatch, read):
    rows = check(monkeypatch, read, 1)[0]
    assert len(rows) == STEPS
    assert np.any(rows)
    assert len({row.tobytes() for row in rows}) > 10


def test_several_at_once_of_several_populations(monkeypatch):
    def read(net):
        readers = [make(net) for make in READERS.values()]
        other = sl.record.Rate(net.N[1])
        return lambda: ([reader() for reader in readers], other(), net.N[1].spike.value > 0, spikes_of(net) > 0)

    check(monkeypatch, read, len(READERS) + 3, lambda: build(populations=2))


class Second(sl.nn.Module):
    """A network beside another population, whose input XLA makes of the first one's potentials."""

    def __init__(self):
        super().__init__()
        self.first = build()
        self.N = self.first.N
        self.other = sl.nn.init_all_states(sl.LIFRef(N, V_th=20.0 * u.mV, tau_ref=1.0 * u.ms))

    def update(self, current):
        self.first.update(current)
        self.other(jnp.roll(self.N[0].V.value.mantissa, 1) * 2.0 * u.mA)


@pytest.mark.parametrize("name", ["part", "bits", "raster"])
def test_what_is_recorded_after_a_later_call_is_made_with_the_earlier_one(monkeypatch, name):
    check(monkeypatch, READERS[name], 1, Second)


def test_each_population_is_read_before_another_one_has_its_list(monkeypatch):
    plans, plain = [], _loop.stack

    def noted(plan, *args):
        found = plain(plan, *args)
        plans.append([call.target for group in plan if hasattr(group, "calls") for call in group.calls])
        return found

    monkeypatch.setattr(_loop, "stack", noted)
    net = build(populations=2)
    sl.plan(lambda: (net.update(30.0), [population.spike.value > 0 for population in net.N])[1])
    (targets,) = plans
    fired, rasters = ([k for k, target in enumerate(targets) if target == name] for name in (TARGET, RASTER))
    assert fired[0] < rasters[0] < fired[1] < rasters[1]


def test_a_step_may_hold_an_operation_without_results(capsys):
    net = build()
    sl.plan(lambda: (net.update(30.0), jax.jit(lambda v: None)(spikes_of(net)), spikes_of(net) > 0)[2])
    assert "a row of what the loop returns" in capsys.readouterr().out


def test_what_others_read_too_is_the_same(monkeypatch):
    def read(net):
        net.seen = sl.State(jnp.zeros(N, bool))

        def step():
            raster = spikes_of(net) > 0
            net.seen.value = net.seen.value | raster
            return raster, spikes_of(net).mean(), raster

        return step

    check(monkeypatch, read, 2)


@pytest.mark.parametrize("options", [{"reverse": True}, {"unroll": 4}, {"pbar": 40}], ids=["reverse", "unroll", "bar"])
def test_options_of_loops(monkeypatch, options):
    check(monkeypatch, READERS["raster"], 1, loop=lambda f: sl.transform.for_loop(f, CURRENTS, **options))


def test_loops_in_loops_and_in_pieces(monkeypatch):
    inner = lambda f: lambda x: sl.transform.for_loop(lambda: f(x), length=20)  # noqa: E731
    check(monkeypatch, READERS["bits"], 1, loop=lambda f: sl.transform.for_loop(inner(f), CURRENTS[:4]))
    pieces = lambda f: sl.transform.checkpointed_for_loop(f, CURRENTS, base=50)  # noqa: E731
    check(monkeypatch, READERS["sum"], 1, loop=pieces)


def test_graded_spikes_at_the_start(monkeypatch):
    def graded():
        net = build()
        net.N[0].spike.value = jnp.asarray(np.where(np.arange(N) % 3 == 0, 0.5, 0.0), jnp.float32)
        return net

    for name in ("raster", "spikes", "sum", "part", "rate"):
        check(monkeypatch, READERS[name], 1, graded)


def test_runs_with_recorders(monkeypatch):
    def run(f):
        del f
        net = made[-1]
        record = {"all": sl.record.Spikes(net.N[0]), "rate": sl.record.Rate(net.N[0], bin=0.5 * u.ms)}
        step = lambda: net.update(CURRENTS[-1])  # noqa: E731
        found = sl.record.run(step, 20 * u.ms, record=record, chunk=150)
        return found["all"].counts, found["rate"].counts

    made = []
    counts, rates, *_ = check(monkeypatch, READERS["sum"], 2, lambda: made.append(build()) or made[-1], run)
    assert counts.sum() == rates.sum() > N


def compiled(net, read):
    step = read(net)
    loop = sl.transform.jit(lambda: sl.transform.for_loop(lambda: (net.update(30.0), step())[1], length=STEPS))
    return loop.compile().as_text()


@pytest.mark.parametrize("name", ["raster", "bits", "rate", "sum", "spikes"])
def test_a_step_is_one_call_and_nothing_is_filled_or_copied(name):
    text = compiled(build(), READERS[name])
    body = body_of(text)
    assert len(calls(body)) == 3
    assert copies(body, 2) == []
    assert not re.search(r"dynamic-update-slice|\bcompare\(|\breduce\(", "\n".join(body))
    assert not re.search(rf"\[{STEPS}(,\d+)?\]\S* (broadcast|copy)\(", text)
    assert len(re.findall(r'custom_call_target="spikeloop.record_rows"', text)) == 1


def test_derivatives_and_lanes_are_those_of_a_plain_loop(monkeypatch):
    def results():
        net = build()
        start = net.N[0].V.value.mantissa

        def rows(x):
            net.N[0].V.value = x * u.mV
            return sl.transform.for_loop(lambda c: (net.update(c), spikes_of(net))[1], CURRENTS[:40])

        slope = sl.transform.grad(lambda x: rows(x).sum())(start)
        states = list(net.states().values())
        return slope, sl.transform.vmap(rows, out_states={0: states})(jnp.stack([start, start + 1.0]))

    forms = _loop.carried_form, lambda _: None
    found, expected = (with_part(monkeypatch, "carried_form", form, results) for form in forms)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_the_plan_shows_rows(capsys):
    net = build(n=400)
    sl.plan(lambda: (net.update(30.0), spikes_of(net) > 0)[1])
    text = capsys.readouterr().out
    assert text.startswith("A step: 3 native calls in 1, 0 operations of XLA\n")
    assert re.search(r"\n  gt bool\[400\] at test_stacks.py:.*, a row of what the loop returns\n", text)
