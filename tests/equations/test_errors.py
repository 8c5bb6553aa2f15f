"""What is wrong in a text is refused when the model is made, and the message points at it."""

import brainunit as u
import pytest
import spikeloop as sl

GOOD = {
    "equations": "dv/dt = (E_L - v + R*I)/tau : mV", "threshold": "v > V_th", "reset": "v = V_reset",
    "E_L": -60 * u.mV, "R": 1 * u.ohm, "tau": 20 * u.ms, "V_th": -50 * u.mV, "V_reset": -60 * u.mV,
}  # fmt: skip


def refused(error, **changed):
    with pytest.raises(error) as caught:
        sl.Neuron.from_equations(**{**GOOD, **changed})
    return str(caught.value)


def test_units_of_a_sum():
    message = refused(sl.errors.UnitError, equations="dv/dt = (E_L - v + I)/tau : mV")
    assert message == (
        "equations: the two sides of + have two units: mV and mA.\n"
        "    dv/dt = (E_L - v + I)/tau : mV\n"
        "             ^^^^^^^^^^^"
    )


@pytest.mark.parametrize(
    ("changed", "part", "marked"),
    [
        ({"equations": "dv/dt = (E_L - v + R*I) : mV"}, "dv/dt must be in mV / ms; this is in mV", "(E_L - v + R*I)"),
        ({"equations": "dv/dt = exp(v)*mV/tau : mV"}, "number without a unit; it is in mV", "v"),
        ({"equations": "dv/dt = (E_L - v + R*I)/tau : mA"}, "two units", "E_L - v"),
        ({"threshold": "v"}, "threshold must be a condition", "v"),
        ({"threshold": "v > tau"}, "two units: mV and ms", "v > tau"),
        ({"reset": "v = tau"}, "the value for v must be in mV; this is in ms", "tau"),
        ({"refractory": "5*mV"}, "refractory must be in ms; this is in mV", "5*mV"),
        ({"equations": "dv/dt = (E_L - v + R*I)**tau : mV"}, "number without a unit; it is in ms", "tau"),
    ],
)
def test_units(changed, part, marked):
    message = refused(sl.errors.UnitError, **changed)
    assert part in message
    _, line, marks = message.rsplit("\n", 2)
    assert line[marks.index("^") : marks.rindex("^") + 1] == marked


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"equations": "dv/dt = (E_l - v + R*I)/tau : mV"}, "'E_l' is not known; did you mean 'E_L'?"),
        ({"equations": "dv/dt = (E_L - v + R*I)/tau"}, "an equation ends with its unit"),
        ({"equations": "dv/dt = (E_L - v + R*I)/tau : mVV"}, "'mVV' is not known"),
        ({"equations": "dv/dt = (E_L - v + R*I)/tau : mV (unless refractry)"}, "here may stand (unless refractory)"),
        ({"equations": "dv/dt = (E_L - v + R*I)/tau : mV (unless refractory)"}, "refractory= is not given"),
        ({"equations": "dv/dt = [E_L]/tau : mV"}, "this is not understood"),
        ({"equations": "dv/dt = (E_L - v + R*I/tau : mV"}, "this is no expression"),
        ({"equations": "dv/dt = foo(v)/tau : mV"}, "there is no function 'foo'"),
        ({"equations": "dv/dt = clip(v, E_L)/tau : mV"}, "clip takes 3 arguments; given 2"),
        ({"equations": "dv/dt = v/tau + poisson(1)*mV/ms : mV"}, "write rand() < rate"),
        ({"equations": "dv/dt = -v/tau : mV\n dv/dt = 0*mV/ms : mV"}, "v is there twice"),
        ({"equations": "dv/dt = a/tau : mV\n a = b : mV\n b = a : mV"}, "a depends on itself: a → b → a"),
        ({"equations": "dv/dt = -v/tau : mV\n dspike/dt = -spike/tau : 1"}, "spike has a meaning of its own"),
        ({"reset": "v == V_reset"}, "write x = "),
        ({"reset": "w = V_reset"}, "a reset sets states; 'w' is none of v"),
        ({"method": "exact", "equations": "dv/dt = (E_L - v + R*I + v*v/mV)/tau : mV"}, "not linear here"),
    ],
)
def test_text(changed, part):
    assert part in refused(
        sl.errors.EquationError if "unless refractory)" not in str(changed) else ValueError, **changed
    )


def test_a_place_in_several_lines():
    message = refused(sl.errors.EquationError, equations="dv/dt = (E_L - v\n     + R*J)/tau : mV  # leak\n")
    assert message == "equations, line 2: 'J' is not known; give its value: J=…\n    + R*J)/tau : mV\n        ^"


def test_constants_and_methods():
    assert "'heun'; there are exact, exp_euler" in refused(ValueError, method="heun")
    assert "did you mean 'rk4'?" in refused(ValueError, method="rk5")
    assert "'tau_m' is in no equation; did you mean 'tau'?" in refused(ValueError, tau_m=10 * u.ms)
    assert "has a meaning of its own" in refused(ValueError, update=1.0)
