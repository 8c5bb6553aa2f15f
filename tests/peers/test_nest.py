"""Single neurons beside those of NEST: the same constants, input and dt.

`IafPscExp` integrates exactly, as NEST does, and must agree to rounding. The others are integrated by NEST with an
adaptive Runge-Kutta method (Izhikevich: forward Euler) and here by exponential Euler, so they agree to first order in
dt: at the small dt of these tests spikes lie within a step, and V within the tolerance that the order gives.
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl


def stepwise(changes, steps):
    """The current of each step, from pairs (step, value)."""
    values = np.zeros(steps)
    for at, value in changes:
        values[at:] = value
    return values


def run(neuron, current, unit):
    """Spikes and V after each step."""
    sl.nn.init_all_states(neuron)

    def step(x):
        spike = neuron(u.Quantity(x[None], unit=unit))
        return spike[0], neuron.V.value.mantissa[0]

    return map(np.asarray, sl.transform.for_loop(step, jnp.asarray(current)))


# --- iaf_psc_exp: exact -----------------------------------------------------------------------------------------------

IAF = [
    {},
    {"tau_syn_ex": 0.5, "tau_syn_in": 3.0, "t_ref": 0.5},
    {"tau_m": 20.0, "C_m": 300.0, "E_L": -65.0, "V_reset": -68.0, "V_th": -50.0, "I_e": 310.0},
    {"tau_syn_ex": 2.0, "tau_m": 2.0, "C_m": 50.0, "t_ref": 0.1},
]
UNITS = {"C_m": u.pF, "I_e": u.pA, "E_L": u.mV, "V_th": u.mV, "V_reset": u.mV}


def arrivals(steps, seed):
    """Spikes of an excitatory and an inhibitory source, one row per step."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.random(steps) < 0.05, rng.random(steps) < 0.02], axis=1).astype(float)


