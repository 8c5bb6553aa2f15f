"""Networks and Hodgkin-Huxley neurons beside Brian2 with the same scheme, exponential Euler: equal to rounding."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

DT = 0.1


@pytest.fixture(autouse=True)
def settings_of_this_file(settings):
    settings(DT)
    sl.random.seed(2)


def start_of(neuron):
    """The initial values as plain numbers, by Brian2's names."""
    return {name.lower(): u.get_magnitude(getattr(neuron, name).value) for name in neuron.state_vars}


def compare(ours, theirs, atol=1e-9):
    V, spikes = map(np.asarray, ours)
    assert spikes.sum() > spikes.shape[1]
    assert np.array_equal(spikes, theirs["spikes"])
    np.testing.assert_allclose(V, theirs["V"], rtol=0, atol=atol)


# --- networks ---------------------------------------------------------------------------------------------------------

COBA = """
dv/dt = (-60 - v + 20 + ge*(0 - v) + gi*(-80 - v)) / (20*ms) : 1 (unless refractory)
dge/dt = -ge / (5*ms) : 1
dgi/dt = -gi / (10*ms) : 1
"""
CUBA = """
dv/dt = (-49 - v + ge + gi) / (20*ms) : 1 (unless refractory)
dge/dt = -ge / (5*ms) : 1
dgi/dt = -gi / (10*ms) : 1
"""


