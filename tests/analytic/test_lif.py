"""LIF neurons against closed forms and against SciPy's solution of the same equations."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64)


def voltages(neuron, current, steps, dt):
    """(V after each step in mV, spikes) under `current` in mA, one number or one per step."""
    sl.nn.init_all_states(neuron)
    current = u.Quantity(jnp.broadcast_to(jnp.asarray(current, jnp.float64), (steps,)), unit=u.mA)

    def step(x):
        spike = neuron(x)
        return neuron.V.value.mantissa, spike

    with sl.environ.context(dt=dt * u.ms):
        return map(np.asarray, sl.transform.for_loop(step, current))


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0, 7.0])
@pytest.mark.parametrize("start", [-80.0, -65.0, -52.0])
def test_voltage_under_a_constant_current_is_exact_for_any_step(dt, start):
    tau, rest, R, current = 20.0, -65.0, 3.0, 4.0
    neuron = sl.LIF(1, R=R * u.ohm, tau=tau * u.ms, V_rest=rest * u.mV, V_th=-50.0 * u.mV, V_reset=-65.0 * u.mV,
                    V_initializer=start * u.mV)  # fmt: skip
    V, spikes = voltages(neuron, current, 200, dt)
    t = dt * np.arange(1, 201)
    target = rest + R * current
    assert not spikes.any()
    # 200 steps round once each, by half an ulp of 64 mV: 200·2⁻⁴⁸ < 1e-12
    np.testing.assert_allclose(V[:, 0], target + (start - target) * np.exp(-t / tau), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("g", "E"), [(0.3, 0.0), (2.0, -80.0)])
def test_voltage_under_a_constant_conductance_is_exact(g, E):
    tau, rest, dt = 20.0, -65.0, 0.5
    neuron = sl.LIF(1, tau=tau * u.ms, V_rest=rest * u.mV, V_th=10.0 * u.mV, V_reset=-65.0 * u.mV)
    proj = sl.AlignPostProj(comm=lambda x: x, syn=sl.Expon.desc(1, tau=1e15 * u.ms), out=sl.COBA.desc(E=E * u.mV),
                            post=neuron)  # fmt: skip
    sl.nn.init_all_states(neuron)
    proj.syn.g.value = u.Quantity(jnp.full(1, g * 1e3), unit=u.mS)  # g in 1/Ω as R is 1 Ω
    seen = []
    with sl.environ.context(dt=dt * u.ms):
        for _ in range(100):
            neuron()
            seen.append(float(neuron.V.value.mantissa[0]))
    scale = g * 1e3 * 1e-3  # R·g without a unit
    target, fast = (rest + scale * E) / (1 + scale), tau / (1 + scale)
    t = dt * np.arange(1, 101)
    np.testing.assert_allclose(seen, target + (rest - target) * np.exp(-t / fast), rtol=0, atol=1e-11)


def isi(tau, drive, threshold, reset, dt, ref=0):
    """Steps between two spikes of a neuron that is reset to `reset` and driven towards `drive`."""
    crossing = tau * np.log((drive - reset) / (drive - threshold))
    return int(np.ceil(crossing / dt - 1e-9)) + ref


@pytest.mark.parametrize("dt", [0.1, 0.02])
@pytest.mark.parametrize("current", [16.0, 20.0, 35.0])
def test_firing_rate_under_a_constant_current(dt, current):
    neuron = sl.LIF(1, tau=20.0 * u.ms, V_rest=-65.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-70.0 * u.mV, spk_reset="hard")
    _, spikes = voltages(neuron, current, round(1000 / dt), dt)
    steps = np.diff(np.flatnonzero(spikes[:, 0]))
    # the spike is seen at the end of the step in which V crosses, and the reset belongs to the next step
    assert len(steps) > 5
    assert set(steps) == {isi(20.0, -65.0 + current, -50.0, -70.0, dt)}


@pytest.mark.parametrize("tau_ref", [0.0, 0.1, 2.0, 5.0, 5.04])
@pytest.mark.parametrize("spk_reset", ["hard", "soft"])
def test_refractory_period_is_exact_in_steps(tau_ref, spk_reset):
    dt, current = 0.1, 40.0
    neuron = sl.LIFRef(1, tau=20.0 * u.ms, V_rest=-65.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-70.0 * u.mV,
                       tau_ref=tau_ref * u.ms, spk_reset=spk_reset)  # fmt: skip
    V, spikes = (x[:, 0] for x in voltages(neuron, current, 3000, dt))
    held = max(round(tau_ref / dt) - 1, 0)
    at = np.flatnonzero(spikes)
    assert len(at) > 5
    for k in at[:-1]:
        reset = -70.0 if spk_reset == "hard" else V[k] - 20.0
        np.testing.assert_allclose(V[k + 1 : k + 1 + held], reset, rtol=0, atol=1e-12)
        # the first step that integrates again is number tau_ref/dt after the spike
        step = reset + (1 - np.exp(-dt / 20.0)) * (-65.0 + current - reset)
        np.testing.assert_allclose(V[k + 1 + held], step, rtol=0, atol=1e-12)
    if spk_reset == "hard":
        assert set(np.diff(at)) == {isi(20.0, -65.0 + current, -50.0, -70.0, dt) + held}


def test_refractory_period_of_each_neuron_of_its_own():
    neuron = sl.LIFRef(4, tau=20.0 * u.ms, V_th=10.0 * u.mV, tau_ref=np.array([0.0, 1.0, 2.0, 4.0]) * u.ms)
    _, spikes = voltages(neuron, 40.0, 2000, 0.1)
    gaps = [np.diff(np.flatnonzero(s)).min() for s in spikes.T]
    assert np.array_equal(np.diff(gaps), [9, 10, 20])


@pytest.mark.parametrize("times", [np.arange(400) * 0.1, 1e6 + np.arange(400) * 0.1, np.zeros(400), -np.arange(400.0)])
def test_refractory_period_does_not_depend_on_the_time(times):
    def spikes_at(times, restart=False):
        neuron = sl.nn.init_all_states(sl.LIFRef(1, tau=20.0 * u.ms, V_th=10.0 * u.mV, tau_ref=5.0 * u.ms))

        def step(t):
            with sl.environ.context(t=t):
                return neuron(60.0 * u.mA)

        with sl.environ.context(dt=0.1 * u.ms):
            runs = np.split(times, 2) if restart else [times]
            return np.concatenate([sl.transform.for_loop(step, u.Quantity(jnp.asarray(t), unit=u.ms)) for t in runs])

    wanted = spikes_at(np.arange(400) * 0.1)
    assert 3 < wanted.sum() < 8
    assert np.array_equal(spikes_at(times), wanted)
    assert np.array_equal(spikes_at(times, restart=True), wanted)


def test_soft_reset_keeps_what_exceeds_the_threshold():
    neuron = sl.LIF(1, tau=5.0 * u.ms, V_th=1.0 * u.mV, V_reset=0.2 * u.mV, V_initializer=1.7 * u.mV)
    V, _ = voltages(neuron, 0.0, 2, 0.1)
    first = 1.7 * np.exp(-0.1 / 5)  # above threshold at the end of the first step, so reset in the second
    np.testing.assert_allclose(V[:, 0], [first, (first - 0.8) * np.exp(-0.1 / 5)], rtol=1e-14)
    hard = sl.LIF(1, tau=5.0 * u.ms, V_th=1.0 * u.mV, V_reset=0.2 * u.mV, V_initializer=1.7 * u.mV, spk_reset="hard")
    V, _ = voltages(hard, 0.0, 2, 0.1)
    np.testing.assert_allclose(V[:, 0], [first, 0.2 * np.exp(-0.1 / 5)], rtol=1e-14)


def error_against_ode(dt, drive, duration=40.0):
    """The largest error of V at the ends of steps under a time-varying current, which a step sees at its middle."""
    steps = round(duration / dt)
    neuron = sl.LIF(1, tau=10.0 * u.ms, V_th=1e6 * u.mV, V_rest=-65.0 * u.mV, V_reset=-65.0 * u.mV)
    V, _ = voltages(neuron, drive((np.arange(steps) + 0.5) * dt), steps, dt)
    t = np.arange(1, steps + 1) * dt
    exact = solve_ivp(
        lambda t, V: (-(V + 65.0) + drive(t)) / 10.0, (0, duration), [-65.0], t_eval=t, rtol=1e-12, atol=1e-12
    )
    return np.abs(V[:, 0] - exact.y[0]).max()


def test_order_of_convergence_is_two_for_an_input_that_varies():
    # exponential Euler with the input at the middle of a step is of second order
    errors = np.array([error_against_ode(dt, lambda t: 10 * np.sin(t / 3.0) + t / 8) for dt in (0.8, 0.4, 0.2, 0.1)])
    orders = np.log2(errors[:-1] / errors[1:])
    np.testing.assert_allclose(orders, 2.0, atol=0.05)


def test_order_of_convergence_with_a_decaying_conductance_is_one():
    # within a step the conductance counts as constant: its value at the start of the step
    def final(dt):
        neuron = sl.LIF(1, tau=10.0 * u.ms, V_th=1e6 * u.mV, V_rest=-65.0 * u.mV, V_reset=-65.0 * u.mV)
        proj = sl.AlignPostProj(comm=lambda x: x, syn=sl.Expon.desc(1, tau=5.0 * u.ms), out=sl.COBA.desc(E=0.0 * u.mV),
                                post=neuron)  # fmt: skip
        sl.nn.init_all_states(neuron)
        proj.syn.g.value = u.Quantity(jnp.full(1, 2e3), unit=u.mS)
        with sl.environ.context(dt=dt * u.ms):
            sl.transform.for_loop(lambda: neuron(), length=round(20 / dt))
        return float(neuron.V.value.mantissa[0])

    def slope(t, V):
        return (-(V + 65.0) - 2.0 * np.exp(-t / 5.0) * V) / 10.0

    exact = solve_ivp(slope, (0, 20), [-65.0], rtol=1e-12, atol=1e-12)
    errors = np.array([abs(final(dt) - exact.y[0, -1]) for dt in (0.4, 0.2, 0.1, 0.05)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 1.0, atol=0.1)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    tau=st.floats(1.0, 100.0), rest=st.floats(-80.0, 0.0), drive=st.floats(-20.0, 20.0), start=st.floats(-90.0, 10.0),
    dt=st.floats(0.001, 10.0),
)  # fmt: skip
def test_one_step_is_the_solution_of_the_equation(tau, rest, drive, start, dt):
    neuron = sl.LIF(1, tau=tau * u.ms, V_rest=rest * u.mV, V_th=1e4 * u.mV, V_reset=rest * u.mV,
                    V_initializer=start * u.mV)  # fmt: skip
    V, _ = voltages(neuron, drive, 1, dt)
    np.testing.assert_allclose(V[0, 0], rest + drive + (start - rest - drive) * np.exp(-dt / tau), rtol=0, atol=1e-12)


@pytest.mark.parametrize("tau", [0.5, 8.0, 1000.0])
def test_exponential_synapse_decays_exactly(tau):
    syn = sl.nn.init_all_states(sl.Expon(3, tau=tau * u.ms))
    with sl.environ.context(dt=0.1 * u.ms):
        first = syn(u.Quantity(jnp.array([1.0, 2.0, 0.0]), unit=u.mS))
        rest = sl.transform.for_loop(lambda: syn(), length=100)
    np.testing.assert_array_equal(first.mantissa, [1.0, 2.0, 0.0])
    wanted = np.exp(-0.1 * np.arange(1, 101) / tau)[:, None] * [1.0, 2.0, 0.0]
    np.testing.assert_allclose(rest.mantissa, wanted, rtol=1e-12)
