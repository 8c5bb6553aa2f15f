"""The neuron kernel under JAX's transformations: vmap over any operands, derivatives of any order, loops."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels._neuron import reference

from tests.helpers.neuron_pass import first_state, step


@pytest.fixture(autouse=True)
def wide(native):
    sl.environ.set(precision=64)


@pytest.fixture
def case(pass_tools):
    config = pass_tools.make_pass(True, True, False, [pass_tools.COBA], sl.surrogate.Arctan())
    return config, pass_tools.Operands(config, (6,), ("scalar", "neuron")).draw()


def runs(config):
    return functools.partial(step, config), lambda args: reference(*args, config=config)


# which operands have lanes: positions 0–4 parameters, 5 n_ref, 6–8 receptor, 9 V, 10 left, 11 g,
# 12 delta, 13 old spike, 14 current
PATTERNS = {
    "V": {9: 0}, "V last axis": {9: 1}, "current": {14: 0}, "one parameter": {3: 0}, "parameters": {1: 0, 4: 0},
    "state and current": {9: 0, 10: 0, 11: 0, 12: 0, 13: 0, 14: 0}, "receptor": {7: 0, 8: 0}, "refractory": {5: 0},
    "left": {10: 1}, "all": dict.fromkeys([*range(9), *range(9, 15)], 0),
}  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_vmap_over_any_operands(pass_tools, pattern, shape):
    config = pass_tools.make_pass(True, True, False, [pass_tools.COBA], sl.surrogate.Arctan())
    args = pass_tools.Operands(config, shape, ("scalar", "neuron")).draw()
    lanes, axes = 3, PATTERNS[pattern]
    factor = np.array([1.0, 0.5, 0.25])

    def with_lanes(i, x):
        spread = jnp.floor(factor * 4) / 4 if i not in (5, 10, 13) else jnp.ones(lanes)  # counts and spikes stay whole
        return jnp.stack([x * f for f in spread], axes[i]) if i in axes else x

    args = [with_lanes(i, x) for i, x in enumerate(args)]
    in_axes = [axes.get(i) for i in range(len(args))]

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        def loss(R, V, current, rest):
            out = run([*rest[:3], R, *rest[4:9], V, *rest[10:14], current])
            return sum((x**2).sum() for x in out)

        grad = jax.vmap(lambda a: jax.grad(loss, (0, 1, 2))(a[3], a[9], a[14], a), (in_axes,))
        return jax.vmap(run, (in_axes,))(args), grad(args)

    for ours, wanted in zip(*(jax.tree.leaves(results(run)) for run in runs(config)), strict=True):
        assert ours.shape == wanted.shape
        np.testing.assert_allclose(ours, wanted, rtol=1e-11, atol=1e-11)
    assert pass_tools.native_runs(jax.vmap(runs(config)[0], (in_axes,)), args) == ["program"]


def test_vmap_of_vmap_is_one_call(pass_tools, case):
    config, args = case
    V = jnp.linspace(-70, -45, 24).reshape(2, 2, 6)
    double = lambda run: jax.vmap(jax.vmap(lambda V: run([*args[:9], V, *args[10:]])))  # noqa: E731
    ours, wanted = (double(run)(V) for run in runs(config))
    pass_tools.assert_close(ours, wanted, 4, jnp.float64)
    assert pass_tools.native_runs(double(runs(config)[0]), V) == ["program"]


def test_vmap_does_not_repeat_what_is_equal_in_all_lanes(pass_tools, case):
    config, args = case
    V = jnp.linspace(-70, -45, 24).reshape(4, 6)
    text = jax.jit(jax.vmap(lambda V: step(config, [*args[:9], V, *args[10:]]))).lower(V).as_text()
    (call,) = (line for line in text.splitlines() if "@spikeloop.program" in line)
    operands = call.split(" : (")[1].split(") ->")[0].split(", ")
    assert operands[0] == operands[2] == "tensor<f64>"  # scalars
    assert operands[1] == operands[3] == "tensor<6xf64>"  # one per neuron
    assert operands[9] == "tensor<4x6xf64>"


@pytest.mark.parametrize("hard", [False, True])
def test_derivatives_of_the_second_order(pass_tools, hard):
    # x ≥ 0 nowhere near V, so that the surrogates are smooth
    config = pass_tools.make_pass(False, True, hard, [pass_tools.COBA, pass_tools.CUBA], sl.surrogate.Arctan())
    args = pass_tools.Operands(config, (4,), ("scalar", "neuron")).draw()
    V = first_state(config)

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        def loss(R, V0, g):
            out = run([*args[:3], R, *args[4:V], V0, g, *args[V + 2 :]])
            return sum((x**2).sum() for x in out)

        point = args[3], args[V], args[V + 1]
        return jax.hessian(loss, (0, 1, 2))(*point), jax.grad(lambda *a: jax.grad(loss, 1)(*a).sum(), (0, 2))(*point)

    for ours, wanted in zip(*(jax.tree.leaves(results(run)) for run in runs(config)), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-9, atol=1e-9)


def test_hessian_of_a_vmapped_step(case):
    config, args = case
    V = jnp.linspace(-70, -55, 12).reshape(2, 6)

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        def lane(R, V):
            return (run([*args[:3], R, *args[4:9], V, *args[10:]])[0] ** 2).sum()

        inside = jax.vmap(jax.grad(jax.grad(lane)), (None, 0))(args[3].mean(), V)
        outside = jax.hessian(lambda R: jax.vmap(lane, (None, 0))(R, V).sum())(args[3].mean())
        forward = jax.jvp(lambda R: jax.vmap(jax.grad(lane, 1), (None, 0))(R, V), (args[3].mean(),), (1.0,))
        return inside, outside, forward

    for ours, wanted in zip(*(jax.tree.leaves(results(run)) for run in runs(config)), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-9, atol=1e-9)


def test_gradients_through_a_loop(case):
    config, args = case

    @functools.partial(jax.jit, static_argnums=0)
    def results(run):
        def simulate(R, current):
            def one(carry, x):
                carry = run([*args[:3], R, *args[4:9], *carry, current * x])
                return carry, carry[-1]

            carry, spikes = jax.lax.scan(one, list(args[9:14]), jnp.linspace(0.5, 2.0, 50))
            return (carry[0] ** 2).sum() + (spikes * jnp.arange(6)).sum()

        reverse = jax.grad(simulate, (0, 1))(args[3], 0.2)
        forward = jax.jvp(simulate, (args[3], 0.2), (jnp.ones_like(args[3]), 1.0))
        checkpointed = jax.grad(jax.checkpoint(simulate))(args[3], 0.2)
        return reverse, forward, checkpointed

    ours, wanted = (results(run) for run in runs(config))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    assert np.abs(ours[0][0]).max() > 0


def test_gradients_equal_finite_differences_below_threshold(pass_tools):
    # without a spike and beyond the reach of the surrogate the step is smooth, and its derivatives are true ones
    surrogate = sl.surrogate.ReluGrad(width=0.5)
    config = pass_tools.make_pass(False, True, True, [pass_tools.COBA, pass_tools.CUBA], surrogate)
    args = pass_tools.Operands(config, (5,), ("scalar", "neuron")).draw()
    first = first_state(config)
    args[first] = jnp.linspace(-75.0, -60.0, 5)  # V_th is above −51, and a step is below 3 mV
    inner = [*range(first), *range(first, first + 3), first + 3, len(args) - 1]

    def loss(*values):
        given = dict(zip(inner, values, strict=True))
        out = step(config, [given.get(i, x) for i, x in enumerate(args)])
        return sum((x * (k + 1)).sum() for k, x in enumerate(out[:-1]))

    values = [args[i] for i in inner]
    gradient = jax.jit(jax.grad(loss, tuple(range(len(inner)))))(*values)
    run = jax.jit(loss)
    for k, x in enumerate(values):
        h = 1e-5 * max(1.0, float(jnp.abs(x).max()))
        up, down = ([*values[:k], x + sign * h, *values[k + 1 :]] for sign in (1, -1))
        slope = (run(*up) - run(*down)) / (2 * h)
        # rounding: 1e3·2⁻⁵²/h ≈ 1e-8 of a value of order 1; truncation h² is less
        np.testing.assert_allclose(gradient[k].sum(), slope, rtol=1e-6, atol=1e-7, err_msg=f"operand {inner[k]}")


def test_the_native_calls_of_each_mode(pass_tools, case):
    config, args = case

    def loss(V):
        return step(config, [*args[:9], V, *args[10:]])[0].sum()

    assert pass_tools.native_runs(loss, args[9]) == ["program"]
    assert pass_tools.native_runs(lambda V: jax.jvp(loss, (V,), (V,)), args[9]) == ["program", "program"]
    assert pass_tools.native_runs(jax.grad(loss), args[9]) == ["program"]  # the step itself is not needed


def test_operands_without_a_derivative_stop_gradients(case):
    config, args = case

    def loss(n_ref, left):
        return sum(x.sum() for x in step(config, [*args[:5], n_ref, *args[6:10], left, *args[11:]]))

    n_ref, left = jax.grad(loss, (0, 1))(args[5], args[10])
    assert not n_ref.any()
    assert not left.any()
