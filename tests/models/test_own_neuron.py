"""Neurons that a user writes: in the form, and with an `update` of their own; compared with those of the library."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.models import param, variable

CONSTANTS = {"tau": 10.0 * u.ms, "V_th": 5.0 * u.mV}


class Declared(sl.Neuron):
    """LIF with the equations alone."""

    R = param(1.0 * u.ohm)
    tau = param(5.0 * u.ms, positive=True)
    V_th = param(1.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_rest = param(0.0 * u.mV)
    V = variable("V_rest", u.mV)

    @staticmethod
    def integrate(p, s, drive):
        target = p.V_rest + p.R * (drive.current + drive.synaptic)
        s.V = target + (s.V - target) * jnp.exp(-p.dt / p.tau)


class Updated(Declared):
    """LIF with an update of its own."""

    def update(self, x=None):
        p, height = self.quantities(), self.V_th - self.V_reset
        V = self.V.value - height * self.get_spike(self.V.value)
        target = p.V_rest + p.R * self.sum_current_inputs(x, V)
        V = sl.nn.exp_euler_step(lambda V: (target - V) / p.tau, V)
        self.V.value = self.sum_delta_inputs(V)
        self.spike.value = self.spk_fun((self.V.value - p.V_th) / height)
        return self.spike.value


class DeclaredRef(Declared):
    tau_ref = param(2.0 * u.ms)


class Net(sl.nn.Module):
    """A population with delta input and two receptors."""

    def __init__(self, cls, n=5, **constants):
        super().__init__()
        weights = np.random.default_rng(0).uniform(0, 1, (n, n))
        self.N = cls(n, **{**CONSTANTS, **constants})
        self.kick = sl.DeltaProj(comm=sl.nn.OneToOne(n, 1.5 * u.mV), post=self.N)
        self.recurrent = [
            sl.AlignPostProj(
                comm=sl.nn.Linear(n, n, weights * u.mS, b_init=None),
                syn=sl.Expon.desc(n, tau=tau * u.ms),
                out=sl.CUBA.desc(),
                post=self.N,
            )
            for tau in (3.0, 8.0)
        ]

    def update(self, kicks):
        for projection in self.recurrent:
            projection(0.02 * self.N.get_spike())
        self.kick(kicks)
        spikes = self.N(2.0 * u.mA)
        return spikes, self.N.V.value.to_decimal(u.mV)


@pytest.fixture(autouse=True)
def settings():
    sl.environ.set(dt=0.1 * u.ms, precision=64)


def run(cls, batch_size=None, steps=300, **constants):
    net = sl.nn.init_all_states(Net(cls, **constants), batch_size=batch_size)
    shape = (steps, *(() if batch_size is None else (batch_size,)), 5)
    kicks = jnp.asarray(np.random.default_rng(1).random(shape) < 0.05, jnp.float64)
    return sl.transform.for_loop(net, kicks)


@pytest.mark.parametrize("cls", [Declared, Updated])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_own_models_equal_that_of_the_library(cls, batch_size):
    """CUBA input and the current are constant over a step, so all three are exact."""
    (ours, V), (theirs, wanted) = run(cls, batch_size), run(sl.LIF, batch_size)
    assert theirs.sum() > 10
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(V, wanted, rtol=1e-9, atol=1e-9)


def test_a_refractory_period_follows_from_its_constant():
    (ours, V), (theirs, wanted) = run(DeclaredRef), run(sl.LIFRef, tau_ref=2.0 * u.ms)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(V, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cls", [Declared, Updated])
def test_gradients_equal_those_of_the_library(cls):
    def slope(cls):
        tau = sl.ParamState(10.0 * u.ms)
        net = Net(cls, tau=tau, spk_fun=sl.surrogate.Arctan())
        kicks = jnp.ones((50, 5))

        def loss():
            sl.nn.init_all_states(net)
            spikes, V = sl.transform.for_loop(net, kicks)
            return (spikes + 0.1 * V).sum()

        return float(u.get_mantissa(sl.transform.grad(loss, tau)()))

    assert slope(cls) == pytest.approx(slope(sl.LIF), rel=1e-6)


@pytest.mark.parametrize("cls", [Declared, Updated])
def test_currents_that_are_functions_of_V(cls):
    """A leak of 1 mS around 4 mV, seen as a current: V settles between it and rest."""
    neuron = cls(2, V_th=50.0 * u.mV)
    neuron.add_current_input("leak", lambda V: (4.0 * u.mV - V) / (1.0 * u.ohm))
    sl.nn.init_all_states(neuron)
    sl.transform.for_loop(neuron, length=2000)
    np.testing.assert_allclose(neuron.V.value.to_decimal(u.mV), [2.0, 2.0], rtol=1e-6)


def test_operands_are_all_constants_and_dt():
    assert Declared.operands == ("R", "tau", "V_th", "V_reset", "V_rest", "dt")
    assert DeclaredRef.operands == ("R", "tau", "V_th", "V_reset", "V_rest", "tau_ref", "dt")
    assert sl.LIF.operands == sl.LIFRef.operands == ("V_rest", "V_th", "V_reset", "R", "dt_tau")


def test_without_projections_the_sums_are_what_they_start_with():
    neuron = sl.nn.init_all_states(Updated(3))
    np.testing.assert_array_equal(neuron.sum_current_inputs(2.0 * u.mA).mantissa, [2, 2, 2])
    np.testing.assert_array_equal(neuron.sum_current_inputs().mantissa, [0, 0, 0])
    assert neuron.sum_delta_inputs(1.0 * u.mV) == 1.0 * u.mV


@pytest.mark.parametrize("cls", [Declared, Updated])
def test_vmap_and_jit(cls):
    neuron = cls(3)
    sl.nn.vmap_init_all_states(neuron, axis_size=2)
    states = neuron.states(sl.ShortTermState)
    step = sl.transform.jit(sl.transform.vmap(neuron, in_states=states, out_states=states))
    lanes = jnp.array([1.0, 300.0]) * u.mA
    assert step(lanes).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_what_a_model_lacks_is_named():
    class NoPotential(sl.Neuron):
        tau = param(1.0 * u.ms)

    class NoThreshold(sl.Neuron):
        V = variable(0.0 * u.mV, u.mV)

    class OwnThreshold(NoThreshold):
        @staticmethod
        def threshold(p, s):
            return s.V - 1.0

        @staticmethod
        def reset(p, s, spike, hard):
            s.V = s.V * (1 - spike)

        @staticmethod
        def integrate(p, s, drive):
            s.V = s.V + p.dt * drive.current

    with pytest.raises(TypeError, match="NoPotential: a neuron model declares its potential V"):
        NoPotential(1)
    with pytest.raises(TypeError, match="NoThreshold: a neuron model declares V_th and V_reset, or defines threshold"):
        NoThreshold(1)
    neuron = sl.nn.init_all_states(OwnThreshold(1))
    assert [int(neuron(4.0 * u.mA)[0]) for _ in range(6)] == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("cls", [Declared, Updated])
def test_input_with_a_delay_for_each_synapse(cls):
    class Delayed(sl.nn.Module):
        def __init__(self, cls):
            super().__init__()
            self.N = cls(2)
            comm = sl.connect.Connection([0, 1], [0, 2], 1.0 * u.mS, 1, 2, delay=[0.3, 0.7] * u.ms)
            self.slow = sl.AlignPostProj(comm=comm, post=self.N, syn=sl.Expon.desc(2), out=sl.CUBA.desc())
            comm = sl.connect.Connection([0, 1], [0, 2], 0.1 * u.mV, 1, 2, delay=[0.5, 0.2] * u.ms)
            self.jumps = sl.DeltaProj(comm=comm, post=self.N)

        def update(self, spike):
            self.slow(spike)
            self.jumps(spike)
            self.N()
            return self.N.V.value.to_decimal(u.mV)

    spikes = jnp.zeros((20, 1)).at[2].set(1.0)
    ours, wanted = (sl.transform.for_loop(sl.nn.init_all_states(Delayed(c)), spikes) for c in (cls, sl.LIF))
    assert (np.asarray(wanted) > 0).argmax(0).tolist() == [5, 4]
    np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-9)
