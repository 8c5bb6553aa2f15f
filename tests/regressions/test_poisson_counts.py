"""Poisson sources give the number of spikes in a step, for any rate; what is no rate is refused."""

import warnings

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from brainunit import Hz, ms, mV
from scipy import stats
from spikeloop._errors import UnitError

STEPS, N = 250, 400


@pytest.fixture(autouse=True)
def setting():
    sl.environ.set(dt=0.1 * ms)
    sl.random.seed(1)


def rates(mean, kind):
    one = mean * 10 * u.kHz
    if kind == "one":
        return one
    return np.full(N, 1.0) * (1 + 1e-9 * np.arange(N)) * one if kind == "each" else sl.State(jnp.asarray(1.0) * one)


def draw(mean, kind):
    if kind == "encoder":
        encoder, freqs = sl.PoissonEncoder(N), jnp.full(N, mean * 10.0) * u.kHz
        return np.asarray(sl.transform.for_loop(lambda _: encoder(freqs), np.arange(STEPS)))
    if kind == "array":
        return np.asarray(sl.inputs.poisson(mean * 10 * u.kHz, STEPS * 0.1 * ms, n=N))
    return np.asarray(sl.transform.for_loop(sl.PoissonSpike(N, rates(mean, kind)), length=STEPS))


@pytest.mark.parametrize("kind", ["one", "each", "state", "encoder", "array"])
@pytest.mark.parametrize("mean", [0.01, 1.78, 20.0])
def test_counts_are_poisson(mean, kind):
    x = draw(mean, kind)
    assert x.dtype == np.float32
    assert x.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / x.size))
    assert x.var() == pytest.approx(mean, abs=4 * np.sqrt((mean + 2 * mean**2) / x.size))
    bins = np.arange(stats.poisson.ppf(1e-4, mean), stats.poisson.ppf(1 - 1e-4, mean) + 1)
    seen = np.array([(x <= bins[0]).sum(), *((x == b).sum() for b in bins[1:-1]), (x >= bins[-1]).sum()])
    below = stats.poisson.cdf(bins[:-1], mean)
    assert stats.chisquare(seen, np.diff([0, *below, 1]) * x.size).pvalue > 1e-3


