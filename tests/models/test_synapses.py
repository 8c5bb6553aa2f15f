"""Synapses and outputs: closed forms, orders of convergence, batches, precisions, gradients."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import spikeloop as sl
from hypothesis import given
from hypothesis import strategies as st
from spikeloop._errors import ShapeError, UnitError
from spikeloop.models._math import exp_difference, log1prel

DT, STEPS = 0.1, 300


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=DT * u.ms)


def conductance(syn, spikes, batch=None):
    """g in every step of a synapse that runs on its own, as plain numbers in mS."""
    sl.nn.init_all_states(syn, batch_size=batch)
    g = sl.transform.for_loop(syn, jnp.asarray(spikes))
    assert isinstance(g, u.Quantity)
    return np.asarray(g.to_decimal(u.mS))


def train(steps=STEPS, n=1, seed=0, p=0.05):
    spikes = (np.random.default_rng(seed).random((steps, n)) < p).astype(float)
    spikes[2] = 1
    return spikes


def response(kernel, spikes, dt=DT):
    """The sum of `kernel` over past spikes, the present one included."""
    t = np.arange(len(spikes)) * dt
    return np.array([kernel(t[k] - t[: k + 1]) @ spikes[: k + 1] for k in range(len(spikes))])


def difference(d, r, normalize=True):
    def kernel(t):
        if d == r:
            return t / d * np.exp(1 - t / d) if normalize else 0 * t
        peak = d * r / (d - r) * np.log(d / r)
        return (np.exp(-t / d) - np.exp(-t / r)) / (np.exp(-peak / d) - np.exp(-peak / r) if normalize else 1.0)

    return kernel


CLOSED = {
    "Expon": (lambda: sl.Expon(1, tau=3.0 * u.ms), lambda t: np.exp(-t / 3)),
    "Alpha": (lambda: sl.Alpha(1, tau=3.0 * u.ms), lambda t: t / 3 * np.exp(-t / 3)),
    "DualExpon": (lambda: sl.DualExpon(1), difference(10, 1)),
    "equal": (lambda: sl.DualExpon(1, tau_decay=2.0 * u.ms, tau_rise=2.0 * u.ms), difference(2, 2)),
    "nearly equal": (lambda: sl.DualExpon(1, tau_decay=2.0 * u.ms, tau_rise=(2 + 1e-9) * u.ms), difference(2, 2)),
    "close": (lambda: sl.DualExpon(1, tau_decay=2.0 * u.ms, tau_rise=2.01 * u.ms), difference(2, 2.01)),
    "slow rise": (lambda: sl.DualExpon(1, tau_decay=1.0 * u.ms, tau_rise=6.0 * u.ms), difference(1, 6)),
    "fast rise": (lambda: sl.DualExpon(1, tau_rise=1e-3 * u.ms), difference(10, 1e-3)),
    "raw": (lambda: sl.DualExpon(1, normalize=False), difference(10, 1, False)),
    "raw and equal": (
        lambda: sl.DualExpon(1, tau_decay=2.0 * u.ms, tau_rise=2.0 * u.ms, normalize=False),
        difference(2, 2, False),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_linear_synapse_is_the_sum_of_its_kernel(name):
    make, kernel = CLOSED[name]
    spikes = train()
    np.testing.assert_allclose(conductance(make(), spikes)[:, 0], response(kernel, spikes[:, 0]), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("rise", [0.2, 1.0, 1.0001, 3.0])
def test_the_peak_of_a_normalized_spike_is_the_amplitude(rise):
    syn = sl.DualExpon(1, tau_decay=1.0 * u.ms, tau_rise=rise * u.ms, amplitude=2.5)
    spikes = np.zeros((4000, 1))
    spikes[0] = 1
    with sl.environ.context(dt=0.002 * u.ms):
        assert abs(conductance(syn, spikes).max() - 2.5) < 1e-4


def test_equal_time_constants_are_an_alpha_synapse():
    spikes = train()
    dual = conductance(sl.DualExpon(1, tau_decay=4.0 * u.ms, tau_rise=4.0 * u.ms), spikes)
    np.testing.assert_allclose(dual, np.e * conductance(sl.Alpha(1, tau=4.0 * u.ms), spikes), rtol=1e-12)


@pytest.mark.parametrize("normalize", [True, False])
def test_parts_of_a_dual_exponential(normalize):
    syn = sl.DualExpon(1, normalize=normalize, amplitude=3.0)
    spikes = train(60)
    conductance(syn, spikes)
    for part, tau in ((syn.g_rise, 1.0), (syn.g_decay, 10.0)):
        wanted = response(lambda t, tau=tau: np.exp(-(t + DT) / tau), spikes[:, 0])[-1]  # at the start of the next step
        np.testing.assert_allclose(part.to_decimal(u.mS), [wanted], rtol=1e-10)


def test_helpers_at_and_near_their_removable_poles():
    x = np.array([0.0, 1e-12, -1e-12, 1e-4, 0.99e-3, 1.01e-3, -0.5, 3.0])
    exact = np.where(x == 0, 1.0, np.log1p(x) / np.where(x == 0, 1.0, x))
    np.testing.assert_allclose(log1prel(x), exact, rtol=3e-15)
    np.testing.assert_allclose(log1prel(jnp.asarray(x)), exact, rtol=3e-15)
    assert np.isfinite(exp_difference(np.float64(2000.0), np.float64(1.0)))
    np.testing.assert_allclose(exp_difference(0.3, 0.3), np.exp(-0.3), rtol=1e-15)
    np.testing.assert_allclose(exp_difference(0.3, 0.5), (np.exp(-0.3) - np.exp(-0.5)) / 0.2, rtol=1e-13)
    slope = jax.grad(exp_difference, (0, 1))(jnp.asarray(0.7), jnp.asarray(0.7))
    np.testing.assert_allclose(slope, -np.exp(-0.7) / 2 * np.ones(2), rtol=1e-12)


@given(d=st.floats(1e-3, 1e4), r=st.floats(1e-3, 1e4), normalize=st.booleans())
def test_operands_of_a_dual_exponential_are_finite_for_any_time_constants(d, r, normalize):
    syn = sl.DualExpon(1, tau_decay=d * u.ms, tau_rise=r * u.ms, normalize=normalize)
    decay_h, decay, feed = syn.derive(syn.numbers(), DT)
    assert 0 <= decay_h < 1
    assert 0 <= decay < 1
    assert np.isfinite(feed)
    if normalize:  # g of the first step is at most the peak, and the same for exchanged time constants
        assert 0 <= feed <= 1 + 1e-9
        swapped = sl.DualExpon(1, tau_decay=r * u.ms, tau_rise=d * u.ms)
        np.testing.assert_allclose(feed, swapped.derive(swapped.numbers(), DT)[2], rtol=1e-9, atol=1e-300)


# --- synapses that a pulse opens --------------------------------------------------------------------------------------


def first_order(t, alpha, beta, T, duration):
    """g of AMPA after one spike at 0."""
    k, end = alpha * T + beta, alpha * T / (alpha * T + beta)
    during = end * (1 - np.exp(-k * np.minimum(t, duration)))
    return during * np.exp(-beta * np.maximum(t - duration, 0))


@pytest.mark.parametrize(("cls", "constants"), [(sl.AMPA, (0.98, 0.18, 0.5, 0.5)), (sl.GABAa, (0.53, 0.18, 1.0, 1.0))])
@pytest.mark.parametrize("duration", [None, 0.53, 0.04])
def test_a_pulse_of_any_length_is_integrated_exactly(cls, constants, duration):
    spikes = np.zeros((STEPS, 1))
    spikes[3] = 1
    duration = constants[3] if duration is None else duration
    g = conductance(cls(1, T_dur=duration * u.ms), spikes)[:, 0]
    t = (np.arange(STEPS) - 3 + 1) * DT  # at the end of a step; the pulse begins with the step of the spike
    wanted = np.where(t > 0, first_order(np.maximum(t, 0), *constants[:3], duration), 0)
    np.testing.assert_allclose(g, wanted, rtol=1e-10, atol=1e-14)


def test_a_spike_during_a_pulse_starts_it_anew():
    spikes = np.zeros((40, 1))
    spikes[[3, 6]] = 1
    long = np.zeros((40, 1))
    long[3] = 1
    twice = conductance(sl.AMPA(1, T_dur=0.5 * u.ms), spikes)
    np.testing.assert_allclose(twice, conductance(sl.AMPA(1, T_dur=0.8 * u.ms), long), rtol=1e-10, atol=1e-14)


def test_a_graded_spike_gives_a_part_of_the_pulse():
    spikes = np.zeros((40, 1))
    spikes[3] = 1
    half = conductance(sl.AMPA(1, T_dur=1.0 * u.ms), spikes / 2)
    np.testing.assert_allclose(half, conductance(sl.AMPA(1, T_dur=0.5 * u.ms), spikes), rtol=1e-10, atol=1e-14)


def test_the_clock_does_not_matter_to_a_pulse():
    syn, spikes = sl.AMPA(1), train(40)
    wanted = conductance(syn, spikes)
    sl.nn.init_all_states(syn)
    for start in (0.0, 1e7):
        sl.nn.init_all_states(syn)
        with sl.environ.context(t=start * u.ms):
            g = np.asarray(sl.transform.for_loop(syn, spikes).to_decimal(u.mS))
        np.testing.assert_array_equal(g, wanted)


def nmda_ode(t_end, T_dur=0.5):
    def slope(t, y, T):
        x, g = y
        return [T * (1 - x) - 0.5 * x, 2 * x * (1 - g) - 0.01 * g]

    options = {"rtol": 1e-11, "atol": 1e-13}
    during = scipy.integrate.solve_ivp(slope, (0, T_dur), [0, 0], args=(1.0,), **options).y[:, -1]
    return scipy.integrate.solve_ivp(slope, (T_dur, t_end), during, args=(0.0,), **options).y[:, -1]


def test_nmda_converges_with_second_order():
    x, g = nmda_ode(5.0)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        spikes = np.zeros((round(5 / dt), 1))
        spikes[0] = 1
        syn = sl.BioNMDA(1)
        with sl.environ.context(dt=dt * u.ms):
            errors.append(abs(conductance(syn, spikes)[-1, 0] - g))
        np.testing.assert_allclose(syn.x.value, [x], rtol=1e-9)
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2, atol=0.1)
    assert errors[0] < 1e-3


# --- all of them ------------------------------------------------------------------------------------------------------

ALL = [sl.Expon, sl.DualExpon, sl.Alpha, sl.AMPA, sl.GABAa, sl.BioNMDA]


@pytest.mark.parametrize("cls", ALL)
def test_a_batch_is_its_samples_one_by_one(cls):
    spikes = train(30, 6).reshape(30, 2, 3)
    together = conductance(cls(3), spikes, batch=2)
    for k in range(2):
        np.testing.assert_allclose(together[:, k], conductance(cls(3), spikes[:, k]), rtol=1e-13)


@pytest.mark.parametrize("cls", ALL)
def test_single_precision_is_close_to_double(cls):
    spikes = train(100, 3)
    wide = conductance(cls(3), spikes)
    sl.environ.set(precision=32)
    syn = cls(3)
    g = conductance(syn, np.asarray(spikes, np.float32))
    assert g.dtype == np.float32
    assert all(u.get_mantissa(s.value).dtype == jnp.float32 for s in syn.states().values())
    np.testing.assert_allclose(g, wide, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("kind", [bool, np.int32])
def test_spikes_may_be_of_any_kind(cls, kind):
    spikes = train(20, 3)
    np.testing.assert_array_equal(conductance(cls(3), spikes.astype(kind)), conductance(cls(3), spikes))


@pytest.mark.parametrize("cls", ALL)
def test_the_unit_of_g_is_that_of_its_start(cls):
    for start, unit in ((0.0 * u.nA, u.nA), (sl.init.Constant(0.0 * u.nS), u.nS), (0.0, u.UNITLESS)):
        syn = sl.nn.init_all_states(cls(2, g_initializer=start))
        assert syn.unit == unit
        assert u.get_unit(syn(jnp.ones(2))) == unit
        assert u.get_unit(syn.g.value) == unit


def test_a_random_start_leaves_the_default_generator_alone_until_it_is_drawn():
    sl.random.seed(3)
    key = sl.random.get_key()
    syn = sl.Expon(2, g_initializer=sl.init.Uniform(1.0 * u.mS, 2.0 * u.mS))
    assert syn.unit == u.mS
    np.testing.assert_array_equal(jax.random.key_data(sl.random.get_key()), jax.random.key_data(key))


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("shape", [(4,), (2, 3)])
def test_spikes_of_another_shape_are_refused(cls, shape):
    syn = sl.nn.init_all_states(cls(3))
    before = [s.value for s in syn.states().values()]
    with pytest.raises(ShapeError, match=rf"{cls.__name__} takes an input of shape \(3,\)"):
        syn(jnp.ones(shape))
    assert all(a is s.value for a, s in zip(before, syn.states().values(), strict=True))


@pytest.mark.parametrize("cls", ALL)
def test_input_of_another_unit_is_refused(cls):
    syn = sl.nn.init_all_states(cls(3))
    with pytest.raises(UnitError, match=rf"{cls.__name__}: (what arrives|the spikes)"):
        syn(jnp.ones(3) * u.mV)


TRAINED = {
    "decay": (sl.DualExpon, "tau_decay", 4.0 * u.ms),
    "rise": (sl.DualExpon, "tau_rise", 1.5 * u.ms),
    "rise that equals the decay": (sl.DualExpon, "tau_rise", 10.0 * u.ms),
    "amplitude": (sl.DualExpon, "amplitude", 1.3),
    "alpha": (sl.Alpha, "tau", 3.0 * u.ms),
    "binding": (sl.AMPA, "alpha", 0.9 / (u.ms * u.mM)),
    "unbinding": (sl.AMPA, "beta", 0.2 / u.ms),
    "length of the pulse": (sl.AMPA, "T_dur", 0.53 * u.ms),
    "opening": (sl.BioNMDA, "alpha1", 1.9 / u.ms),
    "second unbinding": (sl.BioNMDA, "beta2", 0.4 / u.ms),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_constant_has_the_gradient_of_finite_differences(name):
    cls, constant, start = TRAINED[name]
    state = sl.ParamState(start)
    syn, spikes = cls(1, **{constant: state}), jnp.asarray(train(40))

    @sl.transform.jit
    def loss(value):
        state.value = value * u.get_unit(start)
        sl.nn.init_all_states(syn)
        g = sl.transform.for_loop(syn, spikes).to_decimal(u.mS)
        return (g[:, 0] * jnp.arange(40.0)).sum()

    value, h = float(u.get_mantissa(start)), 1e-6
    slope = sl.transform.grad(loss, argnums=0)(value)
    wanted = (loss(value + h) - loss(value - h)) / (2 * h)
    np.testing.assert_allclose(slope, wanted, rtol=1e-6)  # h² and rounding of the loss over h: 1e-9
    assert abs(wanted) > 1e-2


@pytest.mark.parametrize("cls", ALL)
def test_gradients_reach_the_spikes(cls):
    def loss(spikes):
        syn = sl.nn.init_all_states(cls(2))
        return sl.transform.for_loop(syn, spikes).to_decimal(u.mS).sum()

    spikes = jnp.zeros((12, 2)).at[4].set(1.0)
    slope = sl.transform.grad(loss, argnums=0)(spikes)
    assert np.isfinite(slope).all()
    assert (slope[:4] > 0).all()


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_currents_of_the_outputs():
    V, g = np.array([-80.0, -60.0, 0.0, 20.0]) * u.mV, 2.0 * u.mS
    assert sl.CUBA()(g) == 2.0 * u.mA
    np.testing.assert_allclose(sl.COBA(E=-10.0 * u.mV)(g, V).to_decimal(u.uA), 2 * (-10 - V.mantissa), rtol=1e-12)
    block = 1 + 1.2 / 3.57 * np.exp(-0.062 * V.mantissa)
    np.testing.assert_allclose(sl.MgBlock()(g, V).to_decimal(u.uA), 2 * (0 - V.mantissa) / block, rtol=1e-12)


def test_plain_numbers_of_a_magnesium_block_mean_its_units():
    plain = {"E": 5.0, "cc_Mg": 1.0, "alpha": 0.07, "beta": 3.0, "V_offset": 2.0}
    units = {"E": 5e-3 * u.volt, "cc_Mg": 1.0 * u.mM, "alpha": 70.0 / u.volt, "beta": 3e-3 * u.molar,
             "V_offset": 2.0 * u.mV}  # fmt: skip
    V = np.array([-60.0, 10.0]) * u.mV
    a, b = sl.MgBlock(**plain)(1.0 * u.mS, V), sl.MgBlock(**units)(1.0 * u.mS, V)
    np.testing.assert_allclose(a.to_decimal(u.uA), b.to_decimal(u.uA), rtol=1e-12)
    block = 1 + 1 / 3 * np.exp(0.07 * (2 - V.mantissa))
    np.testing.assert_allclose(a.to_decimal(u.uA), (5 - V.mantissa) / block, rtol=1e-12)
    trained = sl.MgBlock(alpha=sl.ParamState(0.07))
    np.testing.assert_allclose(trained.constants()[1], 0.07)
    assert sl.MgBlock(alpha=0.07).alpha == 0.07 / u.mV


def test_a_potential_of_another_unit_is_refused():
    with pytest.raises(UnitError, match="MgBlock: V"):
        sl.MgBlock()(1.0 * u.mS, 1.0 * u.mA)
