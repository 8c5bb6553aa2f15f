import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from brainunit import Hz, ms
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop._errors import MissingSettingError, ShapeError, UnitError


@pytest.fixture(autouse=True)
def setting():
    sl.environ.set(dt=0.1 * ms)
    sl.random.seed(0)


def run(source, length, **kwargs):
    sl.nn.init_all_states(source, **kwargs)
    return np.asarray(sl.transform.for_loop(source, length=length))


# --- Poisson ---------------------------------------------------------------------------------------------------------


def test_poisson_spikes_have_their_rates():
    freqs = np.array([0.0, 1.0, 100.0, 5000.0, 1e6]) * Hz
    x = run(sl.PoissonSpike((400, 5), freqs), 1000)
    assert x.dtype == np.float32
    expected = freqs.to_decimal(u.kHz) * 0.1
    assert (abs(x.mean((0, 1)) - expected) <= 5 * np.sqrt(expected / (1000 * 400))).all()
    assert not x[..., 0].any()
    assert x[..., 3].sum(1).var() == pytest.approx(400 * expected[3], rel=0.15)


@pytest.mark.filterwarnings("ignore:.*keeps one at most:RuntimeWarning")
def test_spikes_of_type_bool_are_one_at_most():
    freqs = np.array([0.0, 1.0, 100.0, 5000.0, 1e6]) * Hz
    x = run(sl.PoissonSpike((400, 5), freqs, bool), 2000)
    assert x.dtype == bool
    expected = 1 - np.exp(-freqs.to_decimal(u.kHz) * 0.1)
    error = 5 * np.sqrt(expected * (1 - expected) / (2000 * 400))
    assert (abs(x.mean((0, 1)) - expected) <= error).all()
    counts = x[..., 3].sum(1)
    assert counts.var() == pytest.approx(400 * expected[3] * (1 - expected[3]), rel=0.15)


@pytest.mark.parametrize("spk_type", [None, bool])
def test_rare_spikes_are_not_rounded(spk_type):
    """1e-7 per step: a float32 uniform knows multiples of 1.2e-7 only."""
    with sl.environ.context(dt=0.001 * ms):
        x = run(sl.PoissonSpike(1_000_000, 0.1 * Hz, spk_type), 200)
    assert x.sum() == pytest.approx(20, abs=5 * 20**0.5)
    assert x.sum() != pytest.approx(23.8, abs=0.01)


@pytest.mark.filterwarnings("ignore:.*keeps one at most:RuntimeWarning")
@pytest.mark.parametrize("spk_type", [None, bool, float, jnp.float16, np.int32])
def test_the_dtype_of_spikes(spk_type):
    x = sl.PoissonSpike(500, 5000 * Hz, spk_type)()
    assert x.dtype == (jnp.float32 if spk_type in (None, float) else spk_type)
    assert {*np.unique(x)} >= {0, 1}
    assert int(x.max()) == 1 if spk_type is bool else int(x.max()) > 1
    with sl.environ.context(precision=64):
        assert sl.PoissonSpike(5, 5000 * Hz)().dtype == jnp.float64


def test_encoder_follows_the_rates_it_is_given():
    encoder = sl.PoissonEncoder(300)
    rates = jnp.array([[0.0] * 300, [2000.0] * 300, [1e6] * 300]) * Hz
    x = sl.transform.for_loop(encoder, rates)
    assert x.shape == (3, 300)
    assert [int(n) for n in x.sum(1)] == [0, pytest.approx(300 * 0.2, abs=40), pytest.approx(300 * 100, rel=0.03)]
    assert encoder(100 * Hz).shape == (300,)
    assert encoder(jnp.ones((7, 300)) * Hz).shape == (7, 300)
    sl.nn.init_all_states(encoder, batch_size=2)
    assert encoder(100 * Hz).shape == (2, 300)


def test_rates_may_be_states():
    rate = sl.State(jnp.asarray(0.0) * Hz)
    source = sl.PoissonSpike(100, rate)
    step = sl.transform.jit(source)
    assert step().sum() == 0
    rate.value = 1e6 * Hz
    assert step().sum() == pytest.approx(100 * 100, rel=0.05)


