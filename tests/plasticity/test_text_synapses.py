"""Synapses in text: rules by neurons against rules written by hand, and against the definition synapse by synapse."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.plasticity import _from_equations
from spikeloop.plasticity._text_rule import NeuronwiseRule, SynapsewiseRule
from spikeloop.plasticity._text_sides import NotBySides

from .conftest import Trains, run, trains

PAIR = {
    "model": "w : mV\ndx/dt = -x/tau_plus : 1 (event-driven)\ndy/dt = -y/tau_minus : 1 (event-driven)",
    "on_pre": "x += 1; w = clip(w - A_minus*y, 0*mV, w_high)",
    "on_post": "y += 1; w = clip(w + A_plus*x, 0*mV, w_high)",
    "tau_plus": 15.0 * u.ms, "tau_minus": 0.03 * u.second, "A_plus": 0.02 * u.mV, "A_minus": 0.025 * u.mV,
    "w_high": 1.0 * u.mV,
}  # fmt: skip


@pytest.fixture(autouse=True)
def time_step():
    sl.environ.set(dt=0.5 * u.ms)


def net(rule, **options):
    return Trains(rule, 0.5 * u.mV, **options)


def synapsewise(monkeypatch, **text):
    """The class of the same text, computed synapse by synapse."""

    def refuse(found):
        raise NotBySides(found.equations[0].place, "as the test wants it")

    monkeypatch.setattr(_from_equations, "Sides", refuse)
    return sl.Synapse.from_equations(**text)


def test_pair_rule_is_that_written_by_hand():
    by_hand = sl.plasticity.STDP(
        tau_plus=15.0 * u.ms, tau_minus=30.0 * u.ms, A_plus=0.02, A_minus=0.025, w_max=1.0 * u.mV
    )
    Pair = sl.Synapse.from_equations(**PAIR)
    assert issubclass(Pair, NeuronwiseRule)
    assert Pair.lazy_trace == "x"
    np.testing.assert_allclose(run(net(Pair()), *trains()), run(net(by_hand), *trains()), rtol=1e-10)


SHORT_TERM = {
    "model": "w : mV\ndx/dt = (1 - x)/tau_d : 1\nduse/dt = -use/tau_f : 1",
    "on_pre": "use += U*(1 - use); g_post += w*use*x; x -= use*x",
    "tau_d": 50.0 * u.ms, "tau_f": 100.0 * u.ms, "U": 0.3, "x": 1.0,
}  # fmt: skip
TRIPLET = {
    "model": """
        w : mV
        dr/dt = -r/tau_plus : 1
        do/dt = -o/tau_minus : 1
        dslow/dt = -slow/tau_y : 1""",
    "on_pre": "w = clip(w - A*o, 0*mV, w_high); r += 1",
    "on_post": "w = clip(w + B*r*(1 + 3*slow), 0*mV, w_high); o = 1; slow += 1",
    "tau_plus": 15.0 * u.ms, "tau_minus": 30.0 * u.ms, "tau_y": 100 * u.ms,
    "A": 0.02 * u.mV, "B": 0.01 * u.mV, "w_high": 1.0 * u.mV,
}  # fmt: skip
VOLTAGE = {
    "model": "w : mV\ndmean/dt = (v_post - mean)/tau : mV\ndx/dt = -x/tau : 1\nabove = mean - E : mV",
    "on_pre": "w -= A*above; x += 1",
    "on_post": "w += B*x/2; g = 1",
    "tau": 20.0 * u.ms, "A": 0.01, "B": 0.01 * u.mV, "E": -66 * u.mV, "mean": -65 * u.mV,
}  # fmt: skip
VOLTAGE["model"] += "\ng : 1"
COUPLED = {
    "model": "w : mV\ndrise/dt = -rise/tau : 1\ndx/dt = (rise - x)/tau : 1\ndy/dt = -y/tau : 1",
    "on_pre": "rise += 1; w -= A*y",
    "on_post": "y += 1; w += A*x",
    "tau": 20.0 * u.ms, "A": 0.01 * u.mV,
}  # fmt: skip
SOFT_BOUNDS = {
    **PAIR, "A_plus": 0.03, "A_minus": 0.02,
    "on_pre": "x += 1; w = clip(w - A_minus*w*y, 0*mV, w_high)",
    "on_post": "y += 1; w = clip(w + A_plus*(w_high - w)*x, 0*mV, w_high)",
}  # fmt: skip
TEXTS = {
    "soft bounds": SOFT_BOUNDS,
    "pair": PAIR,
    "delivers first": {**PAIR, "on_pre": "g_post += w; x += 1; w = clip(w - A_minus*y, 0*mV, w_high)"},
    "delivers a part": {**PAIR, "on_pre": "x += 1; w = clip(w - A_minus*y, 0*mV, w_high); g_post += -w*x/2"},
    "short term": SHORT_TERM,
    "triplet": TRIPLET,
    "voltage": VOLTAGE,
    "coupled": COUPLED,
}


@pytest.mark.filterwarnings("ignore:.*synapses in every step")
@pytest.mark.parametrize("name", TEXTS)
def test_by_neurons_as_synapse_by_synapse(name, monkeypatch):
    text = TEXTS[name]
    by_neurons = sl.Synapse.from_equations(**text)
    assert issubclass(by_neurons, NeuronwiseRule)
    definition = synapsewise(monkeypatch, **text)
    assert issubclass(definition, SynapsewiseRule)
    one, other = net(by_neurons()), net(definition())
    np.testing.assert_allclose(run(one, *trains()), run(other, *trains()), rtol=1e-10)
    for variable, start in by_neurons.text.starts.items():
        assert not np.allclose(u.get_mantissa(getattr(one.projection.plasticity, variable).value), start), variable
    np.testing.assert_allclose(one.post.V.value.mantissa, other.post.V.value.mantissa, rtol=1e-12)


def test_only_decaying_variables_of_sources_update_lazily():
    lazy = {name: sl.Synapse.from_equations(**text).lazy_trace for name, text in TEXTS.items()}
    assert lazy == {
        "pair": "x", "delivers first": None, "delivers a part": None, "short term": None, "triplet": "r",
        "voltage": "x", "coupled": None, "soft bounds": "x",
    }  # fmt: skip


def test_facilitation_and_depression():
    synapse = net(sl.Synapse.from_equations(**SHORT_TERM)(), dense=np.ones((1, 1), bool))
    sl.nn.init_all_states(synapse)
    x, use = 1.0, 0.0
    for _ in range(5):
        synapse.fire(np.ones(1), np.zeros(1))
        x, use = 1 - (1 - x) * np.exp(-0.5 / 50), use * np.exp(-0.5 / 100)
        use += 0.3 * (1 - use)
        x -= use * x
    np.testing.assert_allclose(synapse.projection.plasticity.x.value, x, rtol=1e-5)
    np.testing.assert_allclose(synapse.projection.plasticity.use.value, use, rtol=1e-5)


SHARED = {
    "model": "w : mV\nda/dt = -a/tau : 1", "on_pre": "a += 1; g_post += w", "on_post": "a *= 0.5; w += A*a",
    "tau": 20.0 * u.ms, "A": 0.01 * u.mV,
}  # fmt: skip


def test_a_variable_of_each_synapse_runs_in_jax_and_says_so():
    rule = sl.Synapse.from_equations(**SHARED)()
    with pytest.warns(UserWarning, match="all 23 synapses in every step.*a belongs to the synapse, for both sides"):
        synapses = net(rule)
    pre, post = trains()
    found = run(synapses, pre, post)
    w, a = np.full(synapses.sources.size, 0.5), np.zeros(synapses.sources.size)
    for k, (s, r) in enumerate(zip(np.asarray(pre), np.asarray(post), strict=True)):
        a = a * np.exp(-0.5 / 20)
        hit = r[synapses.targets] > 0
        a = np.where(hit, a * 0.5, a)
        w = np.where(hit, w + 0.01 * a, w)
        a = a + s[synapses.sources]
        np.testing.assert_allclose(found[k], w, rtol=1e-4)


def refused(error, match, **changed):
    with pytest.raises(error, match=match):
        sl.Synapse.from_equations(**{**PAIR, **changed})


def test_errors_point_at_the_place():
    refused(sl.errors.EquationError, r"on_pre: z is not known.*\n    z \+= 1\n    \^", on_pre="z += 1")
    refused(sl.errors.EquationError, "tau_plus is a constant", on_pre="tau_plus = 1*ms")
    refused(sl.errors.EquationError, "written in on_pre", on_post="g_post += w")
    refused(sl.errors.EquationError, "'B' is not known", on_pre="w += B*y")
    refused(sl.errors.UnitError, "the value for w must be in mV; this is in no unit", on_pre="w += x")
    refused(sl.errors.UnitError, "the value for w_post|g_post must be in mV", on_pre="g_post += w*tau_plus")
    refused(ValueError, "must declare the weight by a line such as `w : nS`", model="dx/dt = -x/tau_plus : 1")
    refused(ValueError, "'spare' is in no equation", spare=1.0)
    with pytest.raises(TypeError, match="the text bounds the weight by clip"):
        sl.Synapse.from_equations(**PAIR)(w_max=2 * u.mV)
    with pytest.raises(sl.errors.UnitError, match="the text declares the weight in nS, but the target takes mV"):
        net(sl.Synapse.from_equations("w : nS", on_pre="w += 1*nS")())
    with pytest.raises(ValueError, match="reads q_post, but the target .* has V_post"):
        net(sl.Synapse.from_equations("w : mV", on_pre="w += q_post")())


def test_delay_for_each_synapse_needs_plain_delivery():
    text = TEXTS["delivers first"]
    with pytest.raises(ValueError, match="as the last statement of on_pre"):
        net(sl.Synapse.from_equations(**text)(), own_delay=np.full(23, 2.0) * u.ms)
    plain = net(sl.Synapse.from_equations(**PAIR)(), own_delay=np.full(23, 2.0) * u.ms)
    by_hand = sl.plasticity.STDP(tau_plus=15.0 * u.ms, tau_minus=30.0 * u.ms, A_plus=0.02, A_minus=0.025,
                                 w_max=1.0 * u.mV)  # fmt: skip
    expected = run(net(by_hand, own_delay=np.full(23, 2.0) * u.ms), *trains())
    np.testing.assert_allclose(run(plain, *trains()), expected, rtol=1e-10)
