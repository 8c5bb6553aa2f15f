"""`jax.disable_jit()` runs loops and branches step by step on actual values, with the same results."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import transform

XS = jnp.arange(4.0)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def total():
    return sl.State(jnp.float32(0.0))


@pytest.fixture
def step(total, seen):
    def add(x):
        seen.append(float(x))  # fails for an abstract value
        total.value = total.value + x
        return total.value

    return add


LOOPS = {
    "for_loop": (lambda f: transform.for_loop(f, XS), [0, 1, 2, 3]),
    "reverse": (lambda f: transform.for_loop(f, XS, reverse=True), [3, 2, 1, 0]),
    "checkpointed": (lambda f: transform.checkpointed_for_loop(f, XS, base=2), [0, 1, 2, 3]),
    "scan": (lambda f: transform.scan(lambda c, x: (c, f(x)), 0.0, XS)[1], [0, 1, 2, 3]),
    "while": (lambda f: transform.while_loop(lambda c: c < 3, lambda c: f(c) * 0 + c + 1, 0.0), [0, 1, 2]),
    "cond": (lambda f: transform.cond(True, f, lambda x: x, 2.0), [2]),
    "switch": (lambda f: transform.switch(7, [lambda x: x, f], 2.0), [2]),
    "checkpoint": (lambda f: transform.checkpoint(f)(2.0), [2]),
    "jit": (lambda f: transform.jit(f)(2.0), [2]),
    "in jit": (lambda f: transform.jit(lambda: transform.for_loop(f, XS))(), [0, 1, 2, 3]),
}


@pytest.mark.parametrize("name", LOOPS)
def test_the_function_sees_actual_values_and_the_result_is_the_same(name, step, seen, total):
    loop, order = LOOPS[name]
    with jax.disable_jit():
        plain = loop(step)
    assert seen == order
    after, total.value = total.value, jnp.float32(0.0)
    compiled = loop(lambda x: (total.__setattr__("value", total.value + x), total.value)[1])
    np.testing.assert_allclose(plain, compiled)
    np.testing.assert_allclose(after, total.value)


def test_an_exception_leaves_the_state_of_the_last_step(total):
    def fail(x):
        if x > 2:
            raise ZeroDivisionError
        total.value = total.value + x

    with jax.disable_jit(), pytest.raises(ZeroDivisionError):
        transform.for_loop(fail, XS)
    assert total.value == 3.0


def test_a_network_and_its_record():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.LIF(3, tau=5 * u.ms))

    def run():
        sl.nn.init_all_states(net)
        record = sl.record.run(lambda t: net(3 * u.mA), 2 * u.ms, record={"V": sl.record.States(net, "V")})
        return record["V"].values.to_decimal(u.mV)

    with jax.disable_jit():
        plain = run()
    np.testing.assert_allclose(plain, run(), rtol=1e-5)


def test_a_loop_without_steps_and_units():
    with jax.disable_jit():
        with pytest.raises(ValueError, match="without steps"):
            transform.for_loop(lambda x: x * 2, jnp.zeros((0, 3)))
        out = transform.for_loop(lambda x: (x, None, {"a": x}), XS * u.mV)
    assert out[1] is None
    np.testing.assert_allclose(out[2]["a"].to_decimal(u.mV), XS)
