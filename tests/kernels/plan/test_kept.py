"""What loops keep from step to step: the results are the same as without it, whatever the first States are."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import copies, loop_body
from kept_case import CURRENTS, N, build, with_and_without, with_part
from spikeloop.kernels.plan import _kept, _loop

pytestmark = pytest.mark.usefixtures("native")


def outcome(net, loop):
    """What a loop over the steps of a network returns, and all States after two of them."""
    results = [loop(net.update), loop(net.update)]
    return [np.asarray(x) for x in jax.tree.leaves((results, [s.value for s in net.states().values()]))]


def nothing(equation):
    """The form of a loop that keeps nothing."""
    del equation


def check(monkeypatch, make, loop=lambda f: sl.transform.for_loop(f, CURRENTS), kept=True):
    """The outcome is the same with and without what is kept, which is `kept` or not."""
    found, forms = with_and_without(monkeypatch, "carried_form", nothing, lambda: outcome(make(), loop))
    assert any(forms) == kept
    return found, [form for form in forms if form]


def test_states_are_the_same_bits(monkeypatch):
    made = []
    _, forms = check(monkeypatch, lambda: made.append(build(n=64)) or made[-1])
    assert all(form.lefts for form in forms)
    assert made[0].count.value.sum() > 64
    assert 0 < float(jnp.mean(made[0].N[0].ref_left.value > 0)) < 1


def test_the_step_may_have_operations_that_jax_writes_out_itself(monkeypatch):
    table = jnp.linspace(0.0, 60.0, 7)

    def loop(step):
        return sl.transform.for_loop(lambda x: step(x + jnp.searchsorted(table, x)), CURRENTS)

    check(monkeypatch, build, loop)


def test_several_populations_keep_their_own(monkeypatch):
    _, forms = check(monkeypatch, lambda: build(populations=3))
    assert len(forms[0].kept) == len(forms[0].lefts) == 3


def test_periods_of_neurons(monkeypatch):
    _, forms = check(monkeypatch, lambda: build(tau_ref=np.arange(N) % 9 * 0.4))
    assert all(form.lefts for form in forms)


def with_left(left, **kwargs):
    net = build(**kwargs)
    net.N[0].ref_left.value = jnp.asarray(left, jnp.float32)
    return net


@pytest.mark.parametrize("left", [np.arange(N), np.arange(N) / 2, np.full(N, 2e3), np.full(N, -0.0)])
def test_refractory_steps_of_any_kind_at_the_start(monkeypatch, left):
    check(monkeypatch, lambda: with_left(left))


def test_periods_that_no_calendar_holds_are_counted(monkeypatch):
    for period in (200.0, np.where(np.arange(N) < 3, 200.0, 1.0)):
        check(monkeypatch, lambda period=period: build(tau_ref=period))


def test_graded_spikes_at_the_start(monkeypatch):
    def graded():
        net = build()
        net.N[0].spike.value = jnp.asarray(np.where(np.arange(N) % 3 == 0, 0.5, 0.0), jnp.float32)
        return net

    check(monkeypatch, graded)


@pytest.mark.parametrize("options", [{"reverse": True, "unroll": 4}, {"pbar": 40}], ids=["reverse", "bar"])
def test_options_of_loops(monkeypatch, options):
    check(monkeypatch, build, lambda f: sl.transform.for_loop(f, CURRENTS, **options))


def test_loops_in_pieces_and_in_loops(monkeypatch):
    check(monkeypatch, build, lambda f: sl.transform.checkpointed_for_loop(f, CURRENTS, base=50))
    inner = lambda f: lambda x: sl.transform.for_loop(lambda: f(x), length=20)  # noqa: E731
    check(monkeypatch, build, lambda f: sl.transform.for_loop(inner(f), CURRENTS[:4]))
    check(monkeypatch, build, lambda f: sl.transform.jit(lambda: sl.transform.for_loop(f, CURRENTS))())


def test_steps_that_somebody_reads_are_counted(monkeypatch):
    loop = lambda f: sl.transform.for_loop(lambda x: (f(x), made[-1].N[0].ref_left.value)[1], CURRENTS)  # noqa: E731
    made = []
    _, forms = check(monkeypatch, lambda: made.append(build()) or made[-1], loop)
    assert not any(form.lefts for form in forms)


def test_spikes_that_somebody_writes_are_not_kept(monkeypatch):
    made = []

    def loop(f):
        def step(x):
            f(x)
            made[-1].N[0].spike.value = made[-1].N[0].spike.value * 0.5

        return sl.transform.for_loop(step, CURRENTS)

    check(monkeypatch, lambda: made.append(build()) or made[-1], loop, kept=False)


def test_short_loops_keep_nothing():
    net = build()
    text = lambda length: "\n".join(loop_body(lambda: net.update(30.0), length))  # noqa: E731
    words = f"u32[{_kept._size(N, has_calendar=True)}]"
    assert (words in text(15), words in text(16)) == (False, True)


def test_nothing_large_is_copied():
    net = build(populations=2)
    assert copies(loop_body(lambda: net.update(30.0)), N - 1) == []


def test_derivatives_and_lanes_are_those_of_a_plain_loop(monkeypatch):
    def final(net, start):
        net.N[0].V.value = start * u.mV
        sl.transform.for_loop(net.update, CURRENTS[:40])
        return net.N[0].V.value.mantissa

    def results():
        net = build()
        start = net.N[0].V.value.mantissa
        slope = sl.transform.grad(lambda x: final(net, x).sum())(start)
        states = list(net.states().values())
        return slope, sl.transform.vmap(lambda x: final(net, x), out_states={0: states})(
            jnp.stack([start, start + 1.0])
        )

    forms = _loop.carried_form, nothing
    found, expected = (with_part(monkeypatch, "carried_form", form, results) for form in forms)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
