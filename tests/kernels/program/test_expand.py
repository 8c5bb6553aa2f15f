"""The math functions of programs against numbers of many digits, over their whole range and at its edges."""

import mpmath
import numpy as np
import pytest
from spikeloop.kernels.program._assemble import assemble
from spikeloop.kernels.program._builder import Builder
from spikeloop.kernels.program._expand import EXPANSIONS

from tests.helpers.interpreter import run

N = 150
DTYPES = ["float32", "float64"]


def exprel(x):
    return mpmath.expm1(x) / x if x else mpmath.mpf(1)


def exprel_slope(x):
    return (mpmath.exp(x) * (x - 1) + 1) / x**2 if x else mpmath.mpf(1) / 2


# the function, its range in float32 and float64, and how many units in the last place it may be wrong by
FUNCTIONS = {
    "exp": (mpmath.exp, (-86.9, 88.7), (-708, 709.7), 1),
    "exp2": (lambda x: mpmath.mpf(2) ** x, (-125, 127.9), (-1021, 1023.9), 1),
    "expm1": (mpmath.expm1, (-30, 88.7), (-50, 709.7), 1),
    "exprel": (exprel, (-1e4, 88.7), (-1e4, 709.7), 1.5),
    "exprel_slope": (exprel_slope, (-1e4, 88), (-1e4, 709), 2),
    "logistic": (lambda x: 1 / (1 + mpmath.exp(-x)), (-86.9, 30), (-708, 50), 2),
    "tanh": (mpmath.tanh, (-20, 20), (-30, 30), 1.5),
    "log": (mpmath.log, (2e-38, 3e38), (3e-308, 1e308), 1),
    "log1p": (mpmath.log1p, (-0.9999, 3e38), (-0.999999999, 1e308), 1),
    "sin": (mpmath.sin, (-1e5, 1e5), (-1e9, 1e9), 1.5),
    "cos": (mpmath.cos, (-1e5, 1e5), (-1e9, 1e9), 1.5),
    "tan": (mpmath.tan, (-1e5, 1e5), (-1e9, 1e9), 3),
}


def evaluate(name, *operands):
    builder = Builder(operands[0].dtype.name)
    args = [builder.input(k, False) for k in range(len(operands))]
    program = assemble([EXPANSIONS[name](*args)], [False], {}, 0)
    return run(program.text(), *operands)[0][0]


def spread(low, high, dtype, rng):
    """Numbers of every size and both signs in a range, most of them near 0 and 1."""
    largest = max(abs(low), abs(high))
    sizes = largest ** rng.uniform(-1, 1, N) if largest > 1e30 else 10 ** rng.uniform(-12, np.log10(largest), N)
    x = np.concatenate([sizes, -sizes, rng.uniform(-2, 2, N), rng.uniform(max(low, -700), min(high, 700), N)])
    return np.concatenate([x[(x >= low) & (x <= high)], [low, high]]).astype(dtype)


