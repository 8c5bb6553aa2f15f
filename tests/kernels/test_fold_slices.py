"""`fold_slices`: event kernels read a part of a population in place, where that is the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun
from spikeloop.kernels._event import Rows, scatter
from spikeloop.kernels._fold_slices import fold_slices

INDICES = jnp.asarray([0, 2, 1, 1, 3, 0, 2, 3], jnp.uint32)  # 4 sources with 2 targets among 4
EQUAL = jnp.zeros(0, jnp.int32)
WEIGHT = jnp.arange(8.0) + 1


def arrive(spikes, target):
    return scatter(spikes, WEIGHT, INDICES, EQUAL, target, Rows(0, 4))


def folded(fun, *args):
    closed = jax.make_jaxpr(fun)(*args)
    after = fold_slices(closed)
    for ours, wanted in zip(jaxpr_as_fun(after)(*args), jaxpr_as_fun(closed)(*args), strict=True):
        np.testing.assert_array_equal(ours, wanted)
    return [e.params["rows"].offset for e in after.jaxpr.eqns if e.primitive.name == "spikeloop_event_scatter"], after


@pytest.mark.parametrize("start", [0, 3, 6])
def test_a_slice_becomes_an_offset(start):
    spikes, target = jnp.arange(10.0), jnp.zeros(4)
    offsets, after = folded(lambda s, t: arrive(s[start : start + 4], t), spikes, target)
    assert offsets == [start]
    (eqn,) = (e for e in after.jaxpr.eqns if e.primitive.name == "spikeloop_event_scatter")
    assert eqn.invars[0] is after.jaxpr.invars[0]


def test_a_slice_of_a_batch_along_its_last_axis():
    offsets, _ = folded(lambda s, t: arrive(s[:, 2:6], t), jnp.arange(20.0).reshape(2, 10), jnp.zeros((2, 4)))
    assert offsets == [2]


@pytest.mark.parametrize(
    "part", [lambda s: s[0:8:2], lambda s: s[3::-1], lambda s: s[1:7][2:6], lambda s: (s * 2)[3:7], lambda s: s[:4] + 0]
)
def test_other_slices_stay_right(part):
    folded(lambda s, t: arrive(part(s), t), jnp.arange(10.0), jnp.zeros(4))


def test_a_slice_along_another_axis_stays():
    offsets, _ = folded(lambda s, t: arrive(s[1:3], t), jnp.arange(16.0).reshape(4, 4), jnp.zeros((2, 4)))
    assert offsets == [0]


def test_two_parts_of_one_population():
    def step(s, t):
        return arrive(s[4:8], arrive(s[:4], t)), s[:4].sum()

    offsets, _ = folded(step, jnp.arange(10.0), jnp.zeros(4))
    assert offsets == [0, 4]


def test_programs_without_slices_are_returned_as_they_are():
    closed = jax.make_jaxpr(arrive)(jnp.arange(4.0), jnp.zeros(4))
    assert fold_slices(closed) is closed
    constant = jax.make_jaxpr(lambda t: arrive(jnp.ones(4), t))(jnp.zeros(4))
    assert [e.primitive for e in fold_slices(constant).jaxpr.eqns] == [e.primitive for e in constant.jaxpr.eqns]
