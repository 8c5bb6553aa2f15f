"""What synapses in text deliver, and where to."""

from types import SimpleNamespace

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import _from_equations
from spikeloop.plasticity._text_rule import NeuronwiseRule, SynapsewiseRule
from spikeloop.plasticity._text_sides import NotBySides

from .conftest import DT, STEPS, Trains, trains

pytestmark = pytest.mark.filterwarnings("ignore:.*synapses in every step")
GRADED = {
    "model": """
        w : mV
        s_post = w*s : mV (summed)
        ds/dt = -s/tau_s + alpha*x*(1 - s) : 1 (clock-driven)
        dx/dt = -x/tau_x : 1 (clock-driven)""",
    "on_pre": "x += 1",
    "tau_s": 100.0 * u.ms, "tau_x": 2.0 * u.ms, "alpha": 0.5 / u.ms,
}  # fmt: skip


@pytest.fixture(autouse=True)
def time_step():
    sl.environ.set(dt=DT * u.ms)


def jumps(rule, steps=60, **options):
    """What arrives at each target in each step."""
    net = Trains(rule, 0.5 * u.mV, **options)
    sl.nn.init_all_states(net)

    def step(pre, post):
        net.post.delta.value = 0 * net.post.delta.value
        net.fire(pre, post)
        return net.post.delta.value

    pre, post = trains(steps=STEPS)
    return np.asarray(u.get_mantissa(sl.transform.for_loop(step, pre[:steps], post[:steps]))), net


def test_what_is_summed_is_delivered_in_every_step(monkeypatch):
    Graded = sl.Synapse.from_equations(**GRADED)
    assert issubclass(Graded, NeuronwiseRule)
    found, net = jumps(Graded())
    monkeypatch.setattr(_from_equations, "Sides", _refuse)
    definition = sl.Synapse.from_equations(**GRADED)
    assert issubclass(definition, SynapsewiseRule)
    np.testing.assert_allclose(found, jumps(definition())[0], rtol=1e-10)
    x, s = np.zeros(7), np.zeros(7)
    for k, spikes in enumerate(np.asarray(trains()[0][:60])):
        slope = 1 / 100 + 0.5 * x
        s, x = s * np.exp(-DT * slope) + 0.5 * x / slope * (1 - np.exp(-DT * slope)), x * np.exp(-DT / 2)
        x = x + spikes
        expected = np.bincount(net.targets, 0.5 * s[net.sources], minlength=5)
        np.testing.assert_allclose(found[k], expected, rtol=1e-9)
    assert found.max() > 0.5


def _refuse(text):
    raise NotBySides(text.equations[0].place, "as the test wants it")


def test_a_sum_may_read_the_target():
    Pull = sl.Synapse.from_equations("w : mV\npull_post = w*(E - v_post)/(1*mV) : mV (summed)", E=-60 * u.mV)
    found, net = jumps(Pull(), 1)
    np.testing.assert_allclose(found[0], np.bincount(net.targets, minlength=5) * 0.5 * (-60 + 0))


@pytest.mark.parametrize("by", [NeuronwiseRule, SynapsewiseRule])
def test_a_spike_may_take_away(by, monkeypatch):
    if by is SynapsewiseRule:
        monkeypatch.setattr(_from_equations, "Sides", _refuse)
    plus, minus = (sl.Synapse.from_equations("w : mV", on_pre=f"g_post {sign} w/2") for sign in ("+=", "-="))
    assert issubclass(minus, by)
    found, _ = jumps(plus())
    assert found.any()
    np.testing.assert_array_equal(found, -jumps(minus())[0])


def test_method_is_that_of_the_equations():
    pre = np.zeros((20, 1))
    pre[0] = 1
    for method, factor in (("euler", 1 - DT / 4), (None, np.exp(-DT / 4))):
        rule = sl.Synapse.from_equations("w : mV\ndx/dt = -x/tau : 1", on_pre="x += 1", on_post="w += x*mV",
                                         tau=4 * u.ms, method=method)  # fmt: skip
        assert rule.lazy_trace == ("x" if method is None else None)
        net = Trains(rule(), 0.5 * u.mV, dense=np.ones((1, 1), bool))
        sl.nn.init_all_states(net)
        sl.transform.for_loop(net, jnp.asarray(pre), jnp.zeros((20, 1)))
        np.testing.assert_allclose(net.projection.plasticity.x.value, factor**19, rtol=1e-9)


@pytest.mark.parametrize(
    ("error", "match", "text"),
    [
        ("EquationError", "lastupdate' is not known; declare `lastupdate", {"on_pre": "w += (t - lastupdate)*mV/ms"}),
        ("EquationError", "v_pre' is not known.*SymmetryGapJunction", {"on_pre": "w += v_pre"}),
        ("EquationError", "weights that are functions of i and j", {"on_pre": "w += i*mV"}),
        ("EquationError", "adds to g_post and h_post", {"on_pre": "g_post += w; h_post += w"}),
        ("EquationError", "delivers one thing", {"model": "w : mV\ng_post = w : mV (summed)", "on_pre": "g_post += w"}),
        ("EquationError", "write g_post = ", {"model": "w : mV\ng = w : mV (summed)"}),
        ("UnitError", "must be in mV, as the weight", {"model": "w : mV\ng_post = w*w : mV**2 (summed)"}),
        ("EquationError", "not linear here", {"model": "w : mV\ndx/dt = -x*x/ms : 1", "method": "exact"}),
        ("EquationError", "xi is added to the right side", {"on_pre": "w += xi*ms**0.5*mV"}),
        ("EquationError", "dt has a meaning of its own", {"model": "w : mV\ndt : ms"}),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(error, match, text):
    with pytest.raises(getattr(sl.errors, error), match=match) as caught:
        sl.Synapse.from_equations(**{"model": "w : mV", **text})
    assert "^" in str(caught.value)


def test_what_no_line_shows_is_refused_by_name():
    with pytest.raises(TypeError, match="for several pathways make a projection for each"):
        sl.Synapse.from_equations("w : mV", on_pre={"up": "w += 1*mV"})
    with pytest.raises(ValueError, match="draws 5 numbers"):
        sl.Synapse.from_equations("w : mV", on_pre="g_post += w*(randn() + randn() + rand())")
    with pytest.raises(ValueError, match="no adaptive steps"):
        sl.Synapse.from_equations("w : mV\ndx/dt = -x/ms : 1", method="rkf45")
    with pytest.raises(ValueError, match="With xi the method is"):
        sl.Synapse.from_equations("dw/dt = xi*mV/ms**0.5 : mV", method="rk4")
    with pytest.raises(NotImplementedError, match="each synapse draws .* does not run in sl.parallel.mesh"):
        drawn = sl.Synapse.from_equations("w : mV", on_pre="g_post += w*rand()")
        drawn().prepare(SimpleNamespace(parts="those of four devices"), "here", None)
