"""Which descriptions are equal: those that would make equal Modules."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.nn import Module

STATE = sl.ParamState(5.0 * u.ms)


class Holder(Module):
    def __init__(self, value=None, *, name=None):
        super().__init__(name)
        self.value = value


def long(changed=5.0):
    array = np.full(4000, 5.0)
    array[2000] = changed
    return array


EQUAL = {
    "number": (lambda: 5.0, lambda: np.float64(5)),
    "quantity": (lambda: 5.0 * u.ms, lambda: np.float64(5) * u.ms),
    "array": (long, long),
    "jax array": (lambda: jnp.arange(3.0), lambda: jnp.arange(3.0)),
    "array with unit": (lambda: long() * u.mV, lambda: long() * u.mV),
    "jax array with unit": (lambda: jnp.arange(3.0) * u.mV, lambda: jnp.arange(3.0) * u.mV),
    "list": (lambda: [1.0, long()], lambda: [1.0, long()]),
    "dict": (lambda: {"a": 1, "b": [2 * u.ms]}, lambda: {"b": [2 * u.ms], "a": 1}),
    "state": (lambda: STATE, lambda: STATE),
    "state in a list": (lambda: [STATE, 1.0], lambda: [STATE, 1.0]),
    "initializer": (lambda: sl.init.Uniform(1 * u.ms, 2 * u.ms), lambda: sl.init.Uniform(1 * u.ms, 2 * u.ms)),
    "description": (lambda: Holder.desc(value=long()), lambda: Holder.desc(long())),
    "text": (lambda: "mean", lambda: "mean"),
    "unit": (lambda: u.volt, lambda: u.volt),
    "function": (lambda: jnp.tanh, lambda: jnp.tanh),
}
DIFFERENT = {
    "number": (lambda: 5.0, lambda: 5.1),
    "number and array": (lambda: 5.0, lambda: np.array([5.0])),
    "whole and real number": (lambda: 5, lambda: 5.0),
    "truth and number": (lambda: True, lambda: 1),
    "unit": (lambda: 5.0 * u.ms, lambda: 5.0 * u.second),
    "number and quantity": (lambda: 5.0, lambda: 5.0 * u.ms),
    "array": (long, lambda: long(6.0)),
    "shape": (lambda: np.zeros((2, 3)), lambda: np.zeros((3, 2))),
    "array with unit": (lambda: long() * u.mV, lambda: long(6.0) * u.mV),
    "dtype": (lambda: np.zeros(3, np.float32), lambda: np.zeros(3, np.int32)),
    "state of the same value": (lambda: sl.ParamState(5.0 * u.ms), lambda: sl.ParamState(5.0 * u.ms)),
    "state in a list": (lambda: [STATE], lambda: [sl.ParamState(5.0 * u.ms)]),
    "initializer": (lambda: sl.init.Uniform(1 * u.ms, 2 * u.ms), lambda: sl.init.Uniform(1 * u.ms, 3 * u.ms)),
    "description": (lambda: Holder.desc(long()), lambda: Holder.desc(long(6.0))),
    "depth": (lambda: [[1.0], 2.0], lambda: [1.0, [2.0]]),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_make_equal_descriptions(name):
    a, b = (Holder.desc(value=make()) for make in EQUAL[name])
    assert a == b
    assert hash(a) == hash(b)


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_values_make_different_descriptions(name):
    a, b = (Holder.desc(value=make()) for make in DIFFERENT[name])
    assert a != b


def test_it_does_not_matter_how_arguments_are_given():
    forms = [
        sl.Expon.desc(3), sl.Expon.desc(in_size=3), sl.Expon.desc(3, 8.0 * u.ms), sl.Expon.desc(3, tau=8.0 * u.ms),
        sl.Expon.desc(3, g_initializer=None),
    ]  # fmt: skip
    assert len({form.key() for form in forms}) == 1
    assert sl.Expon.desc(3, name="a") != sl.Expon.desc(3, name="b")
    assert sl.Expon.desc(3) != sl.Alpha.desc(3)


def test_arguments_that_do_not_fit_are_left_to_the_call():
    desc = sl.Expon.desc(3, in_size=3)
    assert desc == sl.Expon.desc(3, in_size=3)
    with pytest.raises(TypeError, match="in_size"):
        desc()


def test_a_tracer_counts_by_identity():
    def inside(x):
        assert Holder.desc(x) == Holder.desc(x)
        assert Holder.desc(x) != Holder.desc(x + 0)
        return x

    jax.make_jaxpr(inside)(1.0)
