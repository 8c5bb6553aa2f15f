"""Rings that XLA turns: what comes out, backward, and on lanes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from spikeloop.kernels._event import Rows
from spikeloop.kernels._turned_ring import oldest, turn

STEPS, SLOTS = 7, 3
ROWS = Rows(1, 2, slots=0)  # the second and third of four sources


def run(xs, past, looks=False):
    """What comes out in each step, or what a look at the ring tells of it, and the ring after them."""
    ring, outs = past, []
    for k, x in enumerate(xs):
        ring, out = turn(x, jnp.full((), k % SLOTS), ring, ROWS)
        outs.append(oldest(jnp.full((), k % SLOTS), ring, ROWS) if looks else out)
    return jnp.stack(outs), ring


def drawn(*shape):
    return jnp.asarray(np.random.default_rng(0).random(shape, np.float32))


def test_what_goes_in_comes_out_after_one_step_less_than_there_are_slots():
    xs = drawn(STEPS, 4)
    outs, _ = run(xs, jnp.zeros((SLOTS, 2)))
    np.testing.assert_array_equal(outs[SLOTS - 1 :], xs[: STEPS - SLOTS + 1, 1:3])
    assert (outs[: SLOTS - 1] == 0).all()


@pytest.mark.parametrize("looks", [False, True])
def test_cotangents_take_the_same_way_back(looks):
    xs, past, ct = drawn(STEPS, 4), drawn(SLOTS, 2), drawn(STEPS, 2)
    of_outs, of_past = jax.grad(lambda xs, past: (run(xs, past, looks)[0] * ct).sum(), (0, 1))(xs, past)
    wanted = jnp.zeros_like(xs).at[: STEPS - SLOTS + 1, 1:3].set(ct[SLOTS - 1 :])
    np.testing.assert_array_equal(of_outs, wanted)
    np.testing.assert_array_equal(of_past, jnp.zeros_like(past).at[1:].set(ct[: SLOTS - 1]))
    at_end, _ = jax.grad(lambda xs, past: run(xs, past)[1].sum(), (0, 1))(xs, past)
    assert at_end.sum() == 2 * SLOTS


def test_derivatives_of_derivatives_agree_with_differences():
    xs, past = drawn(STEPS, 4), drawn(SLOTS, 2)
    check_grads(lambda xs, past: (run(xs, past)[0] ** 3).sum(), (xs, past), order=2, rtol=5e-2)


@pytest.mark.parametrize("axes", [(1, 0), (1, None), (None, 0)])
def test_lanes_are_those_of_one_ring_each(axes):
    xs = drawn(STEPS, 3, 4) if axes[0] else drawn(STEPS, 4)
    past = drawn(3, SLOTS, 2) if axes[1] == 0 else drawn(SLOTS, 2)
    slope = jax.jit(jax.grad(lambda xs, past: (run(xs, past)[0] * run(xs, past, True)[0]).sum()))
    found = jax.vmap(slope, axes)(xs, past)
    for k in range(3):
        one = slope(xs[:, k] if axes[0] else xs, past[k] if axes[1] == 0 else past)
        np.testing.assert_array_equal(found[k], one)
