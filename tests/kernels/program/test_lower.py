"""Functions of JAX as programs: they compute the same, and what they cannot is refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop._math import exprel
from spikeloop.kernels.program._lower import NoProgram
from spikeloop.kernels.program._show import operations
from spikeloop.kernels.program._trace import check_elementwise, program_of, traced

from tests.helpers.interpreter import run

X = np.linspace(-2.0, 2.0, 41)
Y = np.linspace(0.3, 1.5, 41)


def program(function, dtype="float64", uniform=(False, False), sums=(False,), aliases=()):
    return program_of(lambda *args: [function(*args)], dtype, uniform, sums, dict(aliases))


def evaluate(function, dtype="float64", uniform=(False, False)):
    made = program(function, dtype, uniform)
    given = [Y[20] if is_uniform else x for x, is_uniform in zip((X, Y), uniform, strict=True)]
    return run(made.text(), *np.broadcast_arrays(*(np.asarray(given[k], dtype) for k in made.operands)))[0][0]


@jax.custom_jvp
def with_own_rule(x):
    return jnp.sin(x)


with_own_rule.defjvp(lambda primals, tangents: (with_own_rule(*primals), 3 * tangents[0]))

FUNCTIONS = {
    "arithmetic": lambda x, y: x * y + (x - 1) / y - (-x),
    "comparisons": lambda x, y: jnp.where((x < y) & ~(x == 0) | (x <= -y) ^ (x != 1), x, y),
    "powers": lambda x, y: x**3 + x**-2.0 + y**0.3 + y**x + jnp.sqrt(y) + x**0 + jax.lax.rsqrt(y) + jnp.square(x),
    "rounding": lambda x, y: jnp.round(x * 3) + jnp.floor(x / y) + jnp.ceil(x),
    "functions": lambda x, y: jnp.exp(x) + jnp.tanh(x) * jnp.log(y) + jnp.expm1(x) - jnp.log1p(y) + exprel(x),
    "slopes": lambda x, y: jax.jvp(jnp.tanh, (x,), (y,))[1] + jnp.log2(y),
    "polynomials": lambda x, y: (
        jax.lax.polynomial(x, (1.0, y, -0.5)) if hasattr(jax.lax, "polynomial") else jnp.polyval(jnp.array([2, 1]), x)
    ),
    "circular": lambda x, y: jnp.sin(x) + jnp.cos(y) * jnp.tan(x),
    "sigmoids": lambda x, y: jax.nn.sigmoid(x) + jax.nn.softplus(y) + jax.nn.relu(x) + jnp.sign(x),
    "limits": lambda x, y: jnp.clip(x, -1, 1) + jnp.minimum(x, y) - jnp.maximum(y, x) + jax.lax.clamp(-1.0, x, 1.0),
    "numbers of truth values": lambda x, y: (x > 0) * y + 1 - (x > 0).astype(y.dtype) * (x > 0),
    "finite": lambda x, y: jnp.where(jnp.isfinite(x / (x - 2)), x, y),
    "own rule": lambda x, y: jax.jvp(with_own_rule, (x,), (y,))[1] + with_own_rule(x),
    "constants": lambda x, y: x * np.float64(2.5) + jnp.asarray([3.0, 4.0])[1],
    "a loop": lambda x, y: jax.lax.fori_loop(0, 4, lambda i, z: z * y + x * i, x),
    "a scan over constants": lambda x, y: jax.lax.scan(lambda c, w: (c * y + w, None), x, jnp.arange(3.0))[0],
    "the gradient of a loop": lambda x, y: jax.grad(lambda z: jax.lax.fori_loop(0, 3, lambda i, c: c * c + z, y))(x),
    "counts": lambda x, y: (x > 0).astype(int) * y + (y > 1).astype(int).astype(y.dtype),
    "branches": lambda x, y: jax.lax.cond(y > 0.5, jnp.exp, jnp.sin, x),
    "a checkpoint": lambda x, y: jax.grad(jax.checkpoint(lambda z: jnp.exp(z * y)))(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 4e-6), ("float64", 1e-14)])
def test_a_program_computes_what_jax_does(name, dtype, bound):
    function = FUNCTIONS[name]
    with jax.enable_x64(dtype == "float64"), np.errstate(all="ignore"):
        wanted = jax.vmap(function)(jnp.asarray(X, dtype), jnp.asarray(Y, dtype))
    np.testing.assert_allclose(evaluate(function, dtype), wanted, rtol=bound, atol=bound)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, y: jax.lax.while_loop(lambda z: z < 9.0, lambda z: z * 2, x), "while .*test_lower.py"),
        (lambda x, y: jax.lax.fori_loop(0, 1000, lambda i, z: z * y, x), "scan .*1000 turns"),
        (lambda x, y: jax.lax.erf_inv(x), "erf_inv .*test_lower.py"),
        (lambda x, y: x.astype(int) * 2.0, "convert_element_type .*int"),
        (lambda x, y: (x > 0).astype(int) // 2 * y, "whole numbers"),
        (lambda x, y: jnp.broadcast_to(x, (3,)).sum(), "broadcast_in_dim"),
        (lambda x, y: x.astype(jnp.bfloat16).astype(x.dtype), "bfloat16"),
        (lambda x, y: (jax.debug.callback(lambda z: None, x), x)[1], "side effects"),
        (lambda x, y: x > 0, "no float"),
    ],
)
def test_what_is_no_program_is_refused_by_name(function, message):
    with pytest.raises(NoProgram, match=message):
        program(function)


def test_a_value_of_an_outer_trace_is_refused():
    def outer(z):
        with pytest.raises(NoProgram, match="outer trace"):
            program(lambda x, y: x * z)
        return z

    jax.jit(outer)(1.0)


@jax.custom_jvp
def of_mixed_slope(x):
    return x * x


of_mixed_slope.defjvp(lambda x, dx: (of_mixed_slope(*x), dx[0] * x[0].mean()))


@pytest.mark.parametrize(
    ("function", "shapes", "message"),
    [
        (lambda x, y: x - x.mean(), [(5,), ()], "reduce_sum"),
        (lambda x, y: of_mixed_slope(x) + y, [(5,), ()], "reduce_sum"),
        (lambda x, y: jnp.roll(x, 1) + y, [(5,), ()], "slice|concatenate|gather"),
        (lambda x, y: jnp.cumsum(x) + y, [(5,), ()], "cumsum"),
        (lambda x, y: x + y[:, None], [(5, 5), (5,)], "broadcast_in_dim|reshape|expand_dims"),
        (lambda x, y: x @ jnp.eye(5, dtype=x.dtype) + y, [(5,), ()], "dot_general"),
        (lambda x, y: x + y, [(5,), ()], None),
        (lambda x, y: x * jnp.exp(y), [(3, 5), (5,)], None),
        (lambda x, y: jnp.where(x > y, x, 0.0), [(3, 5), (3, 1)], None),
    ],
)
def test_what_mixes_neurons_is_found_before_one_is_traced(function, shapes, message):
    closed = traced(lambda *args: [function(*args)], shapes, "float32")
    if message is None:
        check_elementwise(closed)
    else:
        with pytest.raises(NoProgram, match=message):
            check_elementwise(closed)


def ops(function, **options):
    return dict(operations(program(function, **options)))


def test_what_is_the_same_for_all_is_computed_once():
    assert ops(lambda x, y: x * jnp.exp(-y), uniform=(False, True)) == {"mul": 1}
    assert ops(lambda x, y: x / y, uniform=(False, True)) == {"mul": 1}
    assert ops(lambda x, y: x / y) == {"div": 1}


def test_operations_are_simplified():
    assert ops(lambda x, y: x * y + 1) == {"fma": 1}
    assert ops(lambda x, y: x * y - 1) == {"fms": 1}
    assert ops(lambda x, y: 1 - x * y) == {"fnma": 1}
    assert ops(lambda x, y: x * y + x * y * x) == {"mul": 1, "fma": 1}  # a product used twice stays
    assert ops(lambda x, y: (x > 0) * y) == {"gt": 1, "sel": 1}
    assert ops(lambda x, y: x * 1 + 0 * y) == {}
    assert ops(lambda x, y: -(0 - x) + (-y)) == {"sub": 1}
    assert ops(lambda x, y: (x + y) * (x + y)) == {"add": 1, "mul": 1}
    assert ops(lambda x, y: jnp.where(x > 0, y, 0) + jnp.where(x > 0, 0, y)) == {}
    assert "div" not in ops(lambda x, y: jax.grad(jnp.minimum)(x, y))
    assert ops(lambda x, y: y / exprel(x))["div"] == ops(lambda x, y: exprel(x))["div"]


def test_the_nan_of_a_variable_survives_limits():
    made = program(lambda x, y: jnp.maximum(x, 0.0) + jnp.minimum(2.0, y))
    assert np.isnan(run(made.text(), [np.nan, 1.0], [1.0, np.nan])[0][0]).all()


def test_unused_operands_are_left_out_and_replaced_ones_kept():
    made = program(lambda x, y: y * 2)
    assert made.operands == (1,)
    assert "inputs 1" in made.text()
    made = program(lambda x, y: y * 2, aliases={0: 0})
    assert made.operands == (0, 1)
    assert made.text().splitlines()[-1].endswith("alias 0")


def test_sums_come_last_and_a_program_of_sums_takes_the_population_along():
    made = program_of(lambda x, y: [x, x * y, y], "float32", (False, False), (True, False, True), {})
    assert (made.out_places, made.sum_places) == ((1,), (0, 2))
    assert made.text().splitlines()[-3].startswith("out ")
    made = program_of(lambda x, y: [y * 2], "float32", (False, True), (True,), {}, population=0)
    assert made.operands == (0, 1)


def test_values_have_types():
    with pytest.raises(TypeError, match="band takes b b; given f f"):
        from spikeloop.kernels.program._builder import Builder

        b = Builder("float32")
        b.make("band", b.input(0, False), b.input(1, False))
