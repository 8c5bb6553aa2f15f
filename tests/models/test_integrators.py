"""A model that declares its derivative: the integrators converge at their orders, and the exact one is exact."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from scipy.integrate import solve_ivp
from spikeloop.models import param, variable


class Linear(sl.Neuron):
    """A leaky membrane with two currents in a row, one of which drives the other."""

    tau = param(10.0 * u.ms)
    tau_a = param(5.0 * u.ms)
    tau_b = param(5.0 * u.ms)
    V_th = param(1e6 * u.mV)
    V_reset = param(0.0 * u.mV)
    V = variable(-10.0 * u.mV, u.mV)
    a = variable(3.0)
    b = variable(7.0)

    @staticmethod
    def derivative(p, s, drive):
        return {
            "V": (-s.V + s.a + drive.current + drive.synaptic) / p.tau,
            "a": (s.b - s.a) / p.tau_a,
            "b": -s.b / p.tau_b,
        }


class Curved(sl.Neuron):
    """A quadratic membrane with a slow variable."""

    integrator = "rk4"
    V_th = param(1e6 * u.mV)
    V_reset = param(0.0 * u.mV)
    V = variable(-20.0 * u.mV, u.mV)
    w = variable(0.5)

    @staticmethod
    def derivative(p, s, drive):
        return {"V": 0.02 * s.V * (s.V - 5) / 5 - 3 * s.w + drive.current, "w": jnp.tanh(s.V / 5) - s.w / 7}


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64)


def after(model, dt, time=8.0, current=1.5):
    """The states after some ms."""
    sl.environ.set(dt=dt * u.ms)
    sl.nn.init_all_states(model)
    sl.transform.for_loop(lambda: model(current * u.mA), length=round(time / dt))
    return np.array([u.get_mantissa(getattr(model, name).value)[0] for name in model.state_vars])


def solution(model, time=8.0, current=1.5):
    p = model.numbers()
    names = [*model.state_vars]

    def f(t, x):
        s = type("S", (), dict(zip(names, x, strict=True)))
        return [float(v) for v in model.derivative(p, s, sl.kernels.Drive(current, 0.0, 0.0)).values()]

    start = [model.state_vars[k].default for k in names]
    start = [float(u.get_mantissa(x)) for x in start]
    return solve_ivp(f, (0, time), start, rtol=1e-12, atol=1e-12).y[:, -1]


ORDERS = {"exp_euler": 1, "euler": 1, "rk2": 2, "rk4": 4, "rk4(2)": 4, "midpoint": 2}


@pytest.mark.parametrize("cls", [Linear, Curved])
@pytest.mark.parametrize("integrator", ORDERS)
def test_errors_fall_with_the_order_of_the_integrator(cls, integrator):
    model = cls(1, integrator=integrator)
    wanted = solution(model)
    coarse, fine = (np.abs(after(model, dt) - wanted).max() for dt in (0.2, 0.1))
    assert np.log2(coarse / fine) == pytest.approx(ORDERS[integrator], abs=0.45)


def test_substeps_are_steps():
    np.testing.assert_allclose(after(Curved(1, integrator="rk2(4)"), 0.4), after(Curved(1, integrator="rk2"), 0.1))


@pytest.mark.parametrize("taus", [(5, 5), (5, 10), (5 + 1e-9, 5), (20, 0.01)])
def test_the_exact_step_of_a_linear_model_is_exact(taus):
    model = Linear(1, integrator="exact", tau_a=taus[0] * u.ms, tau_b=taus[1] * u.ms)
    wanted = after(Linear(1, integrator="rk4(20)", tau_a=taus[0] * u.ms, tau_b=taus[1] * u.ms), 0.1)
    np.testing.assert_allclose(after(model, 4.0), after(model, 0.5), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(after(model, 4.0), wanted, rtol=1e-6, atol=1e-9)


def test_adaptive_steps_keep_to_their_tolerance():
    with pytest.warns(RuntimeWarning, match="'Curved' runs as its JAX reference.*while"):
        found = [after(Curved(1, integrator=f"rkf45({e})"), 8.0) for e in (1e-3, 1e-9)]
    errors = np.abs(np.array(found) - solution(Curved(1))).max(1)
    assert 1e-7 < errors[0] < 1e-2
    assert errors[1] < 1e-7
    V = np.array([-20.0, 0.0, 3.0])
    each = [after(Curved(1, integrator="rkf45", V_initializer=v * u.mV), 4.0)[0] for v in V]
    together = Curved(3, integrator="rkf45", V_initializer=V * u.mV)
    after(together, 4.0)
    np.testing.assert_allclose(u.get_mantissa(together.V.value), each, rtol=1e-12)  # each has its own steps


def test_conductances_act_in_an_exact_step():
    class Net(sl.nn.Module):
        def __init__(self, integrator):
            super().__init__()
            self.N = Linear(1, integrator=integrator)
            self.E = sl.AlignPostProj(
                comm=sl.connect.FixedOutDegree(1, weight=0.5 * u.mS, seed=0), pre=1, post=self.N,
                syn=sl.Expon.desc(1, tau=1e9 * u.ms, g_initializer=2.0 * u.mS), out=sl.COBA.desc(E=30.0 * u.mV),
            )  # fmt: skip

        def update(self):
            self.E(jnp.zeros(1))
            return self.N(0.0 * u.mA)

    def run(integrator, dt, length):
        sl.environ.set(dt=dt * u.ms)
        net = sl.nn.init_all_states(Net(integrator))
        sl.transform.for_loop(net.update, length=length)
        return np.asarray(u.get_mantissa(net.N.V.value))

    np.testing.assert_allclose(run("exact", 0.01, 800), run("rk4", 0.01, 800), rtol=2e-3)


def test_a_constant_of_an_exact_model_is_trained():
    sl.environ.set(dt=0.5 * u.ms)
    model = Linear(1, integrator="exact", tau_a=sl.ParamState(6.0 * u.ms))

    def loss():
        sl.nn.init_all_states(model)
        return sl.transform.for_loop(lambda: (model(1.0 * u.mA), model.V.value.mantissa.sum())[1], length=10).sum()

    slope = u.get_mantissa(jax.tree.leaves(sl.transform.grad(loss, model.states(sl.ParamState))())[0])
    values = []
    for tau in (6.0 - 1e-4, 6.0 + 1e-4):
        model.tau_a.value = tau * u.ms
        values.append(float(loss()))
    assert slope == pytest.approx((values[1] - values[0]) / 2e-4, rel=1e-5)


def test_it_runs_native(native):
    sl.environ.set(dt=0.1 * u.ms)
    model = sl.nn.init_all_states(Linear(4, integrator="exact"))
    sl.kernels.show(model)
    model()
    assert not any("Linear" in name for name in sl.info()["fallbacks"])


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="integrator: There is no method 'rk5'.*did you mean 'rk4'"):
        Linear(1, integrator="rk5")
    with pytest.raises(ValueError, match="integrator: the rate of V is not linear .* choose another"):
        Curved(1, integrator="exact")
    with pytest.raises(ValueError, match="'exact\\(2\\)': exact takes no substeps"):
        Linear(1, integrator="exact(2)")
    with pytest.raises(TypeError, match="integrator"):
        sl.LIF(1, integrator="rk4")
    assert Curved(1).integrator == "rk4"
    with pytest.raises(ValueError, match="'rkf45\\(0\\)': the tolerance is a number greater than 0"):
        Linear(1, integrator="rkf45(0)")
