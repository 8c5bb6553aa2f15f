import subprocess
import sys

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import spikeloop as sl
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloop import random
from spikeloop._errors import ShapeError, TraceContextError, UnitError
from spikeloop.random import _direct

N = 20_000

# name, arguments, distribution in scipy (continuous: Kolmogorov-Smirnov; discrete: mean and variance)
CONTINUOUS = [
    ("random", (), scipy.stats.uniform()),
    ("uniform", (-2.0, 3.0), scipy.stats.uniform(-2, 5)),
    ("standard_normal", (), scipy.stats.norm()),
    ("normal", (1.0, 2.0), scipy.stats.norm(1, 2)),
    ("laplace", (1.0, 2.0), scipy.stats.laplace(1, 2)),
    ("logistic", (1.0, 2.0), scipy.stats.logistic(1, 2)),
    ("gumbel", (1.0, 2.0), scipy.stats.gumbel_r(1, 2)),
    ("exponential", (2.0,), scipy.stats.expon(0, 2)),
    ("gamma", (2.5, 2.0), scipy.stats.gamma(2.5, scale=2)),
    ("weibull_min", (1.5, 2.0), scipy.stats.weibull_min(1.5, scale=2)),
    ("beta", (2.0, 3.0), scipy.stats.beta(2, 3)),
    ("lognormal", (0.5, 0.7), scipy.stats.lognorm(0.7, scale=np.exp(0.5))),
]
DISCRETE = [
    ("poisson", (3.5,), scipy.stats.poisson(3.5)),
    ("bernoulli", (0.3,), scipy.stats.bernoulli(0.3)),
    ("binomial", (10, 0.3), scipy.stats.binom(10, 0.3)),
    ("geometric", (0.3,), scipy.stats.geom(0.3)),
    ("randint", (-2, 5), scipy.stats.randint(-2, 5)),
]


@pytest.mark.parametrize(("name", "args", "dist"), CONTINUOUS, ids=[c[0] for c in CONTINUOUS])
def test_continuous_distribution(name, args, dist):
    x = getattr(random, name)(*args, size=N, key=0)
    assert x.dtype == jnp.float32
    assert not x.weak_type
    assert scipy.stats.kstest(np.asarray(x, float), dist.cdf).pvalue > 1e-3


@pytest.mark.parametrize(("name", "args", "dist"), DISCRETE, ids=[c[0] for c in DISCRETE])
def test_discrete_distribution(name, args, dist):
    x = getattr(random, name)(*args, size=N, key=0)
    assert x.dtype == (bool if name == "bernoulli" else jnp.int32)
    x = np.asarray(x, float)
    assert abs(x.mean() - dist.mean()) < 5 * dist.std() / N**0.5
    assert abs(x.var() / dist.var() - 1) < 0.06


