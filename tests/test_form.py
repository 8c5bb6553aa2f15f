"""Constructors and states of models: what is refused, what it says, and how models start."""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import MissingSettingError, NotInitializedError, ShapeError, UnitError

NEURONS = [sl.IF, sl.LIF, sl.LIFRef]
FORMS = [*NEURONS, sl.Expon, sl.COBA]
PARAMS = [(cls, name) for cls in FORMS for name in cls.params]


def make(cls, **kwargs):
    return cls(3, **kwargs) if cls.has_size else cls(**kwargs)


def plain(value):
    return value.mantissa if isinstance(value, u.Quantity) else value


@pytest.mark.parametrize(("cls", "name"), PARAMS)
@pytest.mark.parametrize("wrong", [1.0 * u.mol, 2.0, np.ones(3), u.Quantity(jnp.ones(3), unit=u.second * u.meter)])
def test_a_constant_of_another_unit_is_refused(cls, name, wrong):
    with pytest.raises(UnitError, match=f"{cls.__name__}: {name} needs a value such as"):
        make(cls, **{name: wrong})


@pytest.mark.parametrize(("cls", "name"), PARAMS)
def test_a_constant_may_be_given_in_any_unit_of_its_dimension(cls, name):
    unit = cls.params[name].unit
    model = make(cls, **{name: 3e6 * u.Unit.create(unit.dim, "small", "small", scale=unit.scale - 6)})
    np.testing.assert_allclose(model.number(name), 3.0, rtol=1e-12)


@pytest.mark.parametrize(("cls", "name"), PARAMS)
def test_nan_is_refused(cls, name):
    unit = cls.params[name].unit
    with pytest.raises(ValueError, match=f"{cls.__name__}: {name} holds NaN"):
        make(cls, **{name: np.nan * unit})


@pytest.mark.parametrize(("cls", "name"), [(c, n) for c, n in PARAMS if c.has_size])
@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 1), (0,)])
def test_a_constant_of_another_shape_is_refused(cls, name, shape):
    with pytest.raises(ShapeError, match=rf"{name} must be one number or have the shape \(3,\)"):
        make(cls, **{name: np.ones(shape) * cls.params[name].unit})


@pytest.mark.parametrize(("cls", "name"), [(c, n) for c, n in PARAMS if c.params[n].positive])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_time_constant_must_be_positive(cls, name, value):
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        make(cls, **{name: value * cls.params[name].unit})


@pytest.mark.parametrize("tau_ref", [-1.0 * u.ms, np.array([1.0, 2.0, -3.0]) * u.ms])
def test_a_refractory_period_must_not_be_negative(tau_ref):
    with pytest.raises(ValueError, match="tau_ref must not be negative"):
        sl.LIFRef(3, tau_ref=tau_ref)


def test_a_refractory_period_too_long_to_count_is_refused():
    neuron = sl.nn.init_all_states(sl.LIFRef(3, tau_ref=1e9 * u.ms))
    with sl.environ.context(dt=0.1 * u.ms), pytest.raises(ValueError, match="tau_ref is longer than"):
        neuron()


@pytest.mark.parametrize("cls", NEURONS)
@pytest.mark.parametrize("reset", ["Soft", "none", None, 1])
def test_an_unknown_reset_is_refused(cls, reset):
    with pytest.raises(ValueError, match=f"{cls.__name__}: spk_reset must be 'soft' or 'hard'"):
        cls(3, spk_reset=reset)


@pytest.mark.parametrize("surrogate", [None, "relu", 1.0, sl.surrogate.Arctan])
def test_what_is_no_surrogate_is_refused(surrogate):
    with pytest.raises(TypeError, match=r"LIF: spk_fun must be a surrogate such as sl\.surrogate\.ReluGrad\(\)"):
        sl.LIF(3, spk_fun=surrogate)


@pytest.mark.parametrize("size", [-1, 2.5, "3", None, True, (3, -1), ()])
def test_a_bad_size_is_refused(size):
    with pytest.raises(ValueError, match="LIF: in_size must be a whole number"):
        sl.LIF(size)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="tau_m"):
        sl.LIF(3, tau_m=5.0 * u.ms)


@pytest.mark.parametrize("cls", NEURONS)
def test_an_initial_potential_of_another_unit_is_refused(cls):
    with pytest.raises(UnitError, match=f"{cls.__name__}: V_initializer"):
        cls(3, V_initializer=1.0 * u.mA)
    with pytest.raises(UnitError, match=r"V"):
        sl.nn.init_all_states(cls(3, V_initializer=sl.init.Constant(1.0 * u.mA)))


