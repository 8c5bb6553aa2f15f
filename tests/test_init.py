import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import init
from spikeloop._errors import ShapeError, UnitError

SIZE = (60, 50)


def _half(index):
    return index < 1500


# initializer, mean, standard deviation, unit
MOMENTS = [
    (init.Constant(-55 * u.mV), -55, 0, u.mV),
    (init.Constant(3, unit=u.mV), 3, 0, u.mV),
    (init.ZeroInit(u.mS), 0, 0, u.mS),
    (init.OneInit(), 1, 0, u.UNITLESS),
    (init.Uniform(-70 * u.mV, -0.06 * u.volt), -65, 10 / 12**0.5, u.mV),
    (init.Normal(-55 * u.mV, 2 * u.mV), -55, 2, u.mV),
    (init.Normal(), 0, 1, u.UNITLESS),
    (init.TruncatedNormal(0.0, 1.0, low=0.0), (2 / np.pi) ** 0.5, (1 - 2 / np.pi) ** 0.5, u.UNITLESS),
    (init.TruncatedNormal(1 * u.mV, 2 * u.mV), 1, 2, u.mV),
    (init.LogNormal(1 * u.mS, 0.2 * u.mS), 1, 0.2, u.mS),
    (init.Gamma(2.0, 3 * u.ms), 6, 3 * 2**0.5, u.ms),
    (init.Exponential(3 * u.ms), 3, 3, u.ms),
    (init.Weibull(1.0, 2 * u.ms), 2, 2, u.ms),
    (init.Beta(1.0, 1.0, -1 * u.mV, 3 * u.mV), 1, 4 / 12**0.5, u.mV),
    (init.Scaled(init.Normal(1.0, 2.0), 3 * u.mV), 3, 6, u.mV),
    (init.Clipped(init.Normal(), 0.0), 1 / (2 * np.pi) ** 0.5, (0.5 - 0.5 / np.pi) ** 0.5, u.UNITLESS),
    (init.Mixture([init.Normal(0 * u.mV, 1 * u.mV), init.Constant(4 * u.mV)], [0.75, 0.25]), 1, 3.75**0.5, u.mV),
    (init.Conditional(_half, init.Normal(1 * u.mS, 1 * u.mS), init.Constant(-0.003 * u.siemens)), -1, 4.5**0.5, u.mS),
    (init.VarianceScaling(3.0, "fan_out", "uniform"), 0, (3 / 50) ** 0.5, u.UNITLESS),
    (init.VarianceScaling(3.0, "fan_in", "truncated_normal"), 0, (3 / 60) ** 0.5, u.UNITLESS),
    (init.KaimingNormal(unit=u.mA), 0, (2 / 60) ** 0.5, u.mA),
    (init.KaimingNormal(scale=5.0), 0, (5 / 60) ** 0.5, u.UNITLESS),
    (init.KaimingUniform(nonlinearity="leaky_relu", negative_slope=1.0), 0, (1 / 60) ** 0.5, u.UNITLESS),
    (init.XavierNormal(), 0, (1 / 55) ** 0.5, u.UNITLESS),
    (init.XavierUniform(), 0, (1 / 55) ** 0.5, u.UNITLESS),
    (init.LecunNormal(), 0, (1 / 60) ** 0.5, u.UNITLESS),
    (init.LecunUniform(2.0), 0, (2 / 60) ** 0.5, u.UNITLESS),
    (init.Orthogonal(), 0, (1 / 60) ** 0.5, u.UNITLESS),
]
IDS = [str(m[0]) for m in MOMENTS]


@pytest.mark.parametrize(("rule", "mean", "std", "unit"), MOMENTS, ids=IDS)
def test_moments_unit_and_dtype(rule, mean, std, unit):
    value = rule(SIZE, key=1)
    x = u.get_mantissa(value)
    assert u.get_unit(value) == unit
    assert x.shape == SIZE
    assert x.dtype == jnp.float32
    assert not x.weak_type
    x = np.asarray(x, float)
    assert abs(x.mean() - mean) <= 5 * std / x.size**0.5 + 1e-5
    assert abs(x.std() - std) <= 0.1 * std + 1e-5


@pytest.mark.parametrize("rule", [m[0] for m in MOMENTS], ids=IDS)
def test_equal_by_value(rule):
    fields = {f.name: getattr(rule, f.name) for f in dataclasses.fields(rule)}
    same = type(rule)(**fields)
    assert same == rule
    assert hash(same) == hash(rule)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.unit = u.mV