def test_steps_and_neurons_are_independent():
    x = draw(1.78, "each")
    assert abs(np.corrcoef(x[:-1].ravel(), x[1:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("mean", [0.01, 1.78, 20.0])
def test_the_same_seed_gives_the_same_numbers_however_rates_are_given(mean):
    found = []
    for kind in ("one", "each", "state"):
        sl.random.seed(5)
        found.append(draw(mean, kind)[:20])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_means_beyond_one_part_of_the_sum():
    for kind in ("one", "each", "state"):
        x = draw(300.0, kind)
        assert x.mean() == pytest.approx(300, abs=4 * np.sqrt(300 / x.size))
        assert x.var() == pytest.approx(300, rel=0.02)


def test_the_rate_of_the_issue():
    """17,789 Hz in steps of 0.1 ms are 1.78 spikes a step, not one."""
    x = np.asarray(sl.transform.for_loop(sl.PoissonSpike(100, 17789 * Hz), length=1000))
    assert x.sum() / (100 * 0.1) == pytest.approx(17789, rel=0.01)


@pytest.mark.parametrize("source", [sl.PoissonSpike(3, 17789 * Hz, bool), sl.PoissonSpike(3, 1001 * Hz, spk_type=bool)])
def test_one_spike_at_most_warns_where_more_are_due(source):
    with pytest.warns(RuntimeWarning, match=r"PoissonSpike: a step of dt = 0.1 ms holds .* Leave spk_type out"):
        x = sl.transform.for_loop(source, length=3)
    assert x.dtype == bool


def test_one_spike_at_most_is_silent_where_it_is_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.transform.for_loop(sl.PoissonSpike(3, 999 * Hz, bool), length=3)
        sl.transform.for_loop(sl.PoissonSpike(3, 17789 * Hz), length=3)
        sl.transform.for_loop(sl.PoissonSpike(3, 17789 * Hz, int), length=3)
    with pytest.warns(RuntimeWarning, match="PoissonEncoder: a step of dt"):
        sl.PoissonEncoder(3, spk_type=bool)(2 * u.kHz)


def test_whole_numbers_of_few_bits_do_not_wrap():
    x = np.asarray(sl.transform.for_loop(sl.PoissonSpike(100, 2600 * u.kHz, np.uint8), length=10))
    assert x.max() == 255
    assert x.min() > 150


@pytest.mark.parametrize("rate", [np.nan, -1.0, np.inf])
def test_what_is_no_rate_is_refused(rate):
    message = {"nan": "holds NaN", "-1.0": "must not be negative; given -1 Hz", "inf": "must be finite"}[str(rate)]
    V = sl.nn.init_all_states(sl.Expon(3)).g
    for make in (
        lambda f: sl.PoissonSpike(2, f),
        lambda f: sl.PoissonSpike(2, np.array([1.0, f.mantissa]) * Hz),
        lambda f: sl.PoissonSpike(2, sl.State(f)),
        lambda f: sl.PoissonEncoder(2)(f),
        lambda f: sl.PoissonEncoder(2)(np.array([1.0, f.mantissa]) * Hz),
        lambda f: sl.PoissonInput(V, None, 1, f, 1 * u.mS),
    ):
        with pytest.raises(ValueError, match=f"freqs?.* {message}"):
            make(rate * Hz)
    with pytest.raises(ValueError, match=f"poisson_input to .*: freq {message}"):
        sl.poisson_input(rate * Hz, 1, 1 * u.mS, V)
    with pytest.raises(ValueError, match="rate must be at least 0|rate must be finite|average at most"):
        sl.inputs.poisson(rate * Hz, 1 * ms)


def test_a_rate_that_becomes_none_inside_a_program_gives_nan():
    tuning = sl.State(jnp.array([0.0, 1.0]))
    source = sl.PoissonSpike(3, sl.State(jnp.array([1e3, 2e3, 3e3]) * Hz))
    encoder = sl.PoissonEncoder(3)

    @sl.transform.jit
    def step():
        zero_by_zero = tuning.value[0] / tuning.value[0]
        source.freqs.value = source.freqs.value * jnp.array([1.0, -1.0, jnp.inf])
        return encoder(jnp.array([1.0, zero_by_zero, 3.0]) * u.kHz), source()

    given, own = step()
    np.testing.assert_array_equal(np.isnan(given), [False, True, False])
    np.testing.assert_array_equal(np.isnan(own), [False, True, True])


def test_a_gradient_passes_by():
    encoder = sl.PoissonEncoder(3)
    slope = sl.transform.grad(lambda f: (encoder(f * Hz) * f).sum(), argnums=0)(jnp.full(3, 5e3))
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("call", [sl.poisson_input, lambda *a, **k: sl.PoissonInput(*a, **k)()])
def test_arguments_in_both_orders(call):
    def received(*args, **kwargs):
        sl.random.seed(2)
        target = sl.State(jnp.zeros(4) * mV)
        put = {"target": target, "T": target}
        call(*(put.get(a, a) if isinstance(a, str) else a for a in args), **kwargs, **(
            {"target": target} if "T" not in args else {}))  # fmt: skip
        return np.asarray(target.value.mantissa)

    f, n, w, which = 500 * Hz, 100, 0.5 * mV, [1, 3]
    expected = received(freq=f, num_input=n, weight=w, indices=which)
    assert (expected[[1, 3]] > 0).all()
    assert (expected[[0, 2]] == 0).all()
    np.testing.assert_array_equal(received(f, n, w, "T", which), expected)
    np.testing.assert_array_equal(received("T", which, n, f, w), expected)
    np.testing.assert_array_equal(received(f, n, w, "T"), received("T", None, n, f, w))
    np.testing.assert_array_equal(received("T", which, n, sl.State(f), w), expected)  # a rate is no target


def test_arguments_in_no_order_say_what_to_write():
    V = sl.State(jnp.zeros(3) * mV)
    with pytest.raises((TypeError, UnitError), match="PoissonInput"):
        sl.PoissonInput(10, None, V, 10 * Hz, 1 * mV)
    with pytest.raises(TypeError, match=r"Write poisson_input\(freq=10. \* u.Hz, num_input=100"):
        sl.poisson_input(10 * Hz, V, 100, 1 * mV)
    with pytest.raises(TypeError, match=r"Write PoissonInput\(target=neuron.V, indices=None"):
        sl.PoissonInput(10 * Hz, V, 100, 1 * mV, None)
    with pytest.raises(TypeError, match="weight is missing; write weight="):
        sl.PoissonInput(V, None, 100, 10 * Hz)
