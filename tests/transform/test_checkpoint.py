import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import (
    bounded_while_loop,
    checkpoint,
    checkpointed_for_loop,
    checkpointed_scan,
    for_loop,
    grad,
    jit,
    scan,
    vmap,
    while_loop,
)


class Net(sl.nn.Module):
    """A small recurrent net whose gradient needs every step."""

    def __init__(self, n=4):
        super().__init__()
        self.w = sl.ParamState(jnp.linspace(-1.0, 1.0, n * n).reshape(n, n))
        self.h = sl.State(jnp.full(n, 0.1))

    def update(self, x):
        self.h.value = jnp.tanh(self.h.value @ self.w.value + x)
        return self.h.value.sum()


XS = jnp.sin(jnp.arange(37.0))


def _run(loop, xs=XS):
    net = Net()
    grads, value = grad(lambda: loop(net.update, xs).sum(), net.w, return_value=True)()
    return value, grads, net.h.value


@pytest.mark.parametrize(("base", "pbar"), [(None, None), (2, None), (3, 5), (6, 5), (37, None), (100, 5)])
def test_for_loop_has_the_results_and_gradients_of_the_plain_loop(base, pbar, capsys):
    plain = _run(for_loop)
    checked = _run(lambda f, xs: checkpointed_for_loop(f, xs, base=base, pbar=pbar))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5), checked, plain)


@pytest.mark.parametrize(("length", "base"), [(0, None), (1, 3), (2, None), (9, 3), (10, None), (27, 3), (28, 3)])
def test_scan_has_the_results_of_the_plain_scan(length, base):
    def f(carry, x):
        return carry * 0.9 + x, {"y": carry, "none": None}

    xs = jnp.arange(float(length))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
        checkpointed_scan(f, jnp.ones(2), xs, base=base),
        scan(f, jnp.ones(2), xs),
    )


def test_length_without_arrays():
    state = sl.State(jnp.float32(0.0))

    def step():
        state.value = state.value + 1
        return state.value

    np.testing.assert_array_equal(checkpointed_for_loop(step, length=7, base=2), np.arange(1.0, 8.0))
    assert state.value == 7.0


@pytest.mark.parametrize("base", [1, 0, 2.5])
def test_base_is_checked(base):
    with pytest.raises(ValueError, match=f"base must be a whole number of at least 2; given {base}"):
        checkpointed_for_loop(lambda: None, length=4, base=base)


def _temporary_bytes(loop, steps=1000, n=200, batch=8):
    w = sl.ParamState(jnp.eye(n) * 0.5)
    h = sl.State(jnp.zeros((batch, n)))

    def step(x):
        h.value = jnp.tanh(h.value @ w.value + x)
        return h.value.mean()

    run = jit(lambda xs: grad(lambda: loop(step, xs).sum(), w)())
    return run.compile(jnp.zeros(steps)).memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("pbar", [None, 10])
def test_memory_of_1000_steps_is_at_most_a_quarter_of_the_plain_loop(pbar):
    bounded = _temporary_bytes(lambda f, xs: checkpointed_for_loop(f, xs, pbar=pbar))
    assert bounded <= 0.25 * _temporary_bytes(for_loop)


def test_checkpoint_computes_again_in_the_backward_pass_and_writes_states_once():
    count = sl.State(jnp.float32(0.0))
    w = sl.ParamState(jnp.float32(2.0))

    @checkpoint
    def f(x):
        count.value = count.value + 1
        return jnp.sin(jnp.sin(w.value * x))

    loss = lambda: f(3.0) + f(1.0)  # noqa: E731
    plain = jax.grad(lambda w: jnp.sin(jnp.sin(w * 3.0)) + jnp.sin(jnp.sin(w * 1.0)))(2.0)
    np.testing.assert_allclose(grad(loss, w)(), plain, rtol=1e-6)
    assert count.value == 2.0
    text = str(sl.transform.make_jaxpr(lambda: grad(loss, w)())()[0])
    assert text.count("remat2[") + text.count("checkpoint[") >= 1


def test_checkpoint_in_a_loop_and_as_a_decorator_with_options():
    net = Net()
    update = checkpoint(prevent_cse=False, policy=jax.checkpoint_policies.nothing_saveable)(net.update)
    value, grads = sl.transform.value_and_grad(lambda: for_loop(update, XS).sum(), net.w)()
    plain = _run(for_loop)
    np.testing.assert_allclose(value, plain[0], rtol=1e-6)
    np.testing.assert_allclose(grads, plain[1], rtol=2e-5)


def test_checkpoint_with_static_arguments():
    @checkpoint(static_argnums=(1,))
    def power(x, n):
        for _ in range(n):  # a traced n would fail
            x = x * 2.0
        return x

    assert grad(lambda x: power(x, 3))(1.0) == 8.0
    assert [power(1.0, n) for n in (1, 4, 1)] == [2.0, 16.0, 2.0]
    with pytest.raises(ValueError, match="static_argnums must not be negative"):
        checkpoint(power, static_argnums=-1)


class TestBoundedWhileLoop:
    @pytest.mark.parametrize("base", [2, 3, 16])
    @pytest.mark.parametrize("max_steps", [0, 1, 7, 8, 9, 40])
    @pytest.mark.parametrize("end", [0, 1, 8, 100])
    def test_states_and_carry_are_those_of_python(self, base, max_steps, end):
        total = sl.State(jnp.float32(0.0))

        def body(n):
            total.value = total.value + n
            return n + 1

        n = bounded_while_loop(lambda n: n < end, body, jnp.int32(0), max_steps=max_steps, base=base)
        steps = min(end, max_steps)
        assert (n, total.value) == (steps, steps * (steps - 1) / 2)

    @pytest.mark.parametrize("base", [2, 16])
    def test_the_gradient_is_that_of_the_steps_taken(self, base):
        w = sl.ParamState(jnp.float32(1.5))

        def loss():
            return bounded_while_loop(
                lambda x: x < 10.0, lambda x: x * w.value, jnp.float32(1.0), max_steps=20, base=base
            )

        grads, value = grad(loss, w, return_value=True)()
        np.testing.assert_allclose((value, grads), (1.5**6, 6 * 1.5**5), rtol=1e-6)
        assert value == while_loop(lambda x: x < 10.0, lambda x: x * w.value, init_val=jnp.float32(1.0))

    def test_every_lane_ends_by_itself(self):
        def double(x):
            return bounded_while_loop(lambda c: c < 8.0, lambda c: c * 2, x, max_steps=10, base=3)

        np.testing.assert_array_equal(vmap(double)(jnp.array([1.0, 3.0, 9.0])), [8.0, 12.0, 9.0])

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"max_steps": -1}, "bounded_while_loop: max_steps must be a whole number, at least 0; given -1"),
            ({"max_steps": 2.0}, "max_steps must be a whole number"),
            ({"max_steps": 2, "base": 1}, "base must be a whole number of at least 2; given 1"),
        ],
    )
    def test_numbers_are_checked(self, options, match):
        with pytest.raises(ValueError, match=match):
            bounded_while_loop(lambda c: True, lambda c: c, 0.0, **options)

    def test_the_condition_only_reads(self):
        s = sl.State(jnp.float32(0.0))
        with pytest.raises(ValueError, match="cond_fun of a while loop writes State .*, but may only read States"):
            bounded_while_loop(lambda c: s.restore_value(c) or True, lambda c: c, 0.0, max_steps=3)