def test_the_signature_lists_every_argument_with_its_default():
    signature = inspect.signature(sl.LIFRef)
    assert list(signature.parameters) == [
        "in_size", "R", "tau", "V_th", "V_reset", "V_rest", "tau_ref", "V_initializer", "spk_fun", "spk_reset",
        "ref_var", "name",
    ]  # fmt: skip
    defaults = {k: p.default for k, p in signature.parameters.items()}
    assert (defaults["tau"], defaults["tau_ref"]) == (5.0 * u.ms, 5.0 * u.ms)
    assert defaults["spk_fun"] == sl.surrogate.ReluGrad(alpha=0.3, width=1.0)
    assert "V_reset" not in inspect.signature(sl.IF).parameters


@pytest.mark.parametrize("cls", FORMS)
def test_the_docstring_lists_every_constant_and_its_default(cls):
    doc = "".join(base.__doc__ or "" for base in cls.__mro__ if issubclass(base, (sl.LIF, cls)))
    for name, declared in cls.params.items():
        (row,) = {line.strip() for line in doc.splitlines() if line.strip().startswith(f"| `{name}` |")} - (
            {line.strip() for line in (sl.LIF.__doc__ or "").splitlines()} if cls is sl.IF else set()
        ) or {line.strip() for line in doc.splitlines() if line.strip().startswith(f"| `{name}` |")}
        if cls is not sl.COBA:
            assert f"{float(plain(declared.default)):g}" in row


# --- the start -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", NEURONS)
@pytest.mark.parametrize("batch", [None, 4])
def test_a_population_starts_at_rest_and_stays_there(cls, batch):
    rest = {} if cls is sl.IF else {"V_rest": -65.0 * u.mV, "V_th": -50.0 * u.mV, "V_reset": -65.0 * u.mV}
    neuron = sl.nn.init_all_states(cls(3, **rest), batch_size=batch)
    start = 0.0 if cls is sl.IF else -65.0
    shape = (3,) if batch is None else (batch, 3)
    assert neuron.V.value.shape == neuron.spike.value.shape == shape
    assert not neuron.get_spike().any()
    with sl.environ.context(dt=0.1 * u.ms):
        spikes = sl.transform.for_loop(lambda: neuron(), length=100)
    assert not spikes.any()
    np.testing.assert_array_equal(neuron.V.value.mantissa, np.full(shape, start))


def test_a_start_above_threshold_spikes_in_the_first_step_and_is_reset_in_the_second():
    neuron = sl.LIF(2, V_th=10.0 * u.mV, V_initializer=np.array([12.0, 3.0]) * u.mV, spk_reset="hard")
    sl.nn.init_all_states(neuron)
    np.testing.assert_array_equal(neuron.get_spike(), [0, 0])
    with sl.environ.context(dt=0.1 * u.ms):
        np.testing.assert_array_equal(neuron(), [1, 0])
        neuron()
    np.testing.assert_allclose(neuron.V.value.mantissa, [0, 3 * np.exp(-0.04)], rtol=1e-6)


def test_get_spike_of_a_potential():
    neuron = sl.nn.init_all_states(sl.LIF(3, V_th=10.0 * u.mV))
    np.testing.assert_array_equal(neuron.get_spike(np.array([9.0, 10.0, 11.0]) * u.mV), [0, 1, 1])
    np.testing.assert_array_equal(neuron.get_spike(np.array([9e-3, 10e-3, 11e-3]) * u.volt), [0, 1, 1])
    with pytest.raises(UnitError, match="LIF: V"):
        neuron.get_spike(1.0 * u.mA)


def test_dt_is_asked_for_by_name():
    neuron = sl.nn.init_all_states(sl.LIF(3))
    with pytest.raises(MissingSettingError, match=r"'dt' \(the time step, by LIF\).*(?s:.*)environ\.context\(dt="):
        neuron()
    with sl.environ.context(dt=0.1), pytest.raises(UnitError, match=r"dt.*LIF"):
        neuron()
    with sl.environ.context(dt=1.0 * u.mV), pytest.raises(UnitError, match=r"dt.*LIF"):
        neuron()


def test_missing_states_are_asked_for_by_name():
    net = sl.nn.Module()
    net.N = sl.LIF(3)
    with sl.environ.context(dt=0.1 * u.ms):
        for run in (net.N, lambda: sl.transform.for_loop(net.N, length=3), sl.transform.jit(net.N)):
            with pytest.raises(NotInitializedError, match=r"Module\.N\.\w+ .*(?s:.*)sl\.nn\.init_all_states"):
                run()


@pytest.mark.parametrize("shape", [(4,), (2, 3), (3, 1)])
def test_an_input_of_another_shape_is_refused(shape):
    neuron = sl.nn.init_all_states(sl.LIF(3))
    before = neuron.V.value
    with sl.environ.context(dt=0.1 * u.ms), pytest.raises(ShapeError, match=r"LIF takes an input of shape \(3,\)"):
        neuron(np.ones(shape) * u.mA)
    assert neuron.V.value is before