@pytest.mark.parametrize("rule", [m[0] for m in MOMENTS], ids=IDS)
def test_precision_and_keys(rule):
    with sl.environ.context(precision=64):
        assert u.get_mantissa(rule(SIZE)).dtype == jnp.float64
    one, two, other = (u.get_mantissa(rule(SIZE, key=k)) for k in (1, jax.random.key(1), 2))
    np.testing.assert_array_equal(one, two)
    assert (one == other).all() == (one.std() < 1e-4)


def test_draws_from_the_default_state_or_the_given_one():
    rule = init.Normal()
    sl.random.seed(1)
    first, second = rule(3), rule(3)
    assert (first != second).all()
    sl.random.seed(1)
    np.testing.assert_array_equal(rule(3), first)
    np.testing.assert_array_equal(rule(3, rng=sl.random.RandomState(1)), first)


def test_arrays_and_units_count_in_equality():
    assert init.Constant(np.arange(3.0)) == init.Constant(np.arange(3.0))
    assert init.Constant(np.arange(3.0)) != init.Constant(np.arange(1.0, 4.0))
    assert init.Constant(1.0 * u.mV) != init.Constant(1.0 * u.volt)
    assert init.Constant(1.0, unit=u.mV) == init.Constant(1.0 * u.mV)
    assert init.Normal(0.0, 1.0) != init.Uniform(0.0, 1.0)


def test_descriptions_with_equal_initializers_are_equal():
    one, two = (sl.nn.Linear.desc(3, 4, w_init=init.Normal(0 * u.mV, 1 * u.mV)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 7), (7, 3), (5, 5)])
def test_orthogonal(rows, columns):
    m = np.asarray(init.Orthogonal(2.0)((rows, columns), key=0), float)
    gram = m @ m.T if rows <= columns else m.T @ m
    np.testing.assert_allclose(gram, 4 * np.eye(min(rows, columns)), atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 2, 3), (3, 4, 3, 3), (1, 2, 3, 2, 5)])
def test_delta_orthogonal(shape):
    kernel = np.asarray(init.DeltaOrthogonal(2.0, unit=u.mS)(shape, key=0).mantissa, float)
    centre = kernel[tuple((n - 1) // 2 for n in shape[:-2])]
    np.testing.assert_allclose(centre @ centre.T, 4 * np.eye(shape[-2]), atol=1e-5)
    assert np.count_nonzero(kernel) == np.count_nonzero(centre)


def test_mixture_draws_from_all_with_their_probabilities():
    x = np.asarray(init.Mixture([init.Constant(k) for k in (1, 2, 3)], [0.5, 0.2, 0.3])(30_000, key=1))
    np.testing.assert_allclose([(x == k).mean() for k in (1, 2, 3)], [0.5, 0.2, 0.3], atol=0.02)
    assert init.Mixture([init.OneInit()])(3).tolist() == [1, 1, 1]


def test_conditional_counts_over_all_axes():
    x = init.Conditional(lambda i: i % 2 == 0, init.OneInit(), init.ZeroInit())((2, 3))
    np.testing.assert_array_equal(x, [[1, 0, 1], [0, 1, 0]])


def test_identity():
    np.testing.assert_array_equal(init.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(init.Identity()((2, 3, 3)), np.broadcast_to(np.eye(3), (2, 3, 3)))
    np.testing.assert_array_equal(init.Identity()(3), np.ones(3))
    assert init.Identity(unit=u.mS)((2, 2)).unit == u.mS


def test_constant_array_must_fit():
    np.testing.assert_array_equal(init.Constant(np.arange(3.0))((2, 3)), [[0, 1, 2]] * 2)
    with pytest.raises(ShapeError, match=r"\(3,\) does not fit.*\(4,\)"):
        init.Constant(np.arange(3.0))(4)


def test_truncated_normal_stays_inside():
    x = init.TruncatedNormal(0 * u.mV, 5 * u.mV, -1 * u.mV, 2 * u.mV)(1000).mantissa
    assert ((x >= -1) & (x <= 2)).all()


def test_works_inside_jit():
    rule = init.Normal(-55 * u.mV, 2 * u.mV)
    make = sl.transform.jit(lambda: rule(4))
    assert (make().mantissa != make().mantissa).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: init.Normal(1 * u.mV, 2.0), UnitError, "Normal: std has no unit, expected mV"),
        (lambda: init.Normal(1 * u.mV, 2 * u.ms), UnitError, "Normal: std is in ms"),
        (lambda: init.Uniform(1 * u.mV, 2 * u.ms), UnitError, "Uniform: high is in ms"),
        (lambda: init.KaimingNormal(mode="fan"), ValueError, "mode must be one of 'fan_in'"),
        (lambda: init.VarianceScaling(distribution="x"), ValueError, "distribution must be one of"),
        (lambda: init.KaimingNormal()(()), ShapeError, r"shape \(\)"),
        (lambda: init.Orthogonal()(3), ShapeError, "makes matrices"),
        (lambda: init.DeltaOrthogonal()((3, 3)), ShapeError, "3 to 5 axes"),
        (lambda: init.DeltaOrthogonal()((3, 4, 3)), ShapeError, "in ≤ out"),
        (lambda: init.Mixture([]), ValueError, "at least one"),
        (lambda: init.Mixture([init.OneInit()], [0.5, 0.5]), ValueError, "1 distributions but 2 weights"),
        (lambda: init.Mixture([init.OneInit()] * 2, [0.5, 0.6]), ValueError, "sum to 1"),
        (lambda: init.Mixture([init.OneInit(), init.OneInit(u.mV)])(3), UnitError, "rule 0 has no unit"),
        (lambda: init.Conditional(len, init.OneInit(), init.ZeroInit())(3), ShapeError, "condition_fn must return"),
        (lambda: init.LogNormal(-1.0, 1.0)(3), ValueError, "mean must be positive; given -1.0"),
        (lambda: init.Normal(0.0, -1.0)(3), ValueError, "Normal: std must not be negative; given -1.0"),
    ],
)
def test_errors_say_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