def synapses(proj, target, weight, first):
    """The edges of a projection with rows of equal length, from the neurons from `first` on."""
    conn = proj.comm
    pre = first + np.repeat(np.arange(conn.n_pre), conn.num_synapses // conn.n_pre)
    return {"target": target, "weight": weight, "pre": pre, "post": conn.indices, "driven": False}


@pytest.mark.parametrize(
    ("make", "equations", "weights"),
    [(sl.networks.COBANetwork, COBA, (0.6, 6.7)), (sl.networks.CUBANetwork, CUBA, (1.62, -9.0))],
    ids=["COBA", "CUBA"],
)
def test_balanced_network(make, equations, weights, brian2):
    steps = 2000  # later, rounding moves a spike by a step, and the two go separate ways
    net = sl.nn.init_all_states(make(200))
    edges = [synapses(net.E, "ge", weights[0], 0), synapses(net.I, "gi", weights[1], net.num_excitatory)]
    theirs = brian2(
        "population", n=net.size, equations=equations, start=start_of(net.N), steps=steps, dt=DT, threshold="v >= -50",
        reset="v = -60", refractory=5.0, synapses=edges,
    )  # fmt: skip

    def step(t):
        spikes = net.update(t)
        return net.N.V.value.mantissa, spikes

    compare(sl.transform.for_loop(step, jnp.arange(steps) * DT * u.ms), theirs)


# --- channels ---------------------------------------------------------------------------------------------------------

GATES = "".join(f"d{x}/dt = (a{x} * (1 - {x}) - b{x} * {x}) / ms : 1\n" for x in "mhn")
HH = (
    """
dv/dt = (120*m**3*h*(50 - v) + 36*n**4*(-77 - v) + 0.03*(-54.387 - v) + I) / ms : 1
am = 1 / exprel(-(v + 40)/10) : 1
bm = 4 * exp(-(v + 65)/18) : 1
ah = 0.07 * exp(-(v + 65)/20) : 1
bh = 1 / (1 + exp(-(v + 35)/10)) : 1
an = 0.1 / exprel(-(v + 55)/10) : 1
bn = 0.125 * exp(-(v + 65)/80) : 1
"""
    + GATES
)
TRAUB_MILES = (
    """
dv/dt = (20000*m**3*h*(50 - v) + 6000*n**4*(-90 - v) + 10*(-60 - v) + ge*(0 - v) + gi*(-80 - v) + I) / (200*ms) : 1
dge/dt = -ge / (5*ms) : 1
dgi/dt = -gi / (10*ms) : 1
am = 0.32*4 / exprel((13 - v - 63)/4) : 1
bm = 0.28*5 / exprel((v + 63 - 40)/5) : 1
ah = 0.128 * exp((17 - v - 63)/18) : 1
bh = 4 / (1 + exp((40 - v - 63)/5)) : 1
an = 0.032*5 / exprel((15 - v - 63)/5) : 1
bn = 0.5 * exp((10 - v - 63)/40) : 1
"""
    + GATES
)
WANG_BUZSAKI = """
dv/dt = (35*minf**3*h*(55 - v) + 9*n**4*(-90 - v) + 0.1*(-65 - v) + I) / ms : 1
am = 1 / exprel(-(v + 35)/10) : 1
bm = 4 * exp(-(v + 60)/18) : 1
minf = am / (am + bm) : 1
dh/dt = 5 * (0.07*exp(-(v + 58)/20)*(1 - h) - h/(exp(-(v + 28)/10) + 1)) / ms : 1
dn/dt = 5 * (0.1/exprel(-(v + 34)/10)*(1 - n) - 0.125*exp(-(v + 44)/80)*n) / ms : 1
"""
MORRIS_LECAR = """
dv/dt = (4.4*(1 + tanh((v + 1.2)/18))/2*(130 - v) + 8*w*(-84 - v) + 2*(-60 - v) + I) / (20*ms) : 1
dw/dt = 0.04*cosh((v - 2)/60) * ((1 + tanh((v - 2)/30))/2 - w) / ms : 1
"""
CHANNELS = [
    (sl.HH, HH, 20.0, 8.0),
    (sl.WangBuzsakiHH, WANG_BUZSAKI, 20.0, 1.5),
    (sl.MorrisLecar, MORRIS_LECAR, 10.0, 90.0),
]


@pytest.mark.parametrize(("cls", "equations", "V_th", "amplitude"), CHANNELS, ids=[c[0].__name__ for c in CHANNELS])
def test_channels(cls, equations, V_th, amplitude, brian2):
    n, steps = 4, 3000
    current = amplitude * (1 + 0.2 * np.arange(n) + 0.1 * np.sin(np.arange(steps)[:, None] / 70))
    neuron = sl.nn.init_all_states(cls(n))
    theirs = brian2("population", n=n, equations=equations, start=start_of(neuron), steps=steps, dt=DT,
                    threshold=f"v >= {V_th}", refractory=f"v >= {V_th}", current=current)  # fmt: skip

    def step(x):
        spikes = neuron(u.Quantity(x, unit=cls.current_unit))
        return neuron.V.value.mantissa, spikes

    compare(sl.transform.for_loop(step, jnp.asarray(current)), theirs)


def test_traub_miles_with_conductances(brian2):
    n, steps, sources = 4, 3000, 20
    rng = np.random.default_rng(5)
    arrivals = (rng.random((steps, sources)) < 0.004).astype(float)
    current = np.broadcast_to(np.linspace(100.0, 400.0, n), (steps, n))
    chosen = {name: rng.random((sources, n)) < 0.5 for name in ("E", "I")}
    neuron = sl.TraubMilesHH(n)

    def project(name, E, tau, weight):
        matrix = jnp.asarray(chosen[name] * weight)
        return sl.AlignPostProj(comm=lambda s: s @ matrix * u.nS, post=neuron, out=sl.COBA.desc(E=E * u.mV),
                                syn=sl.Expon.desc(n, tau=tau * u.ms, g_initializer=0.0 * u.nS))  # fmt: skip

    exc, inh = project("E", 0.0, 5.0, 6.0), project("I", -80.0, 10.0, 20.0)
    sl.nn.init_all_states(neuron)
    edges = []
    for name, target, weight in (("E", "ge", 6.0), ("I", "gi", 20.0)):
        pre, post = np.nonzero(chosen[name])
        edges.append({"target": target, "weight": weight, "pre": pre, "post": post, "driven": True})
    theirs = brian2(
        "population", n=n, equations=TRAUB_MILES, start=start_of(neuron), steps=steps, dt=DT, threshold="v >= -20",
        refractory="v >= -20", current=current, synapses=edges, arrivals=arrivals,
    )  # fmt: skip

    def step(x, arriving):
        spikes = neuron(x * u.pA)
        exc(arriving)
        inh(arriving)
        return neuron.V.value.mantissa, spikes

    compare(sl.transform.for_loop(step, jnp.asarray(current), jnp.asarray(arrivals)), theirs)
