"""What every neuron model must do, run on all that are exported: a new model is tested from its first line."""

import inspect

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._units import number_in
from spikeloop.kernels import _library
from spikeloop.kernels._neuron import DELTA, jvp_p, reference, step, step_p, vjp_p
from spikeloop.models import _neuron

from tests.helpers.neuron_pass import in_order, names, slopes, states

ALL_NEURONS = sorted(
    (x for x in vars(sl).values() if inspect.isclass(x) and issubclass(x, sl.Neuron) and x is not sl.Neuron),
    key=lambda cls: cls.__name__,
)
REFRACTORY = [cls for cls in ALL_NEURONS if cls.period in cls.params]
# A constant current, in the model's unit, that makes it fire again and again.
FIRES = {
    "IF": 3.0, "LIF": 3.0, "ALIF": 3.0, "CubaLIF": 3.0, "CobaLIF": 3.0, "ExpIF": 30.0, "AdExIF": 50.0, "QuaIF": 40.0,
    "AdQuaIF": 60.0, "Gif": 2.5, "Izhikevich": 15.0, "IafPscExp": 800.0, "HH": 10.0, "TraubMilesHH": 500.0,
    "WangBuzsakiHH": 2.0, "MorrisLecar": 100.0, "FitzHughNagumo": 0.6, "HindmarshRose": 3.0,
}  # fmt: skip
EPS = {jnp.float32: 2.0**-24, jnp.float64: 2.0**-53}

needs_native = pytest.mark.skipif(_library.native is None, reason="the native library is not built")
every = pytest.mark.parametrize("cls", ALL_NEURONS, ids=lambda cls: cls.__name__)


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64, dt=0.1 * u.ms)
    sl.random.seed(0)


def fires(cls):
    return FIRES[cls.__name__.removesuffix("Ref")]


def current(cls, numbers):
    return numbers if cls.current_unit.is_unitless else u.Quantity(numbers, unit=cls.current_unit)


def made(cls, n=37, batch_size=None, **options):
    return sl.nn.init_all_states(cls(n, **options), batch_size=batch_size)


def run(model, numbers, steps):
    """Spikes and V over a run with a constant current."""
    unit = model.state_vars["V"].unit

    def step():
        return model(current(type(model), numbers)), number_in(model.V.value, unit, "V")

    return map(np.asarray, sl.transform.for_loop(step, length=steps))


# --- the native kernel -----------------------------------------------------------------------------------------------


def operands(cls, monkeypatch, dtype, shape=(37,), surrogate=None, **options):
    """The pass of a population that has run for a while, at different speeds, and its operands."""
    sl.environ.set(precision=32 if dtype == jnp.float32 else 64)
    rng = np.random.default_rng(3)
    neuron = cls(shape[-1], spk_fun=surrogate or sl.surrogate.Sigmoid(), **options)
    unit = u.mA if cls.current_unit.is_unitless else cls.current_unit
    if not cls.current_unit.is_unitless:
        scale = 0.01 * fires(cls) * unit / u.mV
        sl.AlignPostProj(comm=lambda x: x, post=neuron, syn=sl.Expon.desc(neuron.varshape, g_initializer=scale),
                         out=sl.COBA.desc(E=-10.0 * u.mV))  # fmt: skip
    if cls.delta_into == "V":
        neuron.take_delta()
    sl.nn.init_all_states(neuron, batch_size=shape[0] if len(shape) > 1 else None)
    run(neuron, jnp.asarray(rng.uniform(0.5, 2.5, shape) * fires(cls), dtype), 400)
    calls = []
    monkeypatch.setattr(_neuron, "step", lambda *given: calls.append(given) or step(*given))
    neuron(current(cls, jnp.asarray(rng.uniform(0.5, 2.5, shape) * fires(cls), dtype)))
    monkeypatch.undo()
    ((config, given),) = calls
    if config.delta:
        given = {**given, DELTA: rng.normal(size=shape)}
    return config, [jnp.asarray(x, dtype) for x in in_order(config, given)]


