"""Arguments of inputs and initializers that no input or distribution can have."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import init, inputs

INF, NAN = float("inf"), float("nan")
ms, Hz = u.ms, u.Hz


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * ms)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: inputs.StepInput(1, [1, 2] * u.pA, [20, 10] * ms), "StepInput: step_times must not fall"),
        (
            lambda: inputs.step([1 * u.pA, 2 * u.pA], [20 * ms, 10 * ms], 30 * ms),
            "inputs.step: step_times must not fall",
        ),
        (lambda: inputs.OUProcessInput(1, 0 * u.pA, -1 * u.pA, 5 * ms), "OUProcessInput: sigma must not be negative"),
        (lambda: inputs.OUProcessInput(1, NAN * u.pA, 1 * u.pA, 5 * ms), "OUProcessInput: mean must be finite"),
        (lambda: inputs.WienerProcessInput(1, -1 * u.pA), "WienerProcessInput: sigma must not be negative"),
        (lambda: inputs.WienerProcessInput(1, jnp.asarray([-1.0])), "WienerProcessInput: sigma must not be negative"),
        (lambda: inputs.ou_process(0 * u.pA, -1 * u.pA, 5 * ms, 9 * ms), "ou_process: sigma must not be negative"),
        (lambda: inputs.ou_process(INF * u.pA, 1 * u.pA, 5 * ms, 9 * ms), "ou_process: mean must be finite"),
        (lambda: inputs.wiener_process(9 * ms, -1 * u.pA), "wiener_process: sigma must not be negative"),
        (lambda: inputs.noisy_sinusoidal(1.0, 5 * Hz, -1.0, 9 * ms), "noise_amplitude must not be negative"),
        (lambda: inputs.poisson(5 * Hz, 9 * ms, amplitude=NAN), "poisson: amplitude must be finite"),
        (lambda: inputs.ConstantInput(1, NAN * u.pA), "ConstantInput: value must be finite; given nan pA"),
        (lambda: inputs.ConstantInput(1, None), "ConstantInput: value must be a number or an array; given None"),
        (
            lambda: inputs.SectionInput(1, [1 * u.pA, INF * u.pA], [1, 1] * ms),
            r"SectionInput: values\[1\] must be finite",
        ),
        (lambda: inputs.RampInput(1, 0 * u.pA, NAN * u.pA, 9 * ms), "RampInput: c_end must be finite"),
        (lambda: inputs.SinusoidalInput(1, 1 * u.pA, NAN * Hz), "SinusoidalInput: frequency must be finite"),
        (lambda: inputs.section([NAN * u.pA], [9 * ms]), "inputs.section: value 0 must be finite"),
        (lambda: inputs.sinusoidal(1.0, NAN * Hz, 9 * ms), "inputs.sinusoidal: frequency must be finite"),
        (lambda: inputs.square(NAN, 5 * Hz, 9 * ms), "amplitude must be finite"),
        (lambda: inputs.ramp(0.0, NAN, 9 * ms), "amplitude must be finite"),
        (lambda: inputs.spike([1 * ms], 1 * ms, NAN, 9 * ms), r"inputs.spike: sp_sizes\[0\] must be finite"),
        (lambda: inputs.burst(1.0, 5 * Hz, 9 * ms, -1 * ms, 2, 50 * ms), "inter_burst_interval must not be negative"),
        (lambda: inputs.burst(1.0, 5 * Hz, 9 * ms, 9 * ms, -1, 50 * ms), "n_bursts must be a whole number"),
        (lambda: inputs.gaussian_pulse(1.0, 5 * ms, 1 * ms, 9 * ms, n=-1), "n must be a whole number"),
        (lambda: inputs.SpikeTime(2, [0], [1] * ms, weights=NAN), "SpikeTime: weights must be finite"),
        (lambda: init.Normal(0.0, -1.0), "Normal: std must not be negative; given -1.0"),
        (lambda: init.Normal(0 * u.mV, -1 * u.mV), "Normal: std must not be negative; given -1 mV"),
        (lambda: init.Normal(0.0, -1.0, unit=u.mV), "Normal: std must not be negative"),
        (lambda: init.Normal(np.array([0.0, NAN])), "Normal: mean must be finite"),
        (lambda: init.TruncatedNormal(0.0, 1.0, 2.0, 1.0), "TruncatedNormal: low must not be above high"),
        (lambda: init.TruncatedNormal(0.0, 1.0, NAN), "TruncatedNormal: low must not be above high"),
        (lambda: init.LogNormal(0.0, 1.0), "LogNormal: mean must be positive"),
        (lambda: init.LogNormal(1.0, -1.0), "LogNormal: std must not be negative"),
        (lambda: init.Gamma(-1.0, 1.0), "Gamma: shape must be positive"),
        (lambda: init.Gamma(1.0, -1 * ms), "Gamma: scale must not be negative"),
        (lambda: init.Exponential(-1.0), "Exponential: scale must not be negative"),
        (lambda: init.Weibull(0.0, 1.0), "Weibull: shape must be positive"),
        (lambda: init.Beta(1.0, -1.0), "Beta: beta must be positive"),
        (lambda: init.Beta(1.0, 1.0, 2.0, 1.0), "Beta: low must not be above high"),
        (lambda: init.Uniform(2.0, 1.0), "Uniform: low must not be above high"),
        (lambda: init.Uniform(0.0, INF), "Uniform: high must be finite"),
        (lambda: init.Constant(NAN), "Constant: value must be finite; given nan"),
        (lambda: init.Constant(None), "Constant: value must be given; it is None"),
        (lambda: init.Clipped(init.Normal(), 2.0, 1.0), "Clipped: min_val must not be above max_val"),
        (lambda: init.VarianceScaling(-1.0), "VarianceScaling: scale must not be negative"),
        (lambda: init.KaimingNormal(-1.0), "KaimingNormal: scale must not be negative"),
        (lambda: init.Orthogonal(NAN), "Orthogonal: scale must be finite"),
    ],
)
def test_impossible_values_are_refused_in_the_constructor(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.Constant("a"), "Constant: value must be a number or an array; given 'a'"),
        (lambda: init.Clipped(3.0), "Clipped: base must be an initializer such as init.Constant"),
        (lambda: init.Scaled(3.0, 2.0), "Scaled: base must be an initializer"),
        (lambda: init.Mixture([1.0]), r"Mixture: distributions\[0\] must be an initializer"),
        (lambda: init.Conditional(3, init.Normal(), init.Normal()), "condition_fn must be a function"),
        (lambda: init.Conditional(len, init.Normal(), 0.0), "Conditional: false_dist must be an initializer"),
        (lambda: init.Normal(unit="mV"), "Normal: unit must be a unit such as u.mV"),
        (lambda: inputs.ConstantInput(1, "a"), "ConstantInput: value must be a number or an array; given 'a'"),
        (lambda: inputs.SectionInput(1, None, [1] * ms), "SectionInput: values must be a list or an array"),
        (lambda: inputs.section([1.0], "a"), "inputs.section: durations must be a list or an array"),
    ],
)
def test_other_things_than_numbers_are_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_what_a_trace_does_not_know_and_open_bounds_are_let_through():
    spread = sl.transform.jit(lambda std: init.Normal(0.0, std)(3).std() >= 0)
    assert spread(2.0)
    assert init.TruncatedNormal(0.0, 1.0, low=0.0, high=INF)(5).min() >= 0
    assert init.Clipped(init.Normal(), min_val=-INF, max_val=0.0)(5).max() <= 0
    x = sl.transform.jit(lambda sigma: inputs.wiener_process(1 * ms, sigma, seed=1))(2.0)
    np.testing.assert_allclose(x, inputs.wiener_process(1 * ms, 2.0, seed=1), rtol=1e-6)
    equal = inputs.StepInput(1, [1, 2, 3] * u.pA, [1, 1, 2] * ms)
    with sl.environ.context(i=15):
        assert equal().to_decimal(u.pA) == 2
