"""Between spikes, every neuron model approaches the solution of its equations, written here as in the papers."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from numpy import cosh, exp, tanh
from scipy.integrate import solve_ivp


def exp_if(x, i, V_rest=-65, V_T=-59.9, D=3.48, tau=10):
    (V,) = x
    return [(-(V - V_rest) + D * exp((V - V_T) / D) + i) / tau]


def adex_if(x, i, tau_w=30, a=1, **options):
    V, w = x
    return [exp_if([V], i - w, **options)[0], (a * (V + 65) - w) / tau_w]


def qua_if(x, i):
    (V,) = x
    return [(0.07 * (V + 65) * (V + 50) + i) / 10]


def ad_qua_if(x, i):
    V, w = x
    return [qua_if([V], i - w)[0], ((V + 65) - w) / 10]


def alif(x, i):
    V, a = x
    return [(-V + i) / 5, -a / 100]


def gif(x, i):
    V, I1, I2, V_th = x
    return [(-(V + 70) + 20 * (I1 + I2 + i)) / 20, -0.2 * I1, -0.02 * I2, 0.005 * (V + 70) - 0.01 * (V_th + 50)]


def izhikevich(x, i):
    V, w = x
    return [0.04 * V**2 + 5 * V + 140 - w + i, 0.02 * (0.2 * V - w)]


def hh(x, i):
    V, m, h, n = x
    am = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))
    bm = 4 * exp(-(V + 65) / 18)
    ah, bh = 0.07 * exp(-(V + 65) / 20), 1 / (1 + exp(-(V + 35) / 10))
    an = 0.01 * (V + 55) / (1 - exp(-(V + 55) / 10))
    bn = 0.125 * exp(-(V + 65) / 80)
    current = 120 * m**3 * h * (50 - V) + 36 * n**4 * (-77 - V) + 0.03 * (-54.387 - V) + i
    return [current, am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n]


def traub_miles_hh(x, i):
    V, m, h, n = x
    v = V + 63
    am, bm = 0.32 * (13 - v) / (exp((13 - v) / 4) - 1), 0.28 * (v - 40) / (exp((v - 40) / 5) - 1)
    ah, bh = 0.128 * exp((17 - v) / 18), 4 / (1 + exp((40 - v) / 5))
    an, bn = 0.032 * (15 - v) / (exp((15 - v) / 5) - 1), 0.5 * exp((10 - v) / 40)
    current = 20000 * m**3 * h * (50 - V) + 6000 * n**4 * (-90 - V) + 10 * (-60 - V) + i
    return [current / 200, am * (1 - m) - bm * m, ah * (1 - h) - bh * h, an * (1 - n) - bn * n]


def wang_buzsaki_hh(x, i):
    V, h, n = x
    am, bm = -0.1 * (V + 35) / (exp(-0.1 * (V + 35)) - 1), 4 * exp(-(V + 60) / 18)
    ah, bh = 0.07 * exp(-(V + 58) / 20), 1 / (exp(-0.1 * (V + 28)) + 1)
    an, bn = -0.01 * (V + 34) / (exp(-0.1 * (V + 34)) - 1), 0.125 * exp(-(V + 44) / 80)
    m = am / (am + bm)
    current = 35 * m**3 * h * (55 - V) + 9 * n**4 * (-90 - V) + 0.1 * (-65 - V) + i
    return [current, 5 * (ah * (1 - h) - bh * h), 5 * (an * (1 - n) - bn * n)]


def morris_lecar(x, i):
    V, W = x
    M_inf, W_inf = (1 + tanh((V + 1.2) / 18)) / 2, (1 + tanh((V - 2) / 30)) / 2
    current = 4.4 * M_inf * (130 - V) + 8 * W * (-84 - V) + 2 * (-60 - V) + i
    return [current / 20, 0.04 * cosh((V - 2) / 60) * (W_inf - W)]


def fitz_hugh_nagumo(x, i):
    V, w = x
    return [V - V**3 / 3 - w + i, (V + 0.7 - 0.8 * w) / 12.5]


def hindmarsh_rose(x, i):
    V, y, z = x
    return [y - V**3 + 3 * V**2 - z + i, 1 - 5 * V**2 - y, 0.006 * (4 * (V + 1.6) - z)]


# model, right-hand side, input, duration in ms, initial values (None: those of the model), order, and other constants.
# Models with one nonlinear variable are of second order; those with several, each advanced from the same old values,
# of first. Durations end before the first reset; those of models without a reset hold a whole spike.
CASES = [
    (sl.LIF, lambda x, i: [(-x[0] + i) / 5], 0.9, 10, [0.0], None, {}),
    (sl.ALIF, alif, 0.9, 10, [0.0, 2.0], None, {}),
    (sl.ExpIF, exp_if, 3.0, 20, [-65.0], 2, {}),
    (sl.AdExIF, adex_if, 6.0, 20, [-65.0, 1.0], 1, {}),
    (sl.QuaIF, qua_if, 3.0, 15, [-66.0], 2, {}),
    (sl.AdQuaIF, ad_qua_if, 3.0, 15, [-66.0, 0.5], 1, {}),
    (sl.Gif, gif, 0.5, 20, [-70.0, 0.1, 0.2, -50.0], 1, {"a": 0.005 / u.ms}),
    (sl.Izhikevich, izhikevich, 5.0, 5, [-65.0, -13.0], 1, {}),
    (sl.HH, hh, 10.0, 8, [-65.0, 0.05, 0.6, 0.32], 1, {}),
    (sl.TraubMilesHH, traub_miles_hh, 500.0, 8, [-65.0, 0.02, 0.98, 0.1], 1, {}),
    (sl.WangBuzsakiHH, wang_buzsaki_hh, 2.0, 10, [-64.9, 0.6, 0.32], 1, {}),
    (sl.MorrisLecar, morris_lecar, 100.0, 40, [-60.0, 0.02], 1, {}),
    (sl.FitzHughNagumo, fitz_hugh_nagumo, 0.6, 20, [-1.2, -0.62], 1, {}),
    (sl.HindmarshRose, hindmarsh_rose, 3.0, 2, [-1.3, -8.0, 0.1], 1, {}),
]


def value(unit, number):
    return number if unit.is_unitless else u.Quantity(number, unit=unit)


def end_of(cls, dt, duration, amplitude, start, options):
    """The variables after `duration`."""
    names = cls.state_vars
    given = {f"{k}_initializer": value(names[k].unit, x) for k, x in zip(names, start, strict=True)}
    sl.environ.set(precision=64, dt=dt * u.ms)
    model = sl.nn.init_all_states(cls(1, **given, **options))
    sl.transform.for_loop(lambda: model(value(cls.current_unit, amplitude)), length=round(duration / dt))
    return np.array([u.get_magnitude(getattr(model, k).value)[0] for k in names])


@pytest.mark.parametrize(
    ("cls", "f", "amplitude", "duration", "start", "order", "options"), CASES, ids=lambda x: getattr(x, "__name__", "")
)
def test_order_of_convergence(cls, f, amplitude, duration, start, order, options):
    solution = solve_ivp(lambda t, x: f(x, amplitude), (0, duration), start, "DOP853", rtol=1e-10, atol=1e-11)
    exact = solution.y[:, -1]
    size = np.abs(solution.y).max(axis=1)
    errors = []
    for dt in (0.1, 0.05, 0.025, 0.0125):
        errors.append(np.abs((end_of(cls, dt, duration, amplitude, start, options) - exact) / size).max())
    if order is None:
        assert max(errors) < 1e-9  # the models without a nonlinearity are exact
    else:
        assert errors[-1] < 0.02
        observed = np.log2(errors[-2] / errors[-1])
        assert order - 0.25 < observed < order + 0.6, errors


def test_the_cases_cover_every_model():
    covered = {case[0] for case in CASES}
    variants = {sl.IF, sl.CubaLIF, sl.CobaLIF, sl.IafPscExp}  # tests of their own
    from_list = {
        x for x in vars(sl).values() if isinstance(x, type) and issubclass(x, sl.Neuron) and x is not sl.Neuron
    }
    assert {x for x in from_list if not x.__name__.endswith("Ref")} == covered | variants