def assert_close(ours, wanted, ulps, dtype, least=1e-3):
    """Within so many rounding errors of the largest number of each result, or of `least`."""
    for i, (a, b) in enumerate(zip(ours, wanted, strict=True)):
        assert a.shape == b.shape
        assert a.dtype == b.dtype == dtype
        bound = ulps * EPS[dtype] * (least + float(jnp.abs(b).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=0, atol=bound, err_msg=f"result {i}")


# Of a model and its variant with a refractory period, which have the same equations, each takes one of the two cases.
ONE_OF_EACH = [cls for cls in ALL_NEURONS if not hasattr(sl, f"{cls.__name__}Ref")]
CASES = {"f32": (jnp.float32, "soft", (37,)), "f64": (jnp.float64, "hard", (3, 19))}
OF_CASE = {"f32": [cls for cls in ALL_NEURONS if not cls.__name__.endswith("Ref")], "f64": ONE_OF_EACH}


@needs_native
@pytest.mark.parametrize(
    ("cls", "case"), [pytest.param(cls, case, id=f"{cls.__name__}-{case}") for case in CASES for cls in OF_CASE[case]]
)
def test_native_is_reference(cls, case, monkeypatch):
    dtype, spk_reset, shape = CASES[case]
    config, args = operands(cls, monkeypatch, dtype, shape, spk_reset=spk_reset)
    with jax.disable_jit():
        wanted = reference(*args, config=config)
    assert_close(step_p.bind(*args, config=config), wanted, 400, dtype)

    active, tangents, cts = slopes(config, args, np.random.default_rng(1), dtype)
    with jax.disable_jit():
        wanted = jvp_p.reference(*args, *tangents, config=config, active=active)
    assert_close(jvp_p.bind(*args, *tangents, config=config, active=active), wanted, 4000, dtype, least=1.0)
    with jax.disable_jit():
        wanted = vjp_p.reference(*args, *cts, config=config, active=active)
    assert_close(vjp_p.bind(*args, *cts, config=config, active=active), wanted, 4000, dtype, least=1.0)


@needs_native
@every
def test_native_is_reference_at_odd_sizes(cls, monkeypatch):
    n = [0, 1, 5][ALL_NEURONS.index(cls) % 3]
    config, args = operands(cls, monkeypatch, jnp.float64, (n,))
    assert_close(step_p.bind(*args, config=config), reference(*args, config=config), 400, jnp.float64)


@pytest.mark.parametrize("cls", ONE_OF_EACH, ids=lambda cls: cls.__name__)
def test_derivatives_are_finite_differences(cls, monkeypatch):
    # Without a surrogate's derivative, and away from spikes that a small change brings about, a step is smooth.
    config, args = operands(cls, monkeypatch, jnp.float64, surrogate=sl.surrogate.ReluGrad(alpha=0.0))
    smooth = config.smooth()
    at = [states(config).index(name) for name in smooth.results[:-1]]  # all but the spikes
    for name in smooth.operands:
        i = names(config).index(name)
        h = 1e-6 * (1 + abs(args[i]))
        moved = [reference(*args[:i], args[i] + s * h, *args[i + 1 :], config=config) for s in (-1, 1)]
        same = np.asarray(moved[0][-1] == moved[1][-1])
        pushed = jvp_p.reference(*args, jnp.ones_like(args[i]), config=config, active=(name,))
        for k, slope in zip(at, pushed, strict=False):
            change = (moved[1][k] - moved[0][k]) / (2 * h)
            bound = 1e-4 * (1e-2 + np.abs(change).max())
            off = np.abs(np.asarray(slope - change))[same]
            # ends of a min or max may lie between the two points
            assert (off > bound).mean() <= 0.06, (name, k, off.max(), bound)


@needs_native
@every
def test_a_run_is_native(cls):
    model = made(cls)
    lowered = sl.transform.jit(lambda: model(current(cls, fires(cls)))).lower().as_text()
    assert "@spikeloop.program" in lowered
    assert sl.info()["fallbacks"] == "none"


@every
def test_gradients_train_constants_and_input(cls):
    name = next(name for name in ("tau", "C", "C_m", "a") if name in cls.params)
    declared = cls.params[name]
    constant = sl.ParamState(declared.default)
    model = made(cls, 3, spk_fun=sl.surrogate.Sigmoid(), **{name: constant})

    def loss():
        sl.nn.init_all_states(model)
        return sl.transform.for_loop(lambda: model(current(cls, jnp.full(3, 0.9 * fires(cls)))), length=150).sum()

    grads = sl.transform.grad(loss, constant)()
    assert np.isfinite(u.get_magnitude(grads)).all()


# --- behaviour -------------------------------------------------------------------------------------------------------


@every
def test_silent_at_rest_and_firing_when_driven(cls):
    rest = {"EL": -65.0 * u.mV} if cls is sl.TraubMilesHH else {}  # with the benchmark's constants it fires by itself
    model = made(cls, 5, **rest)
    assert not np.asarray(model.get_spike()).any()
    assert not next(run(model, 0.0, 3000)).any()
    spikes, V = run(made(cls, 5), fires(cls), 5000)
    assert (spikes.sum(0) >= 3).all()
    assert set(np.unique(spikes)) == {0.0, 1.0}
    assert np.isfinite(V).all()


@every
def test_rows_of_a_batch_are_runs_of_their_own(cls):
    start = {f"{name}_initializer": 0.0 * u.mV for name in ()}
    amplitudes = fires(cls) * jnp.asarray([0.0, 1.0, 1.7])
    V0 = {
        "V_initializer": current_like(cls.state_vars["V"].unit, -1.2 if cls.state_vars["V"].unit.is_unitless else -66.0)
    }
    spikes, V = run(made(cls, 2, batch_size=3, **start, **V0), amplitudes[:, None], 600)
    for row, amplitude in enumerate(amplitudes):
        alone, V_alone = run(made(cls, 2, **V0), amplitude, 600)
        assert np.array_equal(spikes[:, row], alone)
        np.testing.assert_allclose(V[:, row], V_alone, rtol=1e-9, atol=1e-9)


def current_like(unit, number):
    return number if unit.is_unitless else u.Quantity(number, unit=unit)


@pytest.mark.parametrize("cls", REFRACTORY, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_refractory_period_is_exact(cls, steps):
    model = made(cls, 1, spk_reset="hard", **{cls.period: steps * 0.1 * u.ms})
    held = list(model.state_vars) if cls.holds_all else ["V"]

    def step():
        spike = model(current(cls, 3 * fires(cls)))
        return spike[0], {name: u.get_mantissa(getattr(model, name).value)[0] for name in held}

    spikes, values = sl.transform.for_loop(step, length=1500)
    at = np.flatnonzero(spikes)
    count = steps + (cls is sl.IafPscExp)  # NEST counts one more
    assert len(at) > 3
    assert (np.diff(at) >= count).all()
    for k in at[at + count + 1 < 1500]:
        for name in held:
            x = np.asarray(values[name])
            assert (x[k + 1 : k + count] == x[k + 1]).all()  # held from the reset on
        V = np.asarray(values["V"])
        assert count == 1 or V[k + count] != V[k + 1]  # and integrated again in this step