def test_seed_batch_and_lanes():
    source = sl.PoissonSpike(40, 2000 * Hz)
    first, second = run(source, 10), run(source, 10)
    assert (first != second).any()
    sl.random.seed(0)
    np.testing.assert_array_equal(run(source, 10), first)
    batch = run(source, 3, batch_size=5)
    assert batch.shape == (3, 5, 40)
    assert (batch[:, 0] != batch[:, 1]).any()
    sl.nn.init_all_states(source)
    lanes = sl.transform.vmap(source, axis_size=5)()  # it writes no State of its own
    assert lanes.shape == (5, 40)
    assert (lanes[0] != lanes[1]).any()


def test_drives_a_projection():
    source, neuron = sl.PoissonSpike(50, 500 * Hz), sl.LIF(20)
    proj = sl.DeltaProj(comm=sl.connect.FixedOutDegree(5, weight=0.2 * u.mV, seed=0), pre=source, post=neuron)
    sl.nn.init_all_states(neuron)

    def step():
        proj(source())
        return neuron()

    assert sl.transform.for_loop(step, length=200).sum() > 0


# --- given times -----------------------------------------------------------------------------------------------------


def test_spikes_at_their_times():
    x = run(sl.SpikeTime(3, [0, 2, 1, 2], [0.3, 0.1, 0.3, 0.5] * ms), 7)
    expected = np.zeros((7, 3))
    expected[3, 0] = expected[1, 2] = expected[3, 1] = expected[5, 2] = 1
    np.testing.assert_array_equal(x, expected)


def test_weights_units_and_sums():
    source = sl.SpikeTime((2, 2), [3, 3, 0], [0.1, 0.1, 0.2] * ms, weights=np.array([1, 2, 4]) * u.mV)
    x = sl.transform.for_loop(source, length=3)
    assert x.unit == u.mV
    np.testing.assert_array_equal(x.mantissa, [np.zeros((2, 2)), [[0, 0], [0, 3]], [[4, 0], [0, 0]]])
    assert run(sl.SpikeTime(2, [0], [0.1] * ms, 2.5), 2, batch_size=3)[1, :, 0].tolist() == [2.5] * 3


@pytest.mark.parametrize(("how", "step"), [("round", 3), ("floor", 2), ("ceil", 3), (lambda x: np.floor(x) - 1, 1)])
def test_times_between_steps(how, step):
    x = run(sl.SpikeTime(1, [0], [0.26] * ms, time_as_step=how), 6)
    assert np.flatnonzero(x[:, 0]).tolist() == [step]
    exact = run(sl.SpikeTime(1, [0], [3 * np.float32(0.1)] * ms, time_as_step=how), 6)
    assert np.flatnonzero(exact[:, 0]).tolist() == [2 if callable(how) else 3]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 25)), max_size=12),
    st.sampled_from([0.1, 0.25, 1.0]),
)
def test_every_spike_arrives_once(events, dt):
    expected = np.zeros((20, 4))
    for index, step in events:
        if step < 20:
            expected[step, index] += 1
    with sl.environ.context(dt=dt * ms):
        source = sl.SpikeTime(4, [i for i, _ in events], np.array([s * dt for _, s in events]) * ms)
        np.testing.assert_array_equal(run(source, 20), expected)


def test_the_time_may_come_from_the_environment():
    source = sl.SpikeTime(2, [1], [5.0] * ms)
    with sl.environ.context(t=5.0 * ms):
        assert source().tolist() == [0, 1]
    with sl.environ.context(i=49):
        assert source().tolist() == [0, 0]


def test_many_spikes_are_arguments_of_the_program():
    rng = np.random.default_rng(0)
    source = sl.SpikeTime(100, rng.integers(0, 100, 50_000), rng.uniform(0, 1000, 50_000) * ms)
    assert len(sl.transform.jit(source).lower().as_text()) < 50_000
    assert run(source, 10_001).sum() == 50_000


