"""Neurons from text against closed forms, against the same model written as a class, and in networks."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import spikeloop as sl

LIF = {"E_L": -60 * u.mV, "R": 1 * u.ohm, "tau": 20 * u.ms, "V_th": -50 * u.mV, "V_reset": -60 * u.mV}
HARD = {"threshold": "v > V_th", "reset": "v = V_reset"}


@pytest.fixture(autouse=True)
def _dt():
    with sl.environ.context(dt=0.1 * u.ms):
        yield


def leaky(equations="dv/dt = (E_L - v + R*I)/tau : mV", **options):
    return sl.Neuron.from_equations(equations, **{**HARD, **LIF, **options})


def simulate(neuron, current, steps=1000, name="V"):
    sl.nn.init_all_states(neuron)
    return sl.transform.for_loop(lambda: (neuron(current), getattr(neuron, name).value), length=steps)


CURRENT = jnp.array([5.0, 15.0, 40.0]) * u.mA


def test_it_is_the_model_that_a_class_declares():
    text = leaky("dv/dt = (E_L - v + R*I)/tau : mV (unless refractory)", refractory="5*ms")(3)
    known = {k: v for k, v in LIF.items() if k != "E_L"}
    declared = sl.LIFRef(3, V_rest=-60 * u.mV, tau_ref=5 * u.ms, spk_reset="hard", **known)
    (spikes, V), (expected_spikes, expected) = (simulate(n, CURRENT) for n in (text, declared))
    assert spikes.sum() == 12
    np.testing.assert_array_equal(spikes, expected_spikes)
    np.testing.assert_allclose(V.mantissa, expected.mantissa, rtol=1e-6)


def test_adaptive_exponential_with_subexpressions_and_units():
    text = sl.Neuron.from_equations(
        """
        dv/dt = (leak + spike_current - w + I) / C : mV
        dw/dt = (a*(v - E_L) - w) / tau_w : pA   # adaptation
        leak = g_L*(E_L - v) : amp
        spike_current = g_L*D*exp((v - V_T)/D) : amp
        """,
        threshold="v > V_th", reset="v = V_r; w += b", method="exp_euler",
        g_L=30 * u.nS, E_L=-70.6 * u.mV, D=2 * u.mV, V_T=-50.4 * u.mV, C=281 * u.pF, a=4 * u.nS, tau_w=144 * u.ms,
        V_th=-40 * u.mV, V_r=-70.6 * u.mV, b=80.5 * u.pA,
    )  # fmt: skip
    # Brette and Gerstner's neuron: 9.4 ms membrane time constant; it adapts.
    spikes, _ = simulate(text(1), 1.0 * u.nA, 4000)
    gaps = np.diff(np.flatnonzero(np.asarray(spikes)))
    assert len(gaps) > 8
    assert gaps[-1] > 1.5 * gaps[0]
    assert text(1).state_unit("w") == u.pA


@pytest.mark.parametrize(
    "tau_s", [5.0, 20.0]
)  # 20 ms is the membrane's own: the closed form of unequal ones divides by 0
def test_exact_method_of_coupled_equations(tau_s):
    model = sl.Neuron.from_equations(
        """
        dv/dt = (E_L - v)/tau + s/C + I/C : mV
        ds/dt = -s/tau_s + x/tau_s : pA
        dx/dt = -x/tau_s : pA
        """,
        threshold="v > V_th", reset="v = E_L",
        E_L=-60 * u.mV, tau=20 * u.ms, C=200 * u.pF, tau_s=tau_s * u.ms, V_th=100 * u.mV,
    )  # fmt: skip
    neuron = model(1, x_initializer=500 * u.pA, s_initializer=20 * u.pA)
    with sl.environ.context(precision=64):
        _, V = simulate(neuron, 100 * u.pA, 300)
    A = np.array([[-1 / 20, 1 / 200, 0], [0, -1 / tau_s, 1 / tau_s], [0, 0, -1 / tau_s]])
    block = np.block([[A, np.array([[-60 / 20 + 100 / 200], [0], [0]])], [np.zeros((1, 4))]])
    expected = [(scipy.linalg.expm(block * 0.1 * k) @ [-60, 20, 500, 1])[0] for k in (1, 150, 300)]
    np.testing.assert_allclose(V.mantissa[[0, 149, 299], 0], expected, rtol=2e-6)


def test_conductances_in_an_exact_step_are_stable():
    """A conductance a hundred times the leak draws V to its reversal potential, without a swing."""
    model = sl.Neuron.from_equations(
        "dv/dt = (E_L - v)/tau + (I - w)/C : mV\n dw/dt = -w/tau_w : pA",
        threshold="v > V_th", reset="v = E_L", E_L=-60 * u.mV, tau=20 * u.ms, C=200 * u.pF, tau_w=100 * u.ms,
        V_th=50 * u.mV,
    )  # fmt: skip
    neuron = model(1)
    projection = sl.AlignPostProj(
        pre=1, post=neuron, comm=sl.nn.OneToOne(1, 1.0 * u.uS), syn=sl.Expon.desc(1, tau=50 * u.ms),
        out=sl.COBA.desc(E=0 * u.mV),
    )  # fmt: skip
    net = sl.nn.Module()
    net.parts = [neuron, projection]
    sl.nn.init_all_states(net)
    projection(jnp.ones(1))

    def step():
        neuron()
        return neuron.V.value

    V = sl.transform.for_loop(step, length=100).mantissa[:, 0]
    assert (np.diff(V[:20]) > 0).all()
    assert (V < 0).all()
    assert V[-1] > -1.5


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("exp_euler", 1), ("rk2", 2), ("rk4", 4)])
def test_order_of_convergence(method, order):
    model = sl.Neuron.from_equations(
        "dv/dt = (-v - 2*w)/tau : mV\n dw/dt = (2*v - w)/tau : mV",
        threshold="v > V_th", reset="v = 0*mV", tau=10 * u.ms, V_th=50 * u.mV, method=method,
    )  # fmt: skip
    exact = -10 * np.exp(-0.8) * np.sin(1.6)

    def error(dt):
        with sl.environ.context(dt=dt * u.ms, precision=64), jax.enable_x64(True):
            _, V = simulate(model(1, w_initializer=10.0 * u.mV), None, round(8 / dt))
            return abs(float(V.mantissa[-1, 0]) - exact)

    assert np.log2(error(0.25) / error(0.125)) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("method", "order"), [("rk2", 2), ("rk4", 4)])
def test_the_order_holds_where_the_rate_depends_on_time(method, order):
    model = sl.Neuron.from_equations(
        "dv/dt = sin(t/tau)*v/tau : mV", threshold="v > V_th", reset="v = 0*mV", tau=1 * u.ms, V_th=50 * u.mV,
        method=method,
    )  # fmt: skip

    def error(dt):
        with sl.environ.context(dt=dt * u.ms, precision=64), jax.enable_x64(True):
            neuron = sl.nn.init_all_states(model(1, V_initializer=1.0 * u.mV))

            def step(t):
                with sl.environ.context(t=t):
                    neuron()

            sl.transform.for_loop(step, u.math.arange(round(2 / dt)) * (dt * u.ms))
            return abs(float(neuron.V.value.mantissa[0]) - np.exp(1 - np.cos(2.0)))

    assert np.log2(error(0.1) / error(0.05)) == pytest.approx(order, abs=0.2)


def test_time_in_a_threshold():
    model = sl.Neuron.from_equations(
        "dv/dt = -v/tau : mV", threshold="v > V_th and t > 1.05*ms", reset="v = v", tau=1e6 * u.ms, V_th=1 * u.mV
    )
    neuron = sl.nn.init_all_states(model(1, V_initializer=2.0 * u.mV))

    def step(t):
        with sl.environ.context(t=t):
            return neuron()

    spikes = sl.transform.for_loop(step, u.math.arange(20) * (0.1 * u.ms))
    assert np.flatnonzero(np.asarray(spikes)[:, 0])[0] == 11


def test_equations_with_time_need_a_time():
    model = sl.Neuron.from_equations(
        "dv/dt = sin(t/tau)*v/tau : mV", threshold="v > V_th", reset="v = 0*mV", tau=1 * u.ms, V_th=50 * u.mV
    )
    neuron = sl.nn.init_all_states(model(1))
    with pytest.raises(sl.errors.MissingSettingError, match=r"'t' \(the time, which the equations contain\)"):
        neuron()


def test_threshold_as_refractoriness_is_a_rise():
    model = sl.Neuron.from_equations(
        "dv/dt = I/C : mV", threshold="v > V_th", refractory="v > V_th", C=1 * u.pF, V_th=5 * u.mV
    )
    spikes, _ = simulate(model(1), 10.0 * u.pA, 30)
    assert spikes.sum() == 1


def test_several_conditions_and_time():
    model = sl.Neuron.from_equations(
        "dv/dt = (E_L - v)/tau + int(t > 5*ms and t < 10*ms)*30*mV/ms : mV",
        threshold="v > V_th and v < 100*mV", reset="v = E_L", method="euler",
        E_L=0 * u.mV, tau=20 * u.ms, V_th=10 * u.mV,
    )  # fmt: skip
    neuron = sl.nn.init_all_states(model(1))

    def step(t):
        with sl.environ.context(t=t):
            return neuron()

    spikes = sl.transform.for_loop(step, u.math.arange(0.0, 20.0, 0.1) * u.ms)
    at = np.flatnonzero(np.asarray(spikes)[:, 0]) * 0.1
    assert at.min() > 5.0
    assert at.max() < 10.1
    assert len(at) == 12


def test_constants_train():
    model = leaky(V_th=0 * u.mV, V_reset=-1 * u.mV, E_L=-60 * u.mV)

    def loss(neuron):
        sl.nn.init_all_states(neuron)
        return sl.transform.for_loop(lambda: (neuron(5.0 * u.mA), neuron.V.value.mantissa)[1], length=50)[-1].sum()

    neuron = model(
        1, tau=sl.ParamState(20.0 * u.ms), V_initializer=-60 * u.mV
    )  # with a threshold out of reach of the surrogate gradient
    slope = sl.transform.grad(lambda: loss(neuron), neuron.states(sl.ParamState))()
    (found,) = jax.tree.leaves(slope)
    t, tau = 5.0, 20.0  # V = E_L + 5 (1 - exp(-t/tau))
    np.testing.assert_allclose(found, -5 * np.exp(-t / tau) * t / tau**2, rtol=1e-4)


def test_parameters_that_the_text_declares():
    model = leaky("dv/dt = (E_L - v + R*I + offset)/tau : mV\n offset : mV (constant)")
    assert model(1).offset == 0.0 * u.mV
    _, V = simulate(model(2, offset=jnp.array([0.0, 3.0]) * u.mV), None, 2000)
    np.testing.assert_allclose(V.mantissa[-1], [-60, -57], rtol=1e-4)


def test_the_unit_of_the_input_is_that_of_the_text():
    model = leaky("dv/dt = (E_L - v + R*J)/tau : mV\n J : nA (input)", R=1 * u.Gohm)
    assert model.current_unit == u.nA
    _, V = simulate(model(1), 5.0 * u.pA, 2000)
    np.testing.assert_allclose(V.mantissa[-1], [-55], rtol=1e-4)


def test_it_is_called_from_a_population_in_batches_and_under_vmap():
    neuron = sl.nn.init_all_states(leaky()(3), batch_size=4)
    assert neuron(CURRENT).shape == (4, 3)
    assert neuron.v is neuron.V


def test_adaptive_steps_keep_to_a_tolerance_in_the_units_of_the_text():
    sl.environ.set(precision=64)

    def after(unit, tolerance):
        text = f"dv/dt = -v*v/(tau*mV) : {unit}\ndw/dt = (w_end - w)/tau : pA"
        cls = sl.Neuron.from_equations(text, threshold="v > 1*volt", method=f"rkf45({tolerance})", tau=2 * u.ms,
                                       w_end=3 * u.pA)  # fmt: skip
        neurons = sl.nn.init_all_states(cls(2, V_initializer=[1.0, 20.0] * u.mV))
        with sl.environ.context(dt=8.0 * u.ms):
            neurons()
        return neurons.V.value.to_decimal(u.mV)

    with pytest.warns(RuntimeWarning, match="runs as its JAX reference"):
        fine, coarse = after("mV", 1e-9), after("volt", 1e-4)
    exact = np.array([1.0, 20.0]) / (1 + np.array([1.0, 20.0]) * 4)
    np.testing.assert_allclose(fine, exact, rtol=1e-7)
    assert 1e-6 < np.abs(coarse - exact).max() < 0.2  # 1e-4 volt are 0.1 mV