def units(ours, wanted, dtype):
    """The error in units in the last place of what is wanted."""
    layout = np.finfo(dtype)
    with mpmath.workdps(60):
        last = [mpmath.mpf(2) ** (max(mpmath.frexp(w)[1], layout.minexp + 1) - 1 - layout.nmant) for w in wanted]
        return np.array([float(abs(mpmath.mpf(float(x)) - w) / u) for x, w, u in zip(ours, wanted, last, strict=True)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_precise_over_its_whole_range(name, dtype):
    function, *ranges, bound = FUNCTIONS[name]
    x = spread(*ranges[DTYPES.index(dtype)], dtype, np.random.default_rng(0))
    with mpmath.workdps(60):
        wanted = [function(mpmath.mpf(float(v))) for v in x]
    errors = units(evaluate(name, x), wanted, dtype)
    worst = int(errors.argmax())
    assert errors[worst] <= bound, (x[worst], errors[worst])
    assert errors.max() > 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_inverse_of_exprel_is_precise(dtype):
    x = spread(-1e4, 88 if dtype == "float32" else 600, dtype, np.random.default_rng(0))
    with mpmath.workdps(60):
        wanted = [1 / exprel(mpmath.mpf(float(v))) for v in x]
    assert units(inverse_of_exprel(x), wanted, dtype).max() <= 2.5
    edges = np.array([nan, -inf, 0, -0.0, np.finfo(dtype).tiny / 4], dtype)
    np.testing.assert_array_equal(inverse_of_exprel(edges), [nan, inf, 1, 1, 1])
    assert 0 < inverse_of_exprel(np.array([1e9, inf], dtype)).max() < 1e-36


def inverse_of_exprel(x):
    builder = Builder(x.dtype.name)
    program = assemble([1.0 / EXPANSIONS["exprel"](builder.input(0, False))], [False], {}, 0)
    return run(program.text(), x)[0][0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_are_precise(dtype):
    rng = np.random.default_rng(0)
    largest = 37 if dtype == "float32" else 300
    x = np.concatenate([10 ** rng.uniform(-largest, largest, 2 * N), rng.uniform(0.5, 2, N)]).astype(dtype)
    y = np.concatenate([rng.uniform(-1, 1, 2 * N), rng.uniform(-largest, largest, N)]).astype(dtype)
    with mpmath.workdps(60):
        wanted = [mpmath.mpf(float(a)) ** mpmath.mpf(float(b)) for a, b in zip(x, y, strict=True)]
    assert units(evaluate("pow", x, y), wanted, dtype).max() <= 1


inf, nan = np.inf, np.nan
EDGES = {
    "exp": [(nan, nan), (inf, inf), (-inf, 0), (0, 1), (-0.0, 1), (1e5, inf), (-1e5, 0)],
    "exp2": [(nan, nan), (inf, inf), (-inf, 0), (3, 8), (-2, 0.25), (1e5, inf), (-1e5, 0)],
    "expm1": [(nan, nan), (inf, inf), (-inf, -1), (0, 0), (-0.0, -0.0), (1e5, inf), (-1e5, -1)],
    "exprel": [(nan, nan), (inf, inf), (-inf, 0), (0, 1), (-0.0, 1), (1e5, inf)],
    "exprel_slope": [(nan, nan), (inf, inf), (-inf, 0), (0, 0.5), (1e5, inf)],
    "logistic": [(nan, nan), (inf, 1), (-inf, 0), (0, 0.5), (1e5, 1), (-1e5, 0)],
    "tanh": [(nan, nan), (inf, 1), (-inf, -1), (0, 0), (-0.0, -0.0), (1e5, 1), (-1e5, -1)],
    "log": [(nan, nan), (inf, inf), (-inf, nan), (0, -inf), (-0.0, -inf), (-1, nan), (1, 0)],
    "log1p": [(nan, nan), (inf, inf), (-inf, nan), (0, 0), (-0.0, -0.0), (-1, -inf), (-2, nan)],
    "sin": [(nan, nan), (inf, nan), (-inf, nan), (0, 0), (1e12, nan)],
    "cos": [(nan, nan), (inf, nan), (-inf, nan), (0, 1), (1e12, nan)],
    "tan": [(nan, nan), (inf, nan), (0, 0)],
    "sign": [(nan, nan), (inf, 1), (-inf, -1), (0, 0), (-2.5, -1)],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EDGES)
def test_the_edges_of_a_function(name, dtype):
    x, wanted = np.array(EDGES[name], dtype).T
    ours = evaluate(name, x)
    np.testing.assert_array_equal(ours, wanted)
    whole = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(ours[whole]), np.signbit(wanted[whole]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_edges_of_powers_are_those_of_c(dtype):
    numbers = [0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, -2.5, inf, -inf, nan, 1e30, -1e30]
    x, y = (grid.ravel().astype(dtype) for grid in np.meshgrid(numbers, numbers))
    with np.errstate(all="ignore"):
        wanted = np.power(x, y)
    ours = evaluate("pow", x, y)
    np.testing.assert_allclose(ours, wanted, rtol=1e-6)
    whole = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(ours[whole]), np.signbit(wanted[whole]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_are_zero_to_logarithms_and_powers(dtype):
    tiny = np.finfo(dtype).tiny / 4
    assert evaluate("log", np.array([tiny, -tiny], dtype)).tolist() == [-inf, -inf]
    assert evaluate("pow", np.array([tiny], dtype), np.array([-1.0], dtype)).tolist() == [inf]
    assert evaluate("expm1", np.array([tiny], dtype)).tolist() == [tiny]
    low = np.log(float(np.finfo(dtype).tiny))
    assert evaluate("exp", np.array([low - 1e-3, low + 0.36], dtype))[0] == 0
