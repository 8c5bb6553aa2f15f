"""Traces beside those of brainpy.state on a common protocol; docs/differences.md lists what differs and why."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

STEPS, N, DT = 3000, 5, 0.1

# Model, the mean current that makes it fire, and constants other than the defaults. These agree to rounding.
SAME = [
    ("IF", 1.5, {}),
    ("LIF", 15.0, {"V_th": 15.0 * u.mV, "V_reset": -2.0 * u.mV, "V_rest": 1.0 * u.mV}),
    ("LIF", 15.0, {"V_th": 15.0 * u.mV, "V_reset": -2.0 * u.mV, "V_rest": 1.0 * u.mV, "spk_reset": "hard"}),
    ("LIFRef", 15.0, {"V_th": 12.0 * u.mV, "tau_ref": 3.0 * u.ms, "spk_reset": "hard"}),
    ("ALIF", 2.0, {}),
    ("ALIF", 2.0, {"spk_reset": "hard"}),
    ("ExpIF", 20.0, {"spk_reset": "hard", "V_th": -45.0 * u.mV}),
    ("ExpIFRef", 20.0, {"spk_reset": "hard", "V_th": -45.0 * u.mV, "tau_ref": 2.0 * u.ms}),
    ("QuaIF", 30.0, {"spk_reset": "hard"}),
    ("GifRef", 2.0, {"tau_ref": 2.0 * u.ms, "spk_reset": "hard"}),
    ("CubaLIF", 1.5, {"g_initializer": 2.0 * u.mA}),
    ("CobaLIF", 1.5, {"g_initializer": 0.5 * u.siemens, "E": 5.0 * u.mV}),
    ("HH", 9.0, {}),
    ("WangBuzsakiHH", 2.0, {}),
    ("MorrisLecar", 95.0, {}),
    ("FitzHughNagumo", 0.7, {}),
    ("HindmarshRose", 3.0, {}),
]
# These advance the second variable otherwise: equal in the limit of small dt.
FIRST_ORDER = [
    ("AdExIF", 40.0, {"spk_reset": "hard"}),
    ("AdQuaIF", 50.0, {"spk_reset": "hard"}),
    ("Gif", 1.5, {}),
    ("Izhikevich", 12.0, {}),
]


@pytest.fixture(autouse=True)
def settings_of_this_file(settings):
    settings(DT)
    sl.random.seed(1)


def currents(mean, dt=DT):
    t = np.arange(round(STEPS * DT / dt))[:, None] * dt
    return mean * (1 + 0.3 * np.sin(t / 9 + np.arange(N)) + 0.1 * np.sin(t / 1.7))


def as_given(value):
    """A value as the peer's process takes it: [number, unit], options as they are."""
    if isinstance(value, (str, bool)):
        return value
    return [u.get_mantissa(value), "" if u.is_unitless(value) else text(value.unit)]


def text(unit):
    return {"S": "siemens"}.get(str(unit), str(unit)).replace("^", "**")


def both(name, mean, options, peer, dt=DT):
    """Ours and the peer's (V, spikes) from the same start."""
    cls = getattr(sl, name)
    neuron = sl.nn.init_all_states(cls(N, **options))
    start = {k: as_given(getattr(neuron, k).value) for k in neuron.state_vars}
    if isinstance(neuron, sl.CubaLIF):  # the peer lets g decay before it is used
        start["g"] = as_given(neuron.g.value * np.exp(dt / neuron.number("tau_syn")))
    given = {k: as_given(v) for k, v in options.items() if not k.endswith("_initializer")}
    if "tau_ref" in options:
        # the peer compares times, where rounding decides at whole steps: half a step less is as many for certain
        given["tau_ref"] = as_given(options["tau_ref"] - 0.5 * dt * u.ms)
    current = currents(mean, dt)
    theirs = peer("neuron", model=name, current=current, unit=text(cls.current_unit), dt=dt, params=given, start=start)

    def step(x):
        spikes = neuron(x if cls.current_unit.is_unitless else u.Quantity(x, unit=cls.current_unit))
        return u.get_mantissa(neuron.V.value), spikes

    return [np.asarray(x) for x in sl.transform.for_loop(step, jnp.asarray(current))], (theirs["V"], theirs["spikes"])


@pytest.mark.parametrize(("name", "mean", "options"), SAME, ids=[f"{c[0]}-{c[2].get('spk_reset', '')}" for c in SAME])
def test_neuron(name, mean, options, brainpy):
    (V, spikes), (V_peer, spikes_peer) = both(name, mean, options, brainpy)
    assert spikes.sum() > 3 * N
    assert np.array_equal(spikes, spikes_peer)
    quiet = spikes == 0  # how far an upswing gets is limited here
    np.testing.assert_allclose(V[quiet], V_peer[quiet], rtol=0, atol=1e-8)


@pytest.mark.parametrize(("name", "mean", "options"), FIRST_ORDER, ids=[c[0] for c in FIRST_ORDER])
def test_neuron_of_first_order(name, mean, options, brainpy, settings):
    apart = []  # ms between our spikes and the peer's, at the most
    for dt in (0.04, 0.01):
        settings(dt)
        (_, spikes), (_, spikes_peer) = both(name, mean, options, brainpy, dt)
        assert np.array_equal(spikes.sum(0), spikes_peer.sum(0))
        ours, theirs = (np.nonzero(x.T)[1] for x in (spikes, spikes_peer))
        assert len(ours) > 3 * N
        apart.append(np.abs(ours - theirs).max() * dt)
    assert apart[1] <= 0.5
    assert apart[1] <= apart[0] / 2 + 0.01


