import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import spikeloop as sl
from brainunit import Hz, ms, mV
from spikeloop._errors import ShapeError, UnitError
from spikeloop.inputs._poisson import _binomial_table, binomial


@pytest.fixture(autouse=True)
def settings():
    sl.environ.set(dt=0.1 * ms)
    sl.random.seed(0)


def added(*args, n=200_000, **kwargs):
    target = sl.HiddenState(jnp.zeros(n) * mV)
    sl.poisson_input(*args, target=target, **kwargs)
    return np.asarray(target.value.to_decimal(mV))


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (20, 1e-3), (50, 0.5), (800, 0.01), (10**4, 0.1), (10**6, 1e-5)])
def test_the_drawn_numbers_are_binomial(n, p):
    x = np.asarray(binomial(n, p, (200_000,)))
    values, counts = np.unique(x, return_counts=True)
    expected = len(x) * scipy.stats.binom.pmf(values, n, p)
    often = expected > 20
    chi2 = ((counts - expected)[often] ** 2 / expected[often]).sum()
    assert chi2 < scipy.stats.chi2.ppf(1 - 1e-6, often.sum())
    assert x.mean() == pytest.approx(n * p, abs=5 * (n * p * (1 - p) / len(x)) ** 0.5)


@pytest.mark.parametrize(("n", "p", "value"), [(0, 0.5, 0), (10, 0.0, 0), (10, 1.0, 10), (1000, 1.0, 1000)])
def test_sure_numbers(n, p, value):
    assert (np.asarray(binomial(n, p, (1000,))) == value).all()


@pytest.mark.parametrize(("n", "p"), [(20, 0.02), (10**5, 0.01)])
def test_the_table_holds_the_distribution(n, p):
    first, table = _binomial_table(n, p)
    exact = scipy.stats.binom.cdf(np.arange(first, first + len(table)), n, p)
    np.testing.assert_allclose(table / 2**32, exact, atol=2**-32, rtol=1e-9)
    assert scipy.stats.binom.cdf(first - 1, n, p) < 2**-32
    assert scipy.stats.binom.sf(first + len(table), n, p) < 2**-31


def test_mean_and_variance():
    x = added(50 * Hz, 200, 0.1 * mV)  # n p = 1
    assert x.mean() == pytest.approx(0.1, rel=0.02)
    assert x.var() == pytest.approx(0.01 * 200 * 0.005 * 0.995, rel=0.02)


def test_rates_of_targets_and_traced_rates():
    freqs = np.repeat([0.0, 100.0, 1000.0], 20_000) * Hz
    x = added(freqs, 40, 1.0 * mV, n=60_000).reshape(3, -1)
    np.testing.assert_allclose(x.mean(1), [0, 0.4, 4], rtol=0.05)
    rate = sl.State(jnp.asarray(200.0) * Hz)
    target = sl.State(jnp.zeros(20_000))
    sl.transform.jit(lambda: sl.poisson_input(rate, 50, 1.0, target))()
    assert float(target.value.mean()) == pytest.approx(1.0, rel=0.05)
    assert float(target.value.var()) == pytest.approx(0.98, rel=0.06)


def test_indices_and_refractoriness():
    x = added(1e4 * Hz, 3, 2 * mV, n=6, indices=np.array([1, 4]))
    np.testing.assert_array_equal(x, [0, 6, 0, 0, 6, 0])
    x = added(1e4 * Hz, 3, np.array([1, 2]) * mV, n=6, indices=np.array([False, True, False, False, True, False]))
    np.testing.assert_array_equal(x, [0, 3, 0, 0, 6, 0])
    refractory = jnp.arange(6) < 2
    np.testing.assert_array_equal(added(1e4 * Hz, 1, 1 * mV, n=6, refractory=refractory), [0, 0, 1, 1, 1, 1])
    x = added(1e4 * Hz, 1, 1 * mV, n=6, indices=[1, 4], refractory=refractory)
    np.testing.assert_array_equal(x, [0, 0, 0, 0, 1, 0])


def test_a_batch_draws_for_every_sample():
    synapse = sl.nn.init_all_states(sl.Expon(50), batch_size=4)
    sl.poisson_input(100 * Hz, 300, 0.01 * u.mS, synapse.g)
    g = synapse.g.value.mantissa
    assert g.shape == (4, 50)
    assert (g[0] != g[1]).any()
    sl.poisson_input(1e4 * Hz, 1, 1 * u.mS, synapse.g, [0])
    np.testing.assert_allclose(synapse.g.value.mantissa - g, np.eye(50)[[0] * 4], rtol=1e-6)