@pytest.mark.parametrize("current", [1.0, 1.0 * u.mV, np.ones(3), 1.0 * u.nS])
def test_an_input_of_another_unit_is_refused(current):
    neuron = sl.nn.init_all_states(sl.LIF(3))
    with sl.environ.context(dt=0.1 * u.ms), pytest.raises(UnitError, match="LIF: the input current"):
        neuron(current)


def test_the_input_may_be_in_any_unit_and_number_type():
    results = []
    for current in (2 * u.mA, 2.0e6 * u.nA, np.full(3, 2, np.int32) * u.mA, jnp.full((1,), 2.0) * u.mA):
        neuron = sl.nn.init_all_states(sl.LIF(3))
        with sl.environ.context(dt=0.1 * u.ms):
            neuron(current)
        results.append(np.asarray(neuron.V.value.mantissa))
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-6)


@pytest.mark.parametrize("cls", NEURONS)
def test_states_are_strong_and_of_the_precision(cls):
    for precision, dtype in ((32, jnp.float32), (64, jnp.float64)):
        sl.environ.set(precision=precision, dt=0.1 * u.ms)
        neuron = sl.nn.init_all_states(cls(3))
        states = [s.value for s in neuron.states().values()]
        assert all(plain(x).dtype == dtype and not plain(x).weak_type for x in states)
        neuron(1.0 * u.mA)
        assert all(plain(s.value).dtype == dtype for s in neuron.states().values())


def test_a_state_of_another_unit_is_refused_in_the_step():
    neuron = sl.nn.init_all_states(sl.LIF(3))
    neuron.V.reinit(jnp.zeros(3) * u.mA)
    with sl.environ.context(dt=0.1 * u.ms), pytest.raises(UnitError, match=r"LIF\.V"):
        neuron()


def test_constants_that_differ_between_neurons_act_one_by_one():
    taus = np.array([5.0, 10.0, 20.0])
    together = sl.nn.init_all_states(sl.LIF(3, tau=taus * u.ms, V_th=9.0 * u.mV))
    with sl.environ.context(dt=0.1 * u.ms):
        sl.transform.for_loop(lambda: together(10.0 * u.mA), length=40)
        for k, tau in enumerate(taus):
            alone = sl.nn.init_all_states(sl.LIF(1, tau=tau * u.ms, V_th=9.0 * u.mV))
            sl.transform.for_loop(lambda n=alone: n(10.0 * u.mA), length=40)
            np.testing.assert_allclose(together.V.value.mantissa[k], alone.V.value.mantissa[0], rtol=1e-6)


def test_a_constant_may_be_an_initializer():
    sl.random.seed(0)
    neuron = sl.LIF((2, 3), tau=sl.init.Uniform(5.0 * u.ms, 10.0 * u.ms))
    assert neuron.number("tau").shape == (2, 3)
    assert len(np.unique(neuron.number("tau"))) == 6


@pytest.mark.parametrize(
    "make",
    [
        lambda: sl.LIF(3, V_th=0 * u.mV),
        lambda: sl.LIF(3, V_th=np.array([1, 0, 2]) * u.mV),
        lambda: sl.LIF(3, V_th=sl.ParamState(0.0 * u.mV)),
        lambda: sl.IF(2, V_th=0 * u.mV),
        lambda: sl.ALIF(2, V_reset=1 * u.mV),
        lambda: sl.Gif(2, V_th_inf=-70 * u.mV),
        lambda: sl.Izhikevich(2, c=30 * u.mV),
        lambda: sl.HH(2, EK=20 * u.mV),
    ],
)
def test_a_threshold_at_the_reset_potential_is_refused(make):
    with pytest.raises(ValueError, match="V_th must differ from V_reset"):
        make()


def test_constants_may_be_traced():
    def spikes(threshold):
        neuron = sl.nn.init_all_states(sl.LIF(2, V_th=threshold * u.mV))
        return sl.transform.for_loop(lambda: neuron(3.0 * u.mA), length=100).sum()

    with sl.environ.context(dt=0.1 * u.ms):
        run = sl.transform.jit(spikes)
        assert run(1.0) > run(2.0) > 0


def test_declarations_come_from_all_bases():
    class Leak(sl.LIF):
        g = sl.models.param(2.0 * u.nS)
        tau = None

    class Trace(sl.LIF):
        V_rest = sl.models.param(-65.0 * u.mV)
        x = sl.models.variable(0.5)

    class Both(Leak, Trace):
        pass

    assert [*Both.params] == [name for name in (*sl.LIF.params, "g") if name != "tau"]
    assert Both.params["V_rest"].default == -65.0 * u.mV
    assert [*Both.state_vars] == [*sl.LIF.state_vars, "x"]
    assert {"g", "x_initializer"} <= {*inspect.signature(Both).parameters}
    assert [*sl.LIF.params] == [*Trace.params]
