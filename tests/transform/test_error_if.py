import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import for_loop, grad, jit, jit_error_if, vmap


class Odd(Exception):
    pass


def _raise(x, *, name):
    raise Odd(f"{name} is {x}")


@pytest.mark.parametrize(
    ("text", "args", "kwargs", "expected"),
    [
        ("plain", (), {}, "plain"),
        ("value {} of {}", (1, 2), {}, "value 1 of 2"),
        ("value %d", (3,), {}, "value 3"),
        ("value {x:.1f}", (), {"x": 2.0}, "value 2.0"),
        ("100 % of {x}", (), {"x": 1}, "100 % of 1"),
    ],
)
def test_texts(text, args, kwargs, expected):
    with pytest.raises(ValueError, match=f"^{expected}$"):
        jit_error_if(True, text, *args, **kwargs)
    jit_error_if(False, text, *args, **kwargs)


def test_the_error_itself_outside_of_programs():
    with pytest.raises(Odd, match="^w is 3.0$"):
        jit_error_if(jnp.array([False, True]), _raise, 3.0, name="w")


def _fails(f, *args):
    with pytest.raises(jax.errors.JaxRuntimeError) as error:
        jax.block_until_ready(f(*args))
        jax.effects_barrier()
    return str(error.value)


def test_in_a_program():
    @jit
    def f(x):
        jit_error_if(x.sum() > 3, _raise, x.sum(), name="sum")
        return x * 2

    np.testing.assert_array_equal(f(jnp.ones(2)), [2.0, 2.0])
    assert "sum is 4.0" in _fails(f, 2 * jnp.ones(2))
    np.testing.assert_array_equal(f(jnp.ones(2)), [2.0, 2.0])


def test_in_a_loop():
    total = sl.State(jnp.float32(0.0))

    def step(x):
        total.value = total.value + x
        jit_error_if(total.value > 4, "total {t}", t=total.value)

    for_loop(step, jnp.arange(3.0))
    assert total.value == 3.0
    assert "total 6.0" in _fails(lambda: (for_loop(step, jnp.array([1.0, 2.0])), total.value))


@pytest.mark.parametrize("depth", [1, 2])
def test_in_lanes_the_lane_that_fails_is_reported(depth):
    def f(x):
        jit_error_if(x > 5, "x is {}", x)
        return x

    xs = jnp.arange(8.0)
    if depth == 2:
        f, xs = vmap(f), xs.reshape(2, 4)
    np.testing.assert_array_equal(vmap(f)(xs / 2), xs / 2)
    message = _fails(vmap(f), xs)
    assert "x is 6.0" in message or "x is 7.0" in message


def test_it_does_not_disturb_gradients():
    def f(x):
        jit_error_if(x > 5, "x is {}", x)
        return x**2

    assert grad(f)(3.0) == 6.0
    np.testing.assert_array_equal(vmap(grad(f))(jnp.arange(3.0)), [0.0, 2.0, 4.0])
    assert "x is 7.0" in _fails(grad(f), 7.0)


def test_no_error_calls_no_python():
    called = []
    jax.block_until_ready(jit(vmap(lambda x: jit_error_if(x > 5, called.append, x)))(jnp.arange(3.0)))
    jax.effects_barrier()
    assert called == []