@pytest.mark.parametrize("dt", [0.1, 0.05])
@pytest.mark.parametrize("constants", IAF, ids=lambda c: ",".join(c) or "defaults")
def test_iaf_psc_exp(constants, dt, nest, settings):
    settings(dt)
    steps, weights = round(300 / dt), np.array([180.0, -120.0])
    arriving = arrivals(steps, seed=len(constants))
    changes = [(10, 420.0), (steps // 3, 0.0), (steps // 2, 900.0)]
    spikes = [(int(at), weights[k]) for at, k in zip(*np.nonzero(arriving), strict=True) if at > 0]
    theirs = nest("neuron", model="iaf_psc_exp", params={"V_m": constants.get("E_L", -70.0), **constants}, dt=dt,
                  steps=steps, current=changes, spikes=spikes, record=["V_m", "I_syn_ex", "I_syn_in"])  # fmt: skip

    neuron = sl.IafPscExp(1, **{k: u.Quantity(x, unit=UNITS.get(k, u.ms)) for k, x in constants.items()})
    ex = sl.AlignPostProj(comm=lambda s: s * weights[0] * u.pA, post=neuron, **neuron.excitatory)
    inh = sl.AlignPostProj(comm=lambda s: s * weights[1] * u.pA, post=neuron, **neuron.inhibitory)
    sl.nn.init_all_states(neuron)

    def step(x, arrived):
        spike = neuron(x[None] * u.pA)
        ex(arrived[:1])
        inh(arrived[1:])
        return spike[0], neuron.V.value.mantissa[0], neuron.I_syn_ex.value.mantissa[0]

    spiked, V, I_ex = map(np.asarray, sl.transform.for_loop(
        step, jnp.asarray(stepwise(changes, steps)), jnp.asarray(arriving).at[0].set(0.0)))  # fmt: skip
    assert len(theirs["spikes"]) > 10
    assert np.array_equal(np.flatnonzero(spiked), theirs["spikes"])
    quiet = spiked == 0  # in the step of a spike NEST records the reset, which here follows
    np.testing.assert_allclose(V[quiet], theirs["V_m"][quiet], rtol=1e-10)
    if constants.get("tau_syn_ex", 2.0) != constants.get("tau_syn_in", 2.0):
        np.testing.assert_allclose(I_ex, theirs["I_syn_ex"], rtol=1e-10, atol=1e-9)


# --- models of first order --------------------------------------------------------------------------------------------


def peaks(V, above):
    """NEST's Hodgkin-Huxley models spike where V first falls above a potential, not where it rises through one."""
    return 1 + np.flatnonzero((V[1:] < V[:-1]) & (V[:-1] > above) & (np.r_[V[0], V[:-2]] <= V[:-1]))


def hh():
    return sl.HH(1, gL=0.3 * u.mS, EL=-54.402 * u.mV, V_initializer=-65.0 * u.mV)


def traub_miles_hh():
    return sl.TraubMilesHH(1, V_initializer=-60.0 * u.mV)


def adex():
    """NEST has C and g_L where we have tau and R, and calls V_peak what is V_th here."""
    C, g_L = 281.0 * u.pF, 30.0 * u.nS
    return sl.AdExIF(
        1, tau=C / g_L, R=1 / g_L, V_rest=-70.6 * u.mV, V_T=-50.4 * u.mV, delta_T=2.0 * u.mV, V_th=-20.0 * u.mV,
        V_reset=-60.0 * u.mV, tau_w=144.0 * u.ms, a=4.0 * u.nS, b=80.5 * u.pA, spk_reset="hard",
    )  # fmt: skip


def izhikevich():
    return sl.Izhikevich(1, V_initializer=-65.0 * u.mV, u_initializer=-13.0 * u.mV / u.ms)


# NEST's model and constants, ours, the current in pA and in our unit, NEST's criterion for a spike, duration in ms
FIRST_ORDER = [
    ("hh_psc_alpha", {}, hh, 1000.0, 10.0 * u.uA, lambda spiked, V: peaks(V, 0.0), 60),
    ("hh_cond_exp_traub", {}, traub_miles_hh, 300.0, 300.0 * u.pA, lambda spiked, V: peaks(V, -33.0), 60),
    ("aeif_cond_exp", {"V_peak": -20.0}, adex, 800.0, 800.0 * u.pA, lambda spiked, V: np.flatnonzero(spiked), 120),
    ("izhikevich", {}, izhikevich, 10.0, 10.0 * u.mV / u.ms, lambda spiked, V: np.flatnonzero(spiked), 120),
]
COARSE, FINE = 0.004, 0.002


def same_gates(neuron):
    """Our initial gates as NEST's parameters: its `hh_cond_exp_traub` starts with those of another potential."""
    names = {"m": "Act_m", "h": "Inact_h", "n": "Act_n"}
    sl.nn.init_all_states(neuron)
    return {names[k]: float(getattr(neuron, k).value[0]) for k in names if k in neuron.state_vars}


@pytest.mark.parametrize(
    ("model", "params", "make", "pA", "current", "fires", "ms"), FIRST_ORDER, ids=[case[0] for case in FIRST_ORDER]
)
def test_first_order(model, params, make, pA, current, fires, ms, nest, settings):
    """Two step sizes give the limit of dt → 0, in which spikes and V are NEST's."""
    late, off, first = [], [], []
    for dt in (COARSE, FINE):
        settings(dt)
        steps, neuron = round(ms / dt), make()
        given = {"I_e": pA, **params, **same_gates(neuron)}
        theirs = nest("neuron", model=model, params=given, dt=dt, steps=steps)
        spiked, V = run(neuron, np.full(steps, current.mantissa), current.unit)
        ours = fires(spiked, V)
        assert len(ours) == len(theirs["spikes"]) >= 3
        late.append((ours - theirs["spikes"]) * dt)
        off.append(V - theirs["V_m"])
        first.append(theirs["spikes"][0])
    assert np.abs(late[0]).max() < 0.3  # ms, after several spikes
    # each of the three times is known to a step
    assert np.abs(2 * late[1] - late[0]).max() <= 2 * COARSE + 1e-9
    rise = first[0] - round(1 / COARSE)  # V until 1 ms before the first spike
    assert np.abs(off[0][:rise]).max() < 0.1
    assert np.abs(2 * off[1][1::2][:rise] - off[0][:rise]).max() < 1e-3