def test_weights_train():
    weight = jnp.array([1.0, 2.0])

    def total(w):
        return sl.transform.for_loop(sl.SpikeTime(1, [0, 0], [0.1, 0.2] * ms, w), length=3)[2].sum()

    np.testing.assert_array_equal(sl.transform.grad(total, argnums=0)(weight), [0, 1])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.PoissonSpike(3, 10.0), UnitError, "PoissonSpike: freqs needs a value such as"),
        (lambda: sl.PoissonSpike(3, 10 * ms), UnitError, "PoissonSpike: freqs"),
        (lambda: sl.PoissonSpike(3, -1 * Hz), ValueError, "freqs must not be negative"),
        (lambda: sl.PoissonSpike(3, np.ones(2) * Hz), ShapeError, r"freqs: an array of shape \(2,\)"),
        (lambda: sl.PoissonSpike(3, None), TypeError, "freqs must be a number"),
        (lambda: sl.PoissonSpike(3, 1 * Hz, "spike"), TypeError, "spk_type must be bool"),
        (lambda: sl.PoissonSpike(3, 1 * Hz, complex), TypeError, "spk_type must be bool"),
        (lambda: sl.PoissonEncoder(3)(10.0), UnitError, "PoissonEncoder: freqs needs"),
        (lambda: sl.PoissonEncoder(3)(np.ones(4) * Hz), ShapeError, r"PoissonEncoder takes .*\(3,\).*given \(4,\)"),
        (lambda: sl.SpikeTime(2, [0, 1], [1.0] * ms), ShapeError, r"1 times but indices of shape \(2,\)"),
        (lambda: sl.SpikeTime(2, [0], [1.0]), UnitError, "SpikeTime: times needs a value such as"),
        (lambda: sl.SpikeTime(2, [0], [-1.0] * ms), ValueError, "times must be finite and not negative"),
        (lambda: sl.SpikeTime(2, [2], [1.0] * ms), ValueError, r"indices must lie in \[0, 2\); given 2 to 2"),
        (lambda: sl.SpikeTime(2, [0.5], [1.0] * ms), TypeError, "whole numbers; given float64"),
        (lambda: sl.SpikeTime(2, [0], [1.0] * ms, [1.0, 2.0]), ShapeError, r"weights of shape \(2,\)"),
        (lambda: sl.SpikeTime(2, [0], [1.0] * ms, 1.0, "up"), ValueError, "time_as_step must be 'round'"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_missing_dt_is_named():
    sl.environ.reset()
    with pytest.raises(MissingSettingError, match="by PoissonSpike"):
        sl.PoissonSpike(3, 1 * Hz)()


class TestSpikesOfAnotherStep:
    """`SpikeTime.update(index=..., time=...)`."""

    @pytest.fixture
    def source(self):
        return sl.nn.init_all_states(sl.SpikeTime(3, [0, 2, 1], [0.3, 0.1, 0.3] * ms))

    @pytest.mark.parametrize(("step", "spikes"), [(0, [0, 0, 0]), (1, [0, 0, 1]), (3, [1, 1, 0]), (99, [0, 0, 0])])
    def test_by_index_or_time(self, source, step, spikes):
        with sl.environ.context(dt=0.1 * ms, i=7):
            assert source(index=step).tolist() == spikes
            assert source(step).tolist() == spikes
            assert source(time=step * np.float32(0.1) * ms).tolist() == spikes
            assert source.calls.value == 0

    def test_in_a_loop(self, source):
        with sl.environ.context(dt=0.1 * ms):
            by_index = sl.transform.for_loop(lambda i: source(index=i), jnp.arange(5))
            by_time = sl.transform.for_loop(lambda t: source(time=t), jnp.arange(5) * 0.1 * ms)
        assert by_index.tolist() == by_time.tolist()
        assert by_index.sum() == 3

    def test_what_is_refused(self, source):
        with sl.environ.context(dt=0.1 * ms):
            with pytest.raises(TypeError, match=r"index must be a whole number, that of a step; given 0\.3"):
                source(index=0.3)
            with pytest.raises(UnitError, match="time needs a value such as"):
                source(time=0.3)
