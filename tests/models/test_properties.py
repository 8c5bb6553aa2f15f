"""Properties of every exported model, whatever its constants: finite states, refused units, silence at rest."""

import inspect
from functools import cache

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop._form import Form
from spikeloop._units import number_in
from spikeloop.models import Neuron, Synapse

FORMS = sorted({x for x in vars(sl).values() if inspect.isclass(x) and issubclass(x, Form)}, key=lambda x: x.__name__)
BASES = [cls for cls in FORMS if not cls.params and any(cls in other.__bases__ for other in FORMS)]
MODELS = [cls for cls in FORMS if cls not in BASES]
NEURONS = [cls for cls in MODELS if issubclass(cls, Neuron)]
# All that turns spikes into conductances or releases.
SYNAPTIC = [cls for cls in MODELS if cls.has_size and not issubclass(cls, Neuron)]
# The current, in the model's unit, with which a model fires again and again.
FIRES = {
    "IF": 3.0, "LIF": 3.0, "ALIF": 3.0, "CubaLIF": 3.0, "CobaLIF": 3.0, "ExpIF": 30.0, "AdExIF": 50.0, "QuaIF": 40.0,
    "AdQuaIF": 60.0, "Gif": 2.5, "Izhikevich": 15.0, "IafPscExp": 800.0, "HH": 10.0, "TraubMilesHH": 500.0,
    "WangBuzsakiHH": 2.0, "MorrisLecar": 100.0, "FitzHughNagumo": 0.6, "HindmarshRose": 3.0,
}  # fmt: skip
SIZE, STEPS = 16, 10_000

quick = settings(max_examples=4, deadline=None, derandomize=True)
seeds = given(seed=st.integers(0, 2**31))


def every(models):
    return pytest.mark.parametrize("cls", models, ids=lambda cls: cls.__name__)


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=32, dt=0.1 * u.ms)


def with_unit(number, unit):
    return number if unit.is_unitless else u.Quantity(number, unit=unit)


def drawn(cls, rng):
    """Constants around the defaults: potentials by up to 5 mV but for the reset and threshold, others by up to 2."""
    values = {}
    for name, declared in cls.params.items():
        default = number_in(declared.default, declared.unit, name)
        is_potential = declared.unit.has_same_dim(u.mV) and not declared.positive and name != "beta"
        if name in ("V_th", "V_reset"):
            number = np.full(SIZE, default)
        elif is_potential:
            number = default + rng.uniform(-5, 5, SIZE) * (abs(default) > 5)
        else:
            number = default * 2.0 ** rng.uniform(-1, 1, SIZE)
        values[name] = with_unit(jnp.asarray(number, jnp.float32), declared.unit)
    return values


class Program:
    """A run of models that share constants, which are its inputs: one program for all constants that are drawn."""

    def __init__(self, cls, step, *variants):
        self.constants = {k: sl.ParamState(v) for k, v in drawn(cls, np.random.default_rng(0)).items()}
        models = [cls(SIZE, **self.constants, **options) for options in variants]
        self.key = sl.State(jax.random.key(0))

        @sl.transform.jit
        def run(scale):
            for model in models:
                sl.nn.init_all_states(model)

            def steps(i):
                noise = jax.random.normal(jax.random.fold_in(self.key.value, i), (2, SIZE), jnp.float32)
                return [step(model, noise, scale) for model in models]

            return sl.transform.for_loop(steps, jnp.arange(STEPS))

        self.run = run

    def __call__(self, cls, seed, scale):
        """The results of every step and variant, for constants and a scale of the input that follow from the seed."""
        rng = np.random.default_rng(seed)
        constants = drawn(cls, rng)
        for name, value in constants.items():
            self.constants[name].value = value
        self.key.value = jax.random.key(seed)
        return constants, self.run(jnp.asarray(scale(rng), jnp.float32))


def finite(model):
    """Which neurons have finite states."""
    states = [u.get_magnitude(getattr(model, name).value) for name in model.state_vars]
    return jnp.stack([jnp.isfinite(x) for x in states]).all(0)


