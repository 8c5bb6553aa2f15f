"""Every argument of synapses, outputs and short-term plasticity: what is refused, and what it says."""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import ShapeError, UnitError
from spikeloop.models import ShortTermPlasticity, Synapse, SynOut

BASES = Synapse, SynOut, ShortTermPlasticity
MODELS = [
    cls for cls in vars(sl.models).values() if inspect.isclass(cls) and issubclass(cls, BASES) and cls not in BASES
]
PARAMS = [(cls, name) for cls in MODELS for name in cls.params]
STATES = [(cls, name) for cls in MODELS for name in cls.state_vars if name != "g"]  # g decides its unit itself


def make(cls, **kwargs):
    return cls(3, **kwargs) if cls.has_size else cls(**kwargs)


def test_all_models_are_looked_at():
    assert {cls.__name__ for cls in MODELS} == {
        "Expon", "DualExpon", "Alpha", "AMPA", "GABAa", "BioNMDA", "COBA", "CUBA", "MgBlock", "STP", "STD",
    }  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), PARAMS)
def test_a_constant_of_another_unit_is_refused_by_name(cls, name):
    declared = cls.params[name]
    wrong = [1.0 * u.mol, u.Quantity(jnp.ones(3), unit=u.second * u.meter)]
    if not declared.unit.is_unitless and not declared.plain:
        wrong += [2.0, np.ones(3)]
    for value in [*wrong, sl.ParamState(wrong[0])]:
        with pytest.raises(UnitError, match=f"{cls.__name__}: {name} needs a"):
            make(cls, **{name: value})


@pytest.mark.parametrize(("cls", "name"), STATES)
def test_an_initial_value_of_another_unit_is_refused_by_name(cls, name):
    with pytest.raises(UnitError, match=f"{cls.__name__}: {name}_initializer needs a"):
        make(cls, **{f"{name}_initializer": 1.0 * u.mol})
    model = make(cls, **{f"{name}_initializer": sl.init.Constant(1.0 * u.mol)})
    with pytest.raises(UnitError, match=rf"{cls.__name__}\.{name} needs a"):
        sl.nn.init_all_states(model)


def test_the_scale_of_a_current_is_refused_where_it_is_used():
    for scale in (u.ms, 3.0, 1.0 * u.mV * u.mV):
        with pytest.raises(UnitError, match="CUBA: conductance × scale must be a current"):
            sl.AlignPostProj(comm=lambda x: x, syn=sl.Expon(3), out=sl.CUBA(scale=scale), post=sl.LIF(3))


@pytest.mark.parametrize(("cls", "name"), PARAMS)
def test_a_constant_may_be_given_in_any_unit_of_its_dimension(cls, name):
    unit = cls.params[name].unit
    model = make(cls, **{name: 3e6 * u.Unit.create(unit.dim, "small", "small", scale=unit.scale - 6)})
    np.testing.assert_allclose(model.number(name), 3.0, rtol=1e-12)


@pytest.mark.parametrize(("cls", "name"), PARAMS)
def test_nan_and_wrong_shapes_are_refused(cls, name):
    unit = cls.params[name].unit
    with pytest.raises(ValueError, match=f"{cls.__name__}: {name} holds NaN"):
        make(cls, **{name: np.nan * unit})
    if cls.has_size:
        with pytest.raises(ShapeError, match=f"{cls.__name__}: {name} must be one number"):
            make(cls, **{name: np.ones(4) * unit})


@pytest.mark.parametrize(("cls", "name"), [(c, n) for c, n in PARAMS if c.params[n].positive])
def test_what_must_be_positive_is(cls, name):
    for value in (0.0, -1.0):
        with pytest.raises(ValueError, match=f"{cls.__name__}: {name} must be positive"):
            make(cls, **{name: value * cls.params[name].unit})


@pytest.mark.parametrize("cls", [sl.AMPA, sl.GABAa, sl.BioNMDA])
def test_a_pulse_must_not_be_negative(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__}: T_dur must not be negative"):
        cls(3, T_dur=-1.0 * u.ms)


@pytest.mark.parametrize("cls", MODELS)
def test_the_docstring_lists_every_argument(cls):
    doc = "".join(inspect.cleandoc(base.__doc__ or "") for base in cls.__mro__ if issubclass(base, BASES))
    for name in inspect.signature(cls).parameters:
        assert name == "name" or f"`{name}`" in doc