def test_truncated_normal_distribution():
    x = np.asarray(random.truncated_normal(-1.0, 4.0, size=N, loc=1.0, scale=2.0, key=0), float)
    assert scipy.stats.kstest(x, scipy.stats.truncnorm(-1, 1.5, 1, 2).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(random.truncated_normal(0.0, 1.0, 3, loc=0.5, scale=0.0), [0.5] * 3)


@pytest.mark.parametrize("name", ["random", "uniform", "normal", "exponential", "lognormal"])
def test_double_precision(name):
    with sl.environ.context(precision=64):
        args = next(c[1] for c in CONTINUOUS if c[0] == name)
        assert getattr(random, name)(*args, size=3).dtype == jnp.float64
    assert getattr(random, name)(*args, size=3, dtype=jnp.float16).dtype == jnp.float16


@pytest.mark.parametrize("shape", [(), (0, 2), (3,), (5, 4001)])
def test_same_numbers_as_jax_for_the_same_key(shape):
    key = jax.random.key(5)
    np.testing.assert_array_equal(random.random(shape, key), jax.random.uniform(key, shape))
    bounds = jnp.float32(-3.0), np.float64(0.7)
    np.testing.assert_array_equal(random.uniform(*bounds, shape, key), jax.random.uniform(key, shape, float, *bounds))
    np.testing.assert_allclose(random.standard_normal(shape, key), jax.random.normal(key, shape), rtol=4e-7)
    moved = random.normal(jnp.float32(2.0), 3, shape, key)
    np.testing.assert_allclose(moved, 2 + 3 * jax.random.normal(key, shape), rtol=4e-7, atol=1e-6)
    for key in (5, np.int64(5), jax.random.key(5), jax.random.PRNGKey(5), jnp.asarray(5)):
        np.testing.assert_array_equal(random.normal(size=3, key=key), random.normal(size=3, key=5))


@settings(deadline=None)
@given(st.integers(-(2**40), 2**70))
def test_any_whole_number_is_a_seed(n):
    one, two = random.RandomState(n), random.RandomState(n)
    assert (np.asarray(one.value) == np.asarray(two.value)).all()


def test_seed_repeats_and_also_seeds_numpy():
    def draw():
        return float(random.rand()), np.random.rand()  # noqa: NPY002

    random.seed(3)
    first, second = draw(), draw()
    assert first != second
    random.seed(3)
    assert draw() == first


def test_seed_without_number_differs():
    random.seed()
    first = random.rand()
    random.seed()
    assert random.rand() != first


def test_seed_context_leaves_no_trace():
    random.seed(1)
    expected = random.rand(), np.random.rand()  # noqa: NPY002
    random.seed(1)
    with random.seed_context(7):
        inside = random.rand()
    assert (random.rand(), np.random.rand()) == expected  # noqa: NPY002
    with random.seed_context(7):
        assert random.rand() == inside


def test_restore_key_takes_a_split_back():
    key = random.split_key(backup=True)
    random.restore_key()
    assert random.split_key() == key
    with pytest.raises(ValueError, match="no backup"):
        random.restore_key()


def test_split_keys_differ_and_drive_jax():
    keys = random.split_keys(4)
    assert keys.shape == (4,)
    assert len({float(jax.random.uniform(key)) for key in keys}) == 4
    with pytest.raises(ValueError, match="at least 1"):
        random.split_keys(0)


def test_get_key_and_set_key():
    key = random.get_key()
    first = random.rand()
    random.set_key(key)
    assert random.rand() == first


def test_default_rng_and_clone_rng():
    assert random.default_rng() is random.DEFAULT
    assert random.default_rng(3).rand() == random.default_rng(3).rand()
    assert random.clone_rng(clone=False) is random.DEFAULT
    assert random.clone_rng() is not random.DEFAULT


def test_key_argument_leaves_the_state_alone():
    before = np.asarray(random.DEFAULT.value)
    random.normal(size=3, key=1)
    np.testing.assert_array_equal(random.DEFAULT.value, before)


def test_every_jitted_call_draws_anew_with_one_compilation(compiles):
    draw = sl.transform.jit(lambda: random.normal(size=2))
    random.seed(0)
    first = draw()
    compiles()
    second = draw()
    assert compiles() == 0
    assert (first != second).all()
    random.seed(0)
    np.testing.assert_array_equal(draw(), first)


def test_jit_and_eager_draw_the_same():
    random.seed(0)
    eager = [random.normal(size=2), random.uniform()]
    random.seed(0)
    jitted = sl.transform.jit(lambda: [random.normal(size=2), random.uniform()])()
    for a, b in zip(eager, jitted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_new_shape_compiles_nothing_outside_of_transformations(compiles):
    random.normal(size=3)  # the split of keys
    compiles()
    drawn = random.normal(1.0, 2.0, size=(7, 11)), random.uniform(-1.0, 1.0, size=13), sl.init.KaimingNormal()((9, 5))
    assert compiles() == 0
    assert all(isinstance(x, jax.Array) for x in drawn)


DRAWS = {
    "cut": (lambda: random.truncated_normal(-2.0, 2.0, (40, 30), key=4), 5e-7),
    "one bound": (lambda: random.truncated_normal(0.5, np.inf, 999, 1.0, 0.5, key=4), 5e-7),
    "bounds": (lambda: random.truncated_normal(np.array([-1.0, 0.0, 2.0]), 3.0, (50, 3), 1.0, key=4), 5e-7),
    "tall": (lambda: sl.init.Orthogonal()((9, 4), key=4), 2e-5),
    "wide": (lambda: sl.init.Orthogonal(2.0)((2, 3, 11), key=4), 2e-5),
}


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_drawn_without_a_program_are_those_of_jax(name, monkeypatch):
    draw, rtol = DRAWS[name]
    direct = draw()
    monkeypatch.setattr(_direct, "_MANY", 0)
    np.testing.assert_allclose(direct, draw(), rtol=rtol, atol=rtol / 20)


def test_a_new_shape_of_bounded_numbers_or_of_a_matrix_compiles_nothing(compiles):
    initializers = sl.init.VarianceScaling(distribution="truncated_normal"), sl.init.Orthogonal()
    for init in initializers:
        init((3, 4))  # the error function of a bound
    compiles()
    drawn = [init((13, n)) for init in initializers for n in (6, 17)]
    assert compiles() == 0
    assert all(isinstance(x, jax.Array) for x in drawn)


def test_many_numbers_are_those_of_jax(monkeypatch):
    few = random.normal(size=1000, key=3)
    monkeypatch.setattr(_direct, "_MANY", 1000)
    np.testing.assert_allclose(random.normal(size=1000, key=3), few, rtol=4e-7)


def test_every_step_of_a_loop_draws_anew():
    random.seed(0)
    looped = sl.transform.for_loop(lambda i: random.uniform(), jnp.arange(5))
    random.seed(0)
    np.testing.assert_allclose(looped, [random.uniform() for _ in range(5)], rtol=1e-6)
    assert len(set(looped.tolist())) == 5


def test_lanes_of_vmap_draw_different_numbers():
    drawn = sl.transform.vmap(lambda x: random.uniform() + 0 * x)(jnp.zeros(6))
    assert len(set(drawn.tolist())) == 6
    assert np.asarray(random.DEFAULT.value).shape == (2,)


def test_own_state_in_a_module_is_found():
    class Noise(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.rng = random.RandomState(3)

        def update(self):
            return self.rng.normal(size=2)

    noise = Noise()
    assert list(noise.states()) == [("rng",)]
    first = sl.transform.jit(noise)()
    noise.rng.seed(3)
    np.testing.assert_allclose(first, noise(), rtol=1e-6)


def test_raw_jax_jit_is_refused():
    with pytest.raises(TraceContextError, match="DEFAULT"):
        jax.jit(lambda: random.normal())()


def test_first_draw_inside_jit_and_import_without_a_back_end():
    code = (
        "import spikeloop as sl; from jax._src import xla_bridge; assert not xla_bridge._backends;"
        "print(sl.transform.jit(lambda: sl.random.normal(size=2))().shape)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "(2,)\n"


def test_units_of_location_and_scale():
    x = random.normal(-55 * u.mV, 0.002 * u.volt, size=N, key=0)
    assert x.unit == u.mV
    assert abs(x.mantissa.mean() + 55) < 0.1
    assert abs(x.mantissa.std() - 2) < 0.1
    assert random.uniform(0, 1 * u.ms).unit == u.ms
    assert random.exponential(2 * u.ms).unit == u.ms
    assert random.gamma(2.0, 2 * u.ms).unit == u.ms
    assert random.truncated_normal(0 * u.mV, 1 * u.mV, loc=0.5 * u.mV, scale=1 * u.mV).unit == u.mV


def test_arguments_give_the_shape():
    assert random.normal(jnp.zeros(3), jnp.ones((2, 1))).shape == (2, 3)
    assert random.poisson(jnp.ones(4)).shape == (4,)
    assert random.normal(jnp.zeros(3), size=(2, 3)).shape == (2, 3)
    with pytest.raises(ShapeError, match=r"normal: .*\(3,\).*size=\(4,\)"):
        random.normal(jnp.zeros(3), size=4)


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: random.normal(1.0, 2 * u.mV), UnitError, "normal: loc has no unit, expected mV"),
        (lambda: random.normal(1 * u.ms, 2 * u.mV), UnitError, "scale is in mV, expected a value in ms"),
        (lambda: random.poisson(3 * u.Hz), UnitError, "poisson: lam is in Hz, expected no unit"),
        (lambda: random.normal(scale=-1.0), ValueError, "scale must be at least 0; given -1.0"),
        (lambda: random.bernoulli(1.5), ValueError, "p must lie between 0 and 1; given 1.5"),
        (lambda: random.gamma(-1.0), ValueError, "shape must be at least 0"),
        (lambda: random.seed(1.5), TypeError, "whole number or a JAX key; given 1.5"),
        (lambda: random.seed(True), TypeError, "given True"),
        (lambda: random.set_key(None), TypeError, "given None"),
        (lambda: random.seed(jax.random.key(0, impl="rbg")), TypeError, "threefry"),
    ],
)
def test_errors_say_what_is_wrong(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


def test_choice_permutation_shuffle():
    x = jnp.arange(10) * u.mV
    assert random.choice(x, 3).unit == u.mV
    assert len(set(random.choice(5, 5, replace=False).tolist())) == 5
    np.testing.assert_array_equal(random.choice(3, 4, p=[0, 1, 0]), [1] * 4)
    assert sorted(random.permutation(5).tolist()) == [0, 1, 2, 3, 4]
    assert sorted(random.shuffle(x).mantissa.tolist()) == list(range(10))
    assert random.categorical(jnp.array([-jnp.inf, 0.0]), size=(3,)).tolist() == [1, 1, 1]


def test_like_functions():
    x = jnp.zeros((2, 3))
    assert random.rand_like(x).shape == random.randn_like(x).shape == random.randint_like(x, 0, 5).shape == (2, 3)


class TestLists:
    """Lists and tuples of numbers are arrays, in every distribution."""

    def test_bounds(self):
        a = random.randint([1, 2, 3], (10, 7, 8), size=(500, 3))
        assert (a.min(0) == jnp.array([1, 2, 3])).all()
        assert (a.max(0) == jnp.array([9, 6, 7])).all()
        assert random.randint([1, 2, 3], [10, 7, 8]).shape == (3,)

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: random.poisson([0.5, 4.0], (2000, 2)),
            lambda: random.normal([0.5, 4.0], 1.0, (2000, 2)),
            lambda: random.uniform([0.0, 3.5], [1.0, 4.5], (2000, 2)),
            lambda: random.exponential([0.5, 4.0], (2000, 2)),
            lambda: random.binomial([5, 8], [0.1, 0.5], (2000, 2)),
            lambda: random.gamma([0.5, 4.0], size=(2000, 2)),
        ],
    )
    def test_means(self, draw):
        np.testing.assert_allclose(draw().mean(0), [0.5, 4.0], atol=0.4)

    def test_ranges_are_checked(self):
        with pytest.raises(ValueError, match="poisson: lam must be at least 0"):
            random.poisson([1.0, -1.0])


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.int8, jnp.int32, bool])
def test_dtypes_like_the_input(dtype):
    like = jnp.ones((3, 4), dtype)
    floats = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.float32
    for draw in (random.rand_like, random.randn_like):
        assert (draw(like).dtype, draw(like).shape) == (floats, (3, 4))
        assert draw(like, jnp.float32).dtype == jnp.float32
        assert draw(like * u.mV).dtype == floats
    whole = random.randint_like(like, 0, 5)
    assert (whole.dtype, whole.shape) == (jnp.int32 if dtype is bool else dtype, (3, 4))
    assert random.randint_like(like, 0, 5, jnp.int16).dtype == jnp.int16


def test_randint_like_stays_below_the_largest_value():
    a = random.randint_like(jnp.array([[3, 7], [2, 9]] * 500))
    assert (a.min(), a.max()) == (0, 8)
