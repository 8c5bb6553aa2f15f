"""A refractory neuron never fires within its period, whatever the reset, the input and the model."""

import inspect

import brainunit as u
import jax.numpy as jnp
import neuron_pass
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import _library, _neuron
from spikeloop.kernels._neuron import jvp_p, reference, step_p
from spikeloop.models import _neuron as _model
from spikeloop.models import param

ALL = sorted(
    (x for x in vars(sl).values() if inspect.isclass(x) and issubclass(x, sl.Neuron) and x is not sl.Neuron),
    key=lambda cls: cls.__name__,
)
REFRACTORY = [cls for cls in ALL if cls.period in cls.params]
STEPS = 12  # of the period

every = pytest.mark.parametrize("cls", REFRACTORY, ids=lambda cls: cls.__name__)


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(dt=0.1 * u.ms, precision=64)
    sl.random.seed(0)


def period(cls):
    return {cls.period: STEPS * 0.1 * u.ms}


def least(cls):
    """Steps between two spikes."""
    return STEPS + (cls is sl.IafPscExp)  # NEST counts one more


def height(cls):
    """From reset to threshold, and beyond."""
    p = {name: u.get_mantissa(p.default) for name, p in cls.params.items()}
    reset = p.get("V_reset", p.get("c"))
    return 4.0 * (p.get("V_th", p.get("V_th_inf")) - reset)


def jolted(cls, batch_size=None, n=40, steps=400, **options):
    """Spikes of neurons whose V jumps far above threshold in every third step, with receptors and a current."""
    neuron = cls(n, **period(cls), **options)
    if cls.delta_into == "V":
        neuron.take_delta()
    unit = 1.0 * cls.current_unit / u.mV
    synapse = sl.AlignPostProj(
        comm=lambda x: x, post=neuron, syn=sl.Expon.desc(n, g_initializer=0.0 * unit), out=sl.COBA.desc(E=0.0 * u.mV)
    )
    sl.nn.init_all_states(neuron, batch_size=batch_size)
    shape = (steps, *(() if batch_size is None else (batch_size,)), n)
    rng = np.random.default_rng(3)
    jumps = jnp.asarray(height(cls) * (rng.random(shape) < 0.3), neuron.V.value.dtype)
    open_ = jnp.asarray(0.1 * rng.random(shape), neuron.V.value.dtype)

    def step(jump, g):
        if cls.delta_into == "V":
            neuron.add_delta_input("jolt", jump * u.mV)
            current = 0.0
        else:
            current = 1e5 * jump
        synapse(g * unit)
        return neuron(current * cls.current_unit)

    return np.asarray(sl.transform.for_loop(step, jumps, open_)).reshape(steps, -1)


def check_period(spikes, steps):
    gaps = [np.diff(np.flatnonzero(train)) for train in spikes.T]
    assert min(len(g) for g in gaps) >= 3
    assert min(g.min() for g in gaps) >= steps
    assert min(g.min() for g in gaps) == steps  # and the period is not longer


@every
@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
def test_no_spike_within_the_period(cls, spk_reset):
    # each model and each reset in both precisions
    sl.environ.set(precision=[32, 64][(REFRACTORY.index(cls) + (spk_reset == "hard")) % 2])
    check_period(jolted(cls, spk_reset=spk_reset), least(cls))


@pytest.mark.parametrize("cls", [sl.LIFRef, sl.GifRef], ids=lambda cls: cls.__name__)
def test_rows_of_a_batch(cls):
    check_period(jolted(cls, batch_size=3, n=7), least(cls))


@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
def test_own_equations(spk_reset):
    class Own(sl.LIFRef):
        integrate = staticmethod(lambda p, s, drive: sl.LIFRef.integrate(p, s, drive))

    np.testing.assert_array_equal(jolted(Own, spk_reset=spk_reset), jolted(sl.LIFRef, spk_reset=spk_reset))


def test_an_edge_model_with_a_period():
    """V is above threshold for long: one spike for each time that it rises, and none within the period."""

    class Waves(sl.FitzHughNagumo):
        tau_ref = param(1.2 * u.ms)

    neuron = sl.nn.init_all_states(Waves(1, V_initializer=-1.2))

    def step(V):
        neuron.V.value = jnp.full(1, V)
        return neuron()[0]

    high = (np.arange(200) % 5 < 3) * 3.0 - 1.5  # above threshold for three steps of five
    spikes = np.flatnonzero(sl.transform.for_loop(step, jnp.asarray(high)))
    assert len(spikes) > 5
    assert np.diff(spikes).min() >= 12