# --- synapses ---------------------------------------------------------------------------------------------------------


# Synapse, unit of its input, constants; and whether the peer's integration is of first order.
SYNAPSES = [
    ("Expon", "mS", {}, False),
    ("DualExpon", "mS", {}, False),
    ("DualExpon", "mS", {"tau_decay": 5.0 * u.ms, "tau_rise": 0.5 * u.ms, "amplitude": 2.0, "normalize": False}, False),
    ("Alpha", "mS", {}, True),
    ("AMPA", "", {"T_dur": 0.4 * u.ms}, False),
    ("GABAa", "", {"T_dur": 2.0 * u.ms}, False),
    ("BioNMDA", "", {"T_dur": 0.8 * u.ms}, True),
    ("STP", "", {"U": 0.2, "tau_f": 300.0 * u.ms, "u_initializer": 0.2}, True),  # where the peer starts
    ("STD", "", {}, True),
]


def missing(name):
    return pytest.mark.skipif(not hasattr(sl, name), reason=f"there is no sl.{name}")


def responses(name, unit, options, dt, peer):
    """Ours and the peer's output for the same spikes, which lie on a grid of 0.4 ms."""
    spikes = np.zeros((round(150 / dt), N))
    spikes[:: round(0.4 / dt)] = np.random.default_rng(6).random((375, N)) < 0.1
    synapse = sl.nn.init_all_states(getattr(sl, name)(N, **options))
    given = {k: as_given(v) for k, v in options.items() if not k.endswith("_initializer")}
    if "T_dur" in options:
        given["T_dur"] = as_given(options["T_dur"] - 0.5 * dt * u.ms)  # as for tau_ref
    theirs = peer("synapse", model=name, spikes=spikes, unit=unit, dt=dt, params=given)["g"]

    def step(x):
        return u.get_mantissa(synapse(x * u.mS if unit else x))

    return np.asarray(sl.transform.for_loop(step, jnp.asarray(spikes))), theirs


@pytest.mark.parametrize(
    ("name", "unit", "options", "first_order"),
    [pytest.param(*case, marks=missing(case[0]), id=f"{case[0]}-{','.join(case[2])}") for case in SYNAPSES],
)
def test_synapse(name, unit, options, first_order, brainpy, settings):
    apart = []
    for dt in (0.1, 0.05) if first_order else (DT,):
        settings(dt)
        ours, theirs = responses(name, unit, options, dt, brainpy)
        apart.append(np.abs(ours - theirs).max() / theirs.max())
    assert theirs.max() > 0.1
    if first_order:
        assert apart[0] < 0.05
        assert apart[1] < 0.6 * apart[0]
    else:
        assert apart[0] < 1e-9


@missing("MgBlock")
def test_mg_block(brainpy):
    g, V = np.linspace(0.0, 3.0, 12), np.linspace(-90.0, 40.0, 12)
    ours = sl.MgBlock().update(g * u.mS, V * u.mV)
    np.testing.assert_allclose(ours.to_decimal(u.mS * u.mV), brainpy("mg_block", g=g, V=V)["I"], rtol=1e-12)


# --- a network --------------------------------------------------------------------------------------------------------


def test_network_with_conductances(brainpy):
    rng = np.random.default_rng(4)
    spikes = (rng.random((STEPS, 2, 20)) < [[0.01], [0.004]]).astype(float)
    weights = {"E": rng.random((20, N)) * 0.3, "I": rng.random((20, N)) * 0.4}
    theirs = brainpy("coba", spikes=spikes, dt=DT, weights=weights)
    neuron = sl.LIFRef(N, V_rest=-60.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-60.0 * u.mV, tau=20.0 * u.ms,
                       tau_ref=5.0 * u.ms, spk_reset="hard")  # fmt: skip

    def project(name, E, tau):
        matrix = jnp.asarray(weights[name])
        return sl.AlignPostProj(
            comm=lambda s: u.Quantity(s @ matrix, unit=u.siemens), post=neuron, out=sl.COBA.desc(E=E * u.mV),
            syn=sl.Expon.desc(N, tau=tau * u.ms, g_initializer=0.0 * u.siemens),
        )  # fmt: skip

    exc, inh = project("E", 0.0, 5.0), project("I", -80.0, 10.0)
    net = sl.nn.Module()
    net.parts = [neuron, exc, inh]
    sl.nn.init_all_states(net)

    def step(spikes):
        exc(spikes[0])
        inh(spikes[1])
        spike = neuron(12.0 * u.mA)
        return neuron.V.value.mantissa, spike

    V, fired = map(np.asarray, sl.transform.for_loop(step, jnp.asarray(spikes)))
    assert fired.sum() > 5 * N
    assert np.array_equal(fired, theirs["spikes"])
    np.testing.assert_allclose(V, theirs["V"], rtol=0, atol=1e-9)