# param


def test_param_keeps_a_number_a_number():
    value = init.param(2, 3)
    assert value.shape == ()
    assert value.dtype == jnp.float32
    assert not value.weak_type
    assert init.param(2 * u.mV, 3).unit == u.mV
    np.testing.assert_array_equal(init.param(2, 3, allow_scalar=False), [2, 2, 2])


def test_param_of_an_array_in_the_present_precision():
    assert init.param(np.arange(3), 3).dtype == jnp.float32
    with sl.environ.context(precision=64):
        assert init.param(np.ones(3, np.float32), 3).dtype == jnp.float64
    assert init.param([1, 2, 3], 3).tolist() == [1, 2, 3]
    assert init.param(np.ones(3, bool), 3).dtype == bool
    assert init.param(np.ones(1), (2, 3)).shape == (1,)


def test_param_with_a_batch():
    np.testing.assert_array_equal(init.param(np.arange(3.0) * u.mV, 3, 2).mantissa, [[0, 1, 2]] * 2)
    given = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(init.param(given, 3, 2), given)
    drawn = init.param(init.Normal(), 3, 2)
    assert drawn.shape == (2, 3)
    assert (drawn[0] != drawn[1]).all()


def test_param_of_none_a_state_and_a_function():
    assert init.param(None, 3) is None
    state = sl.ParamState(jnp.ones(3) * u.mV)
    assert init.param(state, 3) is state
    np.testing.assert_array_equal(init.param(lambda size: np.full(size, 2), (2, 2)), [[2, 2], [2, 2]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: init.param(np.ones(4), 3),
            ShapeError,
            r"\(4,\) does not fit; expected one number or the shape \(3,\)",
        ),
        (lambda: init.param(np.ones((3, 3)), 3), ShapeError, r"\(3, 3\)"),
        (lambda: init.param(np.ones(4), 3, 2), ShapeError, r"\(3,\) or \(2, 3\)"),
        (lambda: init.param(lambda s: np.ones(7), 3), ShapeError, "the result of"),
        (lambda: init.param(sl.ParamState(jnp.ones(4), name="g"), 3), ShapeError, "State g"),
        (lambda: init.param("a", 3, name="LIF: tau"), TypeError, "LIF: tau must be a number.*'a'"),
        (lambda: init.param(None, 3, allow_none=False), TypeError, "given None"),
    ],
)
def test_param_refuses_what_does_not_fit(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_own_initializer():
    class Half(init.Initializer):
        sized = ("top",)
        top: object
        unit: object = None

        def draw(self, shape, rng, key, dtype):
            return init.Uniform(self.top * 0, self.top).draw(shape, rng, key, dtype)

    assert Half(2 * u.mV)(3).unit == u.mV
    assert Half(2, unit=u.mV) == Half(2 * u.mV)


class TestArithmetic:
    @pytest.mark.parametrize(
        ("rule", "expected", "unit"),
        [
            (init.Constant(2 * u.mV) + init.Constant(0.001 * u.volt), 3.0, u.mV),
            (init.Constant(2 * u.mV) + 1 * u.mV, 3.0, u.mV),
            (init.Constant(2 * u.mV) - 0, 2.0, u.mV),
            (init.Constant(2 * u.mV) * 3, 6.0, u.mV),
            (3 * init.Constant(2.0), 6.0, u.UNITLESS),
            (np.float32(3) * init.Constant(2.0), 6.0, u.UNITLESS),
            (init.Constant(2.0) * (1 * u.mV), 2.0, u.mV),
            (init.Constant(6 * u.mV) / init.Constant(2 * u.ms), 3.0, u.mV / u.ms),
            (6 / init.Constant(2 * u.ms), 3.0, u.kHz),
            (-init.Constant(2 * u.mV), -2.0, u.mV),
            (2 * init.Constant(1.0) + init.Constant(3.0) / 2, 3.5, u.UNITLESS),
            (init.Constant(5 * u.mV).clip(max_val=4 * u.mV), 4.0, u.mV),
        ],
    )
    def test_values_and_units(self, rule, expected, unit):
        value = rule((2, 3))
        assert value.shape == (2, 3)
        numbers = value.to_decimal(unit) if isinstance(value, u.Quantity) else value
        np.testing.assert_allclose(numbers, np.full((2, 3), expected), rtol=1e-6)

    def test_arrays(self):
        row = np.arange(3.0)
        np.testing.assert_array_equal((row + init.Constant(1.0))((2, 3)), np.tile(row + 1, (2, 1)))
        np.testing.assert_array_equal((init.Constant(2.0) * jnp.asarray(row))(3), 2 * row)

    def test_both_sides_are_drawn(self):
        both = init.Normal(1.0, 3.0) + init.Normal(2.0, 4.0)
        value = both((400, 400))
        np.testing.assert_allclose((value.mean(), value.std()), (3.0, 5.0), atol=0.05)
        same = init.Normal()
        np.testing.assert_allclose((same - same)((400, 400)).std(), 2**0.5, atol=0.02)
        np.testing.assert_array_equal(both(5, key=1), both(5, key=1))

    def test_equality_and_use_in_models(self):
        rule = init.Normal(-55 * u.mV, 2 * u.mV)
        assert rule * 2 == rule * 2 != rule * 3
        assert hash(rule + 1 * u.mV) == hash(rule + 1 * u.mV)
        neuron = sl.nn.init_all_states(sl.LIF(1000, V_initializer=rule - 10 * u.mV))
        np.testing.assert_allclose(neuron.V.value.to_decimal(u.mV).mean(), -65, atol=0.5)
        weights = sl.connect.FixedOutDegree(5, rule / (1 * u.ohm), seed=0)(10, 20).weight.value
        assert weights.shape == (50,)

    @pytest.mark.parametrize("rule", [init.Constant(1 * u.mV) + 1.0, init.Constant(1.0) - init.Constant(1 * u.mV)])
    def test_units_must_fit(self, rule):
        with pytest.raises(UnitError, match=r"Combined [+-]: (left|right) has no unit, expected mV"):
            rule(3)

    def test_no_other_operands(self):
        with pytest.raises(TypeError, match="unsupported operand"):
            init.Normal() + np.sin


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
@pytest.mark.parametrize("rule", [init.Normal(), init.Uniform(0 * u.mV, 1 * u.mV), 2 * init.Normal() + init.Normal()])
def test_generators_of_numpy(make, rule):
    rng = make(0)
    first, second, again = rule((4, 5), rng=rng), rule((4, 5), rng=rng), rule((4, 5), rng=make(0))
    np.testing.assert_array_equal(u.get_mantissa(first), u.get_mantissa(again))
    assert not np.array_equal(u.get_mantissa(first), u.get_mantissa(second))


def test_what_is_no_generator():
    assert init.Normal()(3, rng=np.random).shape == (3,)
    with pytest.raises(TypeError, match="rng must be a RandomState or a generator of NumPy; given 3"):
        init.Normal()(3, rng=3)
