"""Units of weights are checked when a projection is built, by path and with what to write; parts of one's own, too."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import UnitError
from spikeloop.models import variable

N = 4


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(dt=0.1 * u.ms)


def rule(weight):
    return sl.connect.Edges([0, 1], [1, 2], weight)


def layer(weight):
    return sl.nn.OneToOne(N, weight)


def event(weight):
    return sl.nn.EventFixedProb(N, N, 0.5, weight)


def delta(comm, post, **options):
    return sl.DeltaProj(comm=comm, pre=N, post=post, **options)


def aligned(comm, post, **options):
    return sl.AlignPostProj(comm=comm, pre=N, post=post, syn=sl.Expon.desc(N), out=sl.CUBA.desc(), **options)


def with_objects(comm, post, **options):
    syn = sl.DualExpon(N, g_initializer=0.0 * u.nS)
    return sl.AlignPostProj(comm=comm, pre=N, post=post, syn=syn, out=sl.COBA(E=0.0 * u.mV), **options)


def pre(comm, post, **options):
    out = sl.COBA.desc(E=0.0 * u.mV)
    return sl.align_pre_projection(comm=comm, pre=N, post=post, syn=sl.AMPA.desc(N), out=out, **options)


CASES = [
    (delta, sl.LIF, u.mS, u.mV,
     r"DeltaProj\.comm\.weight: the weights are in mS, but LIF\.V takes mV; .*weight=1\.0 \* u\.mV"),
    (delta, sl.LIF, u.UNITLESS, u.mV, "the weights have no unit, but LIF.V takes mV"),
    (delta, sl.CubaLIF, u.mV, u.mA, r"are in mV, but CubaLIF\.g takes mA"),
    (delta, sl.IafPscExp, u.mV, u.pA, "takes pA"),
    (delta, sl.FitzHughNagumo, u.mV, u.UNITLESS, "give them as plain numbers"),
    (aligned, sl.LIF, u.mV, u.mS, r"AlignPostProj\.comm\.weight: the weights are in mV, but Expon\.g takes mS"),
    (with_objects, sl.LIF, u.mV, u.uS, r"DualExpon\.g takes nS; .*u\.nS"),
    (pre, sl.LIF, u.mV, u.UNITLESS, r"COBA of LIF takes .*; give them as plain numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "cls", "wrong", "right", "message"), CASES)
@pytest.mark.parametrize("comm", [rule, layer, event])
def test_a_wrong_unit_is_refused_at_once(make, cls, wrong, right, message, comm):
    with pytest.raises(UnitError, match=message):
        make(comm(u.Quantity(1.0, unit=wrong) if not wrong.is_unitless else 1.0), cls(N))
    weight = 1.0 if right.is_unitless else u.Quantity(1.0, unit=right)
    assert make(comm(weight), cls(N)).post is not None


def test_current_projections_of_spikes():
    def project(weight, **options):
        return sl.CurrentProj(comm=rule(weight), pre=N, post=sl.LIF(N), out=sl.CUBA(), **options)

    stdp = sl.plasticity.STDP(w_max=1.0 * u.mV)
    with pytest.raises(UnitError, match=r"are in mV, but CUBA of LIF takes mS"):
        project(1.0 * u.mV, plasticity=stdp)
    project(1.0 * u.mV)  # without a rule it may be given anything, so that the first call tells


def test_weights_of_functions_are_checked_in_the_first_call():
    proj = delta(lambda x: x * u.mS, sl.LIF(N))
    sl.nn.init_all_states(proj)
    sl.nn.init_all_states(proj.post)
    with pytest.raises(UnitError, match="what comm delivers"):
        proj(np.ones(N))


# --- receptors of one's own -------------------------------------------------------------------------------------------


class NoName(sl.Synapse):
    g = variable(0.0 * u.mS, u.mS)


class NoDerive(NoName):
    dynamics = "expon"


class TooFew(NoName):
    dynamics = "cascade"

    def derive(self, p, dt):
        return (0.9,)


class Working(NoName):
    dynamics = "expon"

    def derive(self, p, dt):
        return (0.5,)


@pytest.mark.parametrize(
    ("syn", "message"),
    [
        (NoName, "NoName cannot be aligned .*sets `dynamics` to one of expon, cascade"),
        (NoDerive, r"NoDerive has dynamics = 'expon', so it declares the variables g and defines derive\(p, dt\)"),
        (TooFew, "declares the variables h, g and defines .* a tuple of decay_h, decay, feed"),
        (lambda n: "text", "str cannot be aligned"),
    ],
)
def test_a_synapse_of_ones_own_that_cannot_work(syn, message):
    with pytest.raises(TypeError, match=message):
        sl.AlignPostProj(comm=layer(1.0 * u.mS), post=sl.LIF(N), syn=syn(N), out=sl.CUBA())


def test_a_synapse_of_ones_own_that_works():
    neuron, syn = sl.LIF(N), Working(N)
    proj = sl.AlignPostProj(comm=layer(1.0 * u.mS), post=neuron, syn=syn, out=sl.CUBA())
    net = sl.nn.Module()
    net.parts = [neuron, proj]
    sl.nn.init_all_states(net)
    proj(np.ones(N))
    neuron()
    np.testing.assert_allclose(syn.g.value.to_decimal(u.mS), 0.5)


class NoFormula(sl.SynOut):
    pass


class Incomplete(sl.SynOut):
    output = "coba"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            NoFormula,
            "NoFormula sets `output` to the name of a formula, one of coba, cuba, mg, port; given ''.*function of V",
        ),
        (Incomplete, r"Incomplete has output = 'coba', so it defines constants\(\), which returns a tuple of E"),
        (lambda: "text", "out must be a synaptic output"),
    ],
)
def test_an_output_of_ones_own_that_cannot_work(out, message):
    with pytest.raises(TypeError, match=message):
        sl.AlignPostProj(comm=layer(1.0 * u.mS), post=sl.LIF(N), syn=sl.Expon(N), out=out())
    with pytest.raises(TypeError, match=message):
        sl.CurrentProj(comm=layer(1.0 * u.mS), post=sl.LIF(N), out=out())
