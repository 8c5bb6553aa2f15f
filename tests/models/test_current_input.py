"""Currents added to a neuron by hand: for one step, or as functions of V."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import spikeloop as sl
from spikeloop._errors import NotInitializedError, ShapeError, UnitError

SILENT = {"tau": 20.0 * u.ms, "V_th": 1e6 * u.mV}


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def both(*neurons):
    for neuron in neurons:
        sl.nn.init_all_states(neuron)


def V_of(neuron):
    return np.asarray(neuron.V.value.to_decimal(u.mV))


@pytest.mark.parametrize("cls", [sl.LIF, sl.LIFRef, sl.ExpIF, sl.HH, sl.IafPscExp])
def test_an_added_current_acts_like_an_external_one(cls):
    unit = cls.current_unit
    start = {"V_initializer": -65.0 * u.mV} if cls is sl.HH else {}  # by itself random
    by_hand, external = cls(2, **start), cls(2, **start)
    by_hand.take_current()
    by_hand.take_current()
    assert len(by_hand.receptors) == len(cls(2).receptors) + 1
    currents = np.random.default_rng(0).uniform(0, 3, (30, 2))

    def step(x):
        by_hand.add_current_input("one", u.Quantity(x / 4, unit=unit))
        by_hand.add_current_input("two", u.Quantity(x / 2, unit=unit))
        return (
            by_hand(u.Quantity(x / 4, unit=unit)),
            by_hand.V.value,
            external(u.Quantity(x, unit=unit)),
            external.V.value,
        )

    both(by_hand, external)
    spikes, V, same_spikes, same_V = sl.transform.for_loop(step, currents)
    np.testing.assert_allclose(V.to_decimal(u.mV), same_V.to_decimal(u.mV), rtol=1e-10, atol=1e-11)
    np.testing.assert_array_equal(spikes, same_spikes)


def test_added_currents_and_ohmic_projections_are_receptors():
    neuron = sl.LIF(2)
    neuron.take_current()
    neuron.add_current_input("leak", lambda V: -V * (1.0 * u.mS))
    for out in (sl.COBA(), sl.CUBA()):
        sl.CurrentProj(comm=lambda x: x * u.mS, out=out, post=neuron)
    sl.CurrentProj(comm=lambda x: x * u.mS, out=sl.MgBlock(), post=neuron)
    assert [receptor.kind.output for receptor in neuron.receptors] == ["cuba", "coba", "cuba", "mg"]


def test_what_is_added_after_a_step_waits_for_the_next_also_between_programs():
    neuron, expected = sl.LIF(2, **SILENT), sl.LIF(2, **SILENT)
    neuron.take_current()
    both(neuron, expected)
    add = sl.transform.jit(lambda x: neuron.add_current_input("x", x))
    step = sl.transform.jit(neuron)
    step()
    add(np.array([1.0, 2.0]) * u.mA)
    np.testing.assert_array_equal(V_of(neuron), 0)
    step()
    step()
    for x in (0.0, np.array([1.0, 2.0]), 0.0):
        expected(x * u.mA)
    np.testing.assert_allclose(V_of(neuron), V_of(expected), rtol=1e-12)
    assert V_of(neuron).all()


def test_a_function_of_V_acts_in_every_step():
    # a leak of 1 S in parallel to the membrane of 1 Ω halves its time constant; linear, so exact
    neuron = sl.LIF(2, **SILENT, V_initializer=np.array([5.0, -3.0]) * u.mV)
    neuron.add_current_input("leak", lambda V: -V * (1.0 * u.siemens))
    sl.nn.init_all_states(neuron)
    V = sl.transform.for_loop(lambda: (neuron(2.0 * u.mA), neuron.V.value)[1], length=50)
    wanted = 1 + np.array([4.0, -4.0]) * np.exp(-50 * 0.1 / 10)
    np.testing.assert_allclose(V[-1].to_decimal(u.mV), wanted, rtol=1e-10)


def test_functions_add_up_and_may_be_constant():
    neuron, expected = sl.LIF(1, **SILENT), sl.LIF(1, **SILENT)
    neuron.add_current_input("a", lambda V: 1.0 * u.mA)
    neuron.add_current_input("b", lambda V: V * (0.5 * u.siemens))
    neuron.add_current_input("c", lambda V: V * (-0.5 * u.siemens))
    both(neuron, expected)
    for _ in range(20):
        neuron()
        expected(1.0 * u.mA)
    np.testing.assert_allclose(V_of(neuron), V_of(expected), rtol=1e-10)


def test_a_curved_function_converges_to_the_solution():
    def slope(t, V):
        return [(-V[0] + 10 * np.cos(V[0] / 3)) / 20]

    exact = scipy.integrate.solve_ivp(slope, (0, 20), [0.0], rtol=1e-11, atol=1e-12).y[0, -1]
    errors = []
    for dt in (0.4, 0.2, 0.1):
        neuron = sl.LIF(1, **SILENT)
        neuron.add_current_input("curved", lambda V: 10 * jnp.cos(V.to_decimal(u.mV) / 3) * u.mA)
        sl.nn.init_all_states(neuron)
        with sl.environ.context(dt=dt * u.ms):
            sl.transform.for_loop(lambda n=neuron: n(), length=round(20 / dt))
        errors.append(abs(V_of(neuron)[0] - exact))
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.2)


def test_a_function_sees_V_after_the_reset():
    neuron = sl.LIF(1, tau=20.0 * u.ms, V_th=10.0 * u.mV, spk_reset="hard", V_initializer=12.0 * u.mV)
    seen = []
    neuron.add_current_input("look", lambda V: (seen.append(V), 0.0 * u.mA)[1])
    sl.nn.init_all_states(neuron)
    neuron()  # spikes at its end
    neuron()
    assert seen
    np.testing.assert_array_equal(V_of(neuron), 0.0)


def test_the_gradient_through_a_function_is_that_of_finite_differences():
    g = sl.ParamState(0.7)
    neuron = sl.LIF(2, **SILENT, spk_fun=sl.surrogate.ReluGrad(width=0.2))
    neuron.add_current_input("pull", lambda V: g.value * jnp.sin(V.to_decimal(u.mV)) * u.mA)

    @sl.transform.jit
    def loss(value):
        g.value = value
        sl.nn.init_all_states(neuron)
        return sl.transform.for_loop(lambda: (neuron(5.0 * u.mA), neuron.V.value.to_decimal(u.mV))[1], length=40).mean()

    h = 1e-5
    wanted = (loss(0.7 + h) - loss(0.7 - h)) / (2 * h)
    np.testing.assert_allclose(sl.transform.grad(loss, argnums=0)(0.7), wanted, rtol=1e-8)


def test_misuse_is_refused_by_name():
    neuron = sl.LIF(3)
    with pytest.raises(ValueError, match=r"LIF: call take_current\(\) before init_all_states"):
        neuron.add_current_input("x", 1.0 * u.mA)
    neuron.take_current()
    with pytest.raises(NotInitializedError, match="init_all_states"):
        neuron.add_current_input("x", 1.0 * u.mA)
    sl.nn.init_all_states(neuron)
    with pytest.raises(UnitError, match="LIF: current input 'x'"):
        neuron.add_current_input("x", 1.0 * u.mV)
    with pytest.raises(ShapeError, match="takes an input of shape"):
        neuron.add_current_input("x", np.ones(4) * u.mA)
    neuron.add_current_input("f", lambda V: 1.0 * u.mV)
    with pytest.raises(ValueError, match="LIF has another current input 'f' already"):
        neuron.add_current_input("f", lambda V: 1.0 * u.mA)
    with pytest.raises(UnitError, match="LIF: current input 'f'"):
        neuron()
