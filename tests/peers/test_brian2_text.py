"""Neurons from one text here and in Brian2: equal spikes, potentials equal to rounding."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl

DT, STEPS, N = 0.1, 1000, 4
RAMP = np.linspace(0.0, 1.0, N)


@pytest.fixture(autouse=True)
def settings_of_this_file(settings):
    settings(DT)


def case(equations, threshold="v > V_th", reset="v = V_r", method="exponential_euler", current=None, **rest):
    options = {name: rest.pop(name) for name in ("refractory", "start") if name in rest}
    return {"equations": equations, "threshold": threshold, "reset": reset, "method": method, "current": current,
            "constants": rest, **options}  # fmt: skip


LIF = {"E_L": "-70*mV", "tau": "20*ms", "V_th": "-50*mV", "V_r": "-65*mV", "R": "100*Mohm"}
HH = """
dv/dt = (g_L*(E_L - v) - g_Na*m**3*h*(v - E_Na) - g_K*n**4*(v - E_K) + I)/C : volt
dm/dt = 0.32/mV*4*mV/exprel((13*mV - v + V_T)/(4*mV))/ms*(1 - m)
        - 0.28/mV*5*mV/exprel((v - V_T - 40*mV)/(5*mV))/ms*m : 1
dn/dt = 0.032/mV*5*mV/exprel((15*mV - v + V_T)/(5*mV))/ms*(1 - n)
        - 0.5*exp((10*mV - v + V_T)/(40*mV))/ms*n : 1
dh/dt = 0.128*exp((17*mV - v + V_T)/(18*mV))/ms*(1 - h)
        - 4/(1 + exp((40*mV - v + V_T)/(5*mV)))/ms*h : 1
"""
CASES = {
    "lif": case("dv/dt = (E_L - v + R*I)/tau : volt (unless refractory)", method="exact", refractory="5*ms",
                current=0.4 * RAMP, start={"v": "E_L"}, **LIF),
    "two time constants, exact": case(
        "dv/dt = (E_L - v)/tau + s/C : volt\n ds/dt = (x - s)/tau_s : amp\n dx/dt = (I - x)/tau_s : amp",
        method="exact", current=0.6 * RAMP, start={"v": "E_L"}, C="200*pF", tau_s="7*ms",
        **{k: LIF[k] for k in ("E_L", "tau", "V_th", "V_r")}),
    "adaptive threshold": case(
        "dv/dt = (E_L - v + R*I)/tau : volt\n dV_t/dt = (V_th - V_t)/tau_t : volt", threshold="v > V_t",
        reset="v = V_r; V_t += 3*mV", method="exact", current=0.4 * RAMP, start={"v": "E_L", "V_t": "V_th"},
        tau_t="50*ms", **LIF),
    "adaptive exponential": case(
        """
        dv/dt = (g_L*(E_L - v) + g_L*D*exp((v - V_T)/D) - w + I)/C : volt
        dw/dt = (a*(v - E_L) - w)/tau_w : amp
        """, reset="v = V_r; w += b", method="euler",
        current=1.2 * RAMP, start={"v": "E_L"}, g_L="30*nS", E_L="-70.6*mV",
        D="2*mV", V_T="-50.4*mV", C="281*pF", a="4*nS", tau_w="144*ms", b="0.0805*nA", V_th="-40*mV", V_r="-70.6*mV"),
    "Izhikevich": case(
        "dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - w + I*R/ms : volt\n dw/dt = a*(b*v - w) : volt/second",
        threshold="v > 30*mV", reset="v = c; w += d", method="euler", current=0.2 * RAMP, start={"v": "-65*mV"},
        a="0.02/ms", b="0.2/ms", c="-65*mV", d="2*mV/ms", R="100*Mohm"),
    "quadratic, midpoint method": case(
        "dv/dt = (k*(v - E_L)*(v - V_c) + I)/C : volt", method="rk2", current=0.3 * RAMP, start={"v": "E_L"},
        k="1*nS/mV", E_L="-60*mV", V_c="-50*mV", C="100*pF", V_th="-30*mV", V_r="-65*mV"),
    "conductances that decay, subexpressions": case(
        """
        dv/dt = (leak + excitation)/tau : volt (unless refractory)
        leak = E_L - v : volt
        excitation = g*(E_E - v) + R*I : volt
        dg/dt = -g/tau_g : 1
        """, reset="v = V_r; g += 0.1", refractory="2*ms", current=0.3 * RAMP, start={"v": "E_L", "g": "0.5"},
        E_E="0*mV", tau_g="5*ms", **LIF),
    "Hodgkin-Huxley of Traub and Miles": case(
        HH, threshold="v > -20*mV", refractory="v > -20*mV", reset="", current=1.5 * RAMP, start={"v": "E_L"},
        g_L="10*nS", E_L="-65*mV", g_Na="20*uS", E_Na="50*mV", g_K="6*uS", E_K="-90*mV", V_T="-63*mV", C="200*pF"),
    "FitzHugh-Nagumo, Runge-Kutta": case(
        "dv/dt = (v - v**3/(3*mV**2) - w + R*I)/tau : volt\n dw/dt = (v + a - b*w)/(12.5*tau) : volt",
        threshold="v > V_th", refractory="v > V_th", reset="", method="rk4", current=0.01 * RAMP, R="100*Mohm",
        tau="1*ms", a="0.7*mV", b="0.8", V_th="1*mV"),
    "driven by time": case(
        "dv/dt = (E_L - v + A*(1 + sin(2*pi_*f*t)))/tau : volt", current=None, A="25*mV", f="30*Hz", pi_="3.14159265",
        start={"v": "E_L"}, **{k: LIF[k] for k in ("E_L", "tau", "V_th", "V_r")}),
}  # fmt: skip


def quantity(text, known=()):
    return eval(text, {**vars(u), **dict(known)})


def ours(equations, threshold, reset, method, current, constants, refractory=None, start=()):
    given = {name: quantity(text) for name, text in constants.items()}
    if current is not None:
        equations += "\nI : nA (input)"
    model = sl.Neuron.from_equations(
        equations, threshold=threshold, reset=reset or None, refractory=refractory, method=method, **given
    )
    starts = {f"{'V' if k == 'v' else k}_initializer": quantity(text, given) for k, text in dict(start).items()}
    neuron = sl.nn.init_all_states(model(N, **starts))

    def step(t):
        with sl.environ.context(t=t):
            spikes = neuron(None if current is None else current * u.nA)
        return neuron.V.value.to_decimal(u.mV), spikes

    return sl.transform.for_loop(step, u.math.arange(STEPS) * (DT * u.ms))


@pytest.mark.parametrize("name", CASES)
def test_text_runs_as_in_brian2(name, brian2):
    given = CASES[name]
    V, spikes = ours(**given)
    current = None if given["current"] is None else np.tile(given["current"], (STEPS, 1))
    theirs = brian2("from_text", n=N, steps=STEPS, dt=DT, **{**given, "current": current})
    assert theirs["spikes"].sum() >= 2
    np.testing.assert_array_equal(np.asarray(spikes), theirs["spikes"])
    np.testing.assert_allclose(np.asarray(V), theirs["V"], rtol=1e-8, atol=1e-7)