def test_a_potential_that_is_held_above_threshold_stays_there_and_fires_after_the_period():
    neuron = sl.LIFRef(1, tau_ref=3.0 * u.ms, tau=20.0 * u.ms)
    neuron.take_delta()
    sl.nn.init_all_states(neuron)
    V, spikes = [], []
    for i in range(40):
        neuron.add_delta_input("kick", jnp.full(1, 2.5 * (i == 3)) * u.mV)
        spikes.append(float(neuron()[0]))
        V.append(float(neuron.V.value[0].to_decimal(u.mV)))
    assert np.flatnonzero(spikes).tolist() == [3, 33]
    np.testing.assert_allclose(V[4:33], 1.5)
    np.testing.assert_allclose(V[33], 1.5 * np.exp(-0.1 / 20))


def operands_of(neuron, monkeypatch, x):
    calls = []
    wrapped = _neuron.step
    monkeypatch.setattr(_model, "step", lambda c, operands: calls.append((c, operands)) or wrapped(c, operands))
    neuron(x)
    monkeypatch.undo()
    ((config, operands),) = calls
    values = neuron_pass.in_order(config, operands)
    return config, {n: jnp.asarray(x, jnp.float64) for n, x in zip(neuron_pass.names(config), values, strict=True)}


@pytest.mark.skipif(_library.native is None, reason="the native library is not built")
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("spk_reset", ["soft", "hard"])
def test_native_is_reference_in_every_phase(cls, spk_reset, monkeypatch):
    """Spiked or not, held or not, above threshold or not: values and tangents."""
    n, rng = 38, np.random.default_rng(4)
    neuron = sl.nn.init_all_states(cls(n, spk_fun=sl.surrogate.Sigmoid(), spk_reset=spk_reset))
    config, o = operands_of(neuron, monkeypatch, None)
    V = np.asarray(o["V"])
    height = 100.0 if np.abs(V).max() > 5 else 5.0
    o["V"] = jnp.asarray(V + height * (np.arange(n) % 2))
    if config.refractory:
        o[_neuron.REF_LEFT] = jnp.asarray(rng.choice([0.0, 1.0, 5.0], n))
        o[_neuron.REF_STEPS] = jnp.asarray(5.0 if neuron.is_refractory else 0.0)
    o[_neuron.SPIKE] = jnp.asarray(rng.choice([0.0, 1.0], n))
    args = list(o.values())
    ours, wanted = step_p.bind(*args, config=config), reference(*args, config=config)
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    assert 0 < float(ours[-1].sum()) < n
    active, tangents, _ = neuron_pass.slopes(config, args, rng, jnp.float64)
    ours = jvp_p.bind(*args, *tangents, config=config, active=active)
    wanted = jvp_p.reference(*args, *tangents, config=config, active=active)
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7 * (1 + float(jnp.abs(b).max())))


def test_a_held_neuron_has_no_derivative_of_its_spikes():
    """Tangents by hand: V₁ → spike₁ → the reset in the next step; no more while V is held, though above threshold."""
    surrogate = sl.surrogate.Sigmoid()
    neuron = sl.LIFRef(1, tau=20.0 * u.ms, tau_ref=0.3 * u.ms, spk_fun=surrogate)
    decay = np.exp(-0.1 / 20)

    def run(V0):
        sl.nn.init_all_states(neuron)
        neuron.V.value = jnp.reshape(V0, (1,)) * u.mV
        out = [(neuron()[0], neuron.V.value[0].to_decimal(u.mV)) for _ in range(5)]
        return jnp.stack([s for s, _ in out]), jnp.stack([v for _, v in out])

    V0 = 2.5
    (spikes, V), (d_spikes, d_V) = sl.transform.jvp(run, (V0,), (1.0,))
    assert spikes.tolist() == [1, 0, 0, 1, 0]
    slope = float(surrogate.derivative(jnp.asarray(V0 * decay - 1)))
    np.testing.assert_allclose(V[:3], [V0 * decay, V0 * decay - 1, V0 * decay - 1])
    d_held = decay * (1 - slope)
    np.testing.assert_allclose(d_spikes[0], slope * decay, rtol=1e-9)
    assert d_spikes[1] == d_spikes[2] == 0
    np.testing.assert_allclose(d_V[1:3], d_held, rtol=1e-9)
    again = float(surrogate.derivative(V[3] - 1))
    np.testing.assert_allclose(d_spikes[3], again * d_held * decay, rtol=1e-9)