def failing(constants, ok):
    """The constants of a neuron that is not as it should be."""
    at = int(np.flatnonzero(~np.asarray(ok))[0])
    return {k: float(np.asarray(u.get_magnitude(x))[at]) for k, x in constants.items()}


# --- states stay finite -----------------------------------------------------------------------------------------------


@cache
def neuron_program(cls):
    def step(model, noise, scale):
        mean, width = scale
        spikes = model(with_unit(mean + width * noise[0], cls.current_unit))
        return spikes, finite(model)

    return Program(cls, step, {"spk_reset": "soft"}, {"spk_reset": "hard"})


@every(NEURONS)
@quick
@seeds
def test_neurons_stay_finite(cls, seed):
    fires = FIRES[cls.__name__.removesuffix("Ref")]
    constants, runs = neuron_program(cls)(
        cls, seed, lambda rng: fires * np.stack([rng.uniform(-0.5, 3, SIZE), rng.uniform(0, 5, SIZE)])
    )
    for spikes, ok in runs:
        assert ok.all(), failing(constants, ok.all(0))
        assert set(np.unique(spikes)) == {0.0, 1.0}


@cache
def synaptic_program(cls):
    def step(model, noise, rate):
        spikes = (noise[0] > rate).astype(jnp.float32)
        released = model(spikes * u.mS if getattr(cls, "dynamics", "") else spikes)
        return jnp.asarray(u.get_magnitude(released)), finite(model)

    return Program(cls, step, {})


@every(SYNAPTIC)
@quick
@seeds
def test_synapses_stay_finite(cls, seed):
    constants, ((released, ok),) = synaptic_program(cls)(cls, seed, lambda rng: rng.uniform(0, 3, SIZE))
    ok = ok & (released >= 0) & np.isfinite(released)
    assert ok.all(), failing(constants, ok.all(0))
    assert (released.max(0) > 0).all()


# --- units ------------------------------------------------------------------------------------------------------------


def arguments(cls):
    """The name and unit of each argument that has a dimension of its own."""
    yield from ((name, p.unit, getattr(p, "plain", False)) for name, p in cls.params.items())
    for name, variable in cls.state_vars.items():
        if not (issubclass(cls, Synapse) and name == "g"):  # which decides the unit of a synapse
            yield f"{name}_initializer", variable.unit, False
    for name, default in cls.options.items():
        if isinstance(default, u.Quantity):
            yield name, default.unit, False


@every(MODELS)
def test_a_wrong_unit_is_refused_by_name(cls):
    size = (3,) if cls.has_size else ()
    for name, unit, plain in arguments(cls):
        wrong = [1.0 * u.kelvin, jnp.ones(3) * u.kelvin if size else 2.0 * u.kelvin]
        for value in wrong if unit.is_unitless or plain else [*wrong, 1.0]:
            with pytest.raises(sl._errors.UnitError, match=rf"{cls.__name__}: {name} needs"):
                cls(*size, **{name: value})


@every(NEURONS)
def test_an_input_in_a_wrong_unit_is_refused(cls):
    neuron = sl.nn.init_all_states(cls(3))
    for wrong in (1.0 * u.kelvin, *(() if cls.current_unit.is_unitless else (1.0,))):
        with pytest.raises(sl._errors.UnitError, match="input current"):
            neuron(wrong)


# --- rest -------------------------------------------------------------------------------------------------------------


@every([cls for cls in NEURONS if {"V_rest", "E_L"} & set(cls.params)])
@settings(max_examples=2, deadline=None, derandomize=True)
@seeds
def test_silent_at_any_rest_below_threshold(cls, seed):
    rest = "V_rest" if "V_rest" in cls.params else "E_L"
    below = np.random.default_rng(seed).uniform(0, 20, SIZE)
    neuron = sl.nn.init_all_states(cls(SIZE, **{rest: cls.params[rest].default - below * u.mV}))
    assert not np.asarray(neuron.get_spike()).any()
    assert not np.asarray(sl.transform.for_loop(lambda: neuron(), length=1000)).any()
