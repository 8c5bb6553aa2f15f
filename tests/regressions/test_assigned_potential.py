"""A potential that is set above threshold from outside spikes in the next step, in every model, and is not lost."""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.models._upswing import Upswing

ALL = sorted(
    (x for x in vars(sl).values() if inspect.isclass(x) and issubclass(x, sl.Neuron) and x is not sl.Neuron),
    key=lambda cls: cls.__name__,
)
every = pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(dt=0.01 * u.ms, precision=64)
    sl.random.seed(0)


def above(cls):
    """A potential above threshold, by half of what a soft reset takes away, with its unit."""
    p = {name: u.get_mantissa(param.default) for name, param in cls.params.items()}
    unit, threshold = cls.state_vars["V"].unit, p.get("V_th", p.get("V_th_inf"))
    x = threshold + 0.5 * (threshold - p.get("V_reset", p.get("c", 0.0)))
    x = x if not cls.edge else threshold + (1.0 if unit.is_unitless else 10.0)
    return x if unit.is_unitless else u.Quantity(x, unit=unit)


def assign(neuron, V, where=slice(None)):
    value = neuron.V.value
    numbers = u.get_mantissa(value).at[where].set(u.get_mantissa(V))
    neuron.V.value = numbers if neuron.state_vars["V"].unit.is_unitless else u.Quantity(numbers, unit=value.unit)


@every
@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
def test_an_assigned_potential_spikes_once(cls, spk_reset):
    neuron = sl.nn.init_all_states(cls(3, spk_reset=spk_reset))
    assert not neuron().any()
    assign(neuron, above(cls), slice(2))
    assert neuron().tolist() == [1, 1, 0]
    assert neuron()[:2].tolist() == [0, 0]


@every
def test_an_initial_potential_spikes_once(cls):
    gates = {"m": 0.05, "h": 0.6, "n": 0.3}  # at rest, where those of an open channel would end the spike at once
    given = {f"{name}_initializer": x for name, x in gates.items() if name in cls.state_vars}
    neuron = sl.nn.init_all_states(cls(2, V_initializer=above(cls), **given), batch_size=3)
    assert not neuron.get_spike().any()  # nothing has spiked yet
    spikes = np.asarray(sl.transform.for_loop(neuron, length=5))
    assert spikes[0].all()
    assert not spikes[1].any()


@every
def test_in_a_loop_and_with_gradients(cls):
    """The same when the potential is set inside of a compiled loop that is differentiated."""
    neuron = cls(2, spk_fun=sl.surrogate.Sigmoid())
    high = u.get_mantissa(above(cls))

    def loss(scale):
        sl.nn.init_all_states(neuron)

        def step(i):
            V = u.get_mantissa(neuron.V.value)
            V = jnp.where(i == 3, scale * high, V)
            neuron.V.value = V if neuron.state_vars["V"].unit.is_unitless else u.Quantity(V, unit=u.mV)
            return neuron()

        spikes = sl.transform.for_loop(step, jnp.arange(6))
        return spikes[3].sum(), spikes

    slope, spikes = sl.transform.grad(loss, argnums=0, has_aux=True)(1.0)
    assert spikes[3].tolist() == [1, 1]
    assert np.isfinite(slope)
    assert slope != 0 or issubclass(cls, Upswing)  # whose V is cut off


@every
def test_what_was_reset_or_set_below_is_not_reset_again(cls):
    """Between two trials V is set to rest by hand: a spike of the last step must not lower it."""
    if cls.edge:
        pytest.skip("without a reset")
    rest = cls(1).state_vars["V"].default
    neuron = sl.nn.init_all_states(cls(1, V_initializer=above(cls)))
    fresh = sl.nn.init_all_states(cls(1))
    assert neuron()[0] == 1
    for name in neuron.state_vars:
        getattr(neuron, name).value = getattr(fresh, name).value
    if neuron.is_refractory:
        neuron.ref_left.value = jnp.zeros(1)
    neuron()
    fresh()
    np.testing.assert_allclose(u.get_mantissa(neuron.V.value), u.get_mantissa(fresh.V.value), rtol=1e-12)
    assert rest is not None


def test_currents_that_are_functions_of_V_see_an_assigned_potential():
    neuron = sl.LIF(1, tau=1e6 * u.ms, R=1e6 * u.ohm)
    neuron.add_current_input("probe", lambda V: u.math.where(2.0 * u.mV < V, 100.0, 0.0) * u.mA)
    sl.nn.init_all_states(neuron)
    assign(neuron, 2.5 * u.mV)
    V = []
    for _ in range(2):
        neuron()
        V.append(float(neuron.V.value[0].to_decimal(u.mV)))
    np.testing.assert_allclose(V, [3.5, 3.5], rtol=1e-6)  # reset after its spike, to 2.5


def test_an_assigned_potential_is_not_differentiated_as_if_it_had_spiked():
    neuron = sl.LIF(1, tau=20.0 * u.ms, spk_fun=sl.surrogate.Sigmoid())

    def V_after(V):
        sl.nn.init_all_states(neuron)
        neuron.V.value = jnp.reshape(V, (1,)) * u.mV
        neuron()
        return neuron.V.value[0].to_decimal(u.mV)

    np.testing.assert_allclose(sl.transform.grad(V_after, argnums=0)(1.3), np.exp(-0.01 / 20.0), rtol=1e-12)


def test_a_network_with_initial_potentials_above_threshold_starts_as_in_nest():
    """The membrane is integrated first, then compared: a spike in step 0 that reaches its targets in step 1."""
    source, target = sl.LIF(1, V_initializer=1.5 * u.mV), sl.LIF(1, V_th=10.0 * u.mV)
    proj = sl.DeltaProj(comm=sl.nn.OneToOne(1, 3.0 * u.mV), post=target)
    net = sl.nn.Module()
    net.parts = [source, target, proj]
    sl.nn.init_all_states(net)

    def step():
        proj(source.get_spike())
        return source()[0], target() * 0 + target.V.value.to_decimal(u.mV)

    spikes, V = sl.transform.for_loop(step, length=3)
    assert spikes.tolist() == [1, 0, 0]
    assert V[0, 0] == 0
    assert V[1, 0] == 3.0