def test_lanes_and_seeds():
    target = sl.State(jnp.zeros((5, 100)))
    draw = sl.transform.vmap(lambda: sl.poisson_input(100 * Hz, 50, 1.0, target), axis_size=5, in_states=target)
    draw()
    first = target.value
    assert len(np.unique(first, axis=0)) == 5
    target.value = jnp.zeros((5, 100))
    sl.random.seed(0)
    draw()
    np.testing.assert_array_equal(target.value, first)


def test_module_drives_a_network():
    class Net(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = sl.nn.init_all_states(sl.LIF(20, V_th=10 * mV, tau=20 * ms))
            self.noise = sl.PoissonInput(self.N.V, None, 1000, 10 * Hz, 0.2 * mV)

        def update(self):
            self.noise()
            return self.N()

    net = sl.nn.init_all_states(Net())
    spikes = sl.transform.for_loop(net, length=2000)
    # the mean of V without spikes: tau · rate · weight = 20 ms · 10 kHz · 0.2 mV = 40 mV
    # so that it fires about every 20 ms · ln(40 / (40 − 10)) = 5.75 ms
    assert float(spikes.sum()) / 20 / 200 * 5.75 == pytest.approx(1, abs=0.1)


def test_an_input_to_V_that_reaches_the_threshold_makes_a_spike():
    neuron = sl.LIFRef(3, V_th=10 * mV, spk_reset="hard")
    noise = sl.PoissonInput(neuron.prefetch("V"), [0, 2], 1, 1e4 * Hz, 20 * mV)
    sl.nn.init_all_states(neuron)
    noise()
    np.testing.assert_array_equal(neuron(), [1, 0, 1])
    noise()
    np.testing.assert_array_equal(neuron(), [0, 0, 0])
    np.testing.assert_array_equal(neuron.V.value.mantissa, [0, 0, 0])


def test_a_target_that_is_made_later():
    synapse = sl.Expon(3)
    noise = sl.PoissonInput(synapse.prefetch("g"), None, 1, 1e4 * Hz, 1 * u.mS)
    sl.nn.init_all_states(synapse)
    noise()
    np.testing.assert_array_equal(synapse.g.value.mantissa, np.ones(3))


@pytest.mark.parametrize(("cls", "advice"), [(sl.LIF, r"take_delta\(\) before"), (sl.CubaLIF, "Add to its g")])
def test_V_without_a_buffer_is_refused(cls, advice):
    neuron = sl.nn.init_all_states(cls(3))
    with pytest.raises(ValueError, match=f"poisson_input to {cls.__name__}.V: .*{advice}"):
        sl.poisson_input(1 * Hz, 1, 1 * mV, neuron.V)


V = sl.HiddenState(jnp.zeros(3) * mV, name="V")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sl.poisson_input(10.0, 1, 1 * mV, V), UnitError, "poisson_input to V: freq needs a value"),
        (lambda: sl.poisson_input(10 * Hz, 1, 1.0, V), UnitError, "weight needs a value such as .*mV"),
        (lambda: sl.poisson_input(10 * Hz, 1, 1 * u.mS, V), UnitError, "weight"),
        (lambda: sl.poisson_input(-1 * Hz, 1, 1 * mV, V), ValueError, "freq must not be negative"),
        (lambda: sl.poisson_input(11 * u.kHz, 1, 1 * mV, V), ValueError, "more than once in a step"),
        (lambda: sl.poisson_input(1 * Hz, -1, 1 * mV, V), ValueError, "num_input must be a whole number"),
        (lambda: sl.poisson_input(1 * Hz, 1.5, 1 * mV, V), ValueError, "num_input must be a whole number"),
        (lambda: sl.poisson_input(1 * Hz, 1, np.ones(2) * mV, V), ShapeError, r"weight of shape \(2,\)"),
        (lambda: sl.poisson_input(1 * Hz, 1, 1 * mV, V, [3]), ValueError, r"indices must be whole numbers in \[0, 3\)"),
        (lambda: sl.poisson_input(1 * Hz, 1, 1 * mV, V, [0.5]), ValueError, "indices"),
        (lambda: sl.poisson_input(1 * Hz, 1, 1 * mV, V.value), TypeError, "not its value"),
        (lambda: sl.poisson_input(1 * Hz, 1, 1, sl.State(jnp.zeros(3, int))), TypeError, "must hold floats"),
        (lambda: sl.PoissonInput(V.value, None, 1, 1 * Hz, 1 * mV), TypeError, "target must be a State"),
        (lambda: sl.PoissonInput(V, None, 1, 10.0, 1 * mV), UnitError, "PoissonInput: freq"),
        (lambda: sl.PoissonInput(V, None, "3", 1 * Hz, 1 * mV), ValueError, "PoissonInput: num_input"),
    ],
)
def test_mistakes_change_nothing(call, error, message):
    with pytest.raises(error, match=message):
        call()
    np.testing.assert_array_equal(V.value.mantissa, np.zeros(3))
