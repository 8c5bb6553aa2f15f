"""The kernel of eligibility in which events of targets wait, against its reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.connect import Connection
from spikeloop.kernels._plastic import ADDITIVE, Side
from spikeloop.kernels._plastic_learn import SLOTS, Delivery, Pending, Walked
from spikeloop.kernels._reinforce import reinforce, reinforce_p, reinforce_reference
from spikeloop.plasticity._columns import columns_of

N_PRE, N_POST, DECAY, LEFT = 11, 9, 0.9, 0.95


@pytest.fixture(autouse=True)
def double(native):
    sl.environ.set(precision=64)


class Case:
    """Random synapses and trains of events, graded those of targets; `wide`: sources are looked for."""

    def __init__(self, dtype=np.float64, wide=False, steps=60):
        rng = np.random.default_rng(1)
        lengths = rng.integers(0, 20, N_PRE)
        nnz = int(lengths.sum())
        connection = Connection(rng.integers(0, N_POST, nnz), np.append(0, lengths.cumsum()), 1.0, N_PRE, N_POST)
        self.synapses = connection.indices, connection.indptr, columns_of(connection, *([0] if wide else []))
        post, pre = rng.random((steps, N_POST)) < 0.4, rng.random((steps, N_PRE)) < 0.15
        trains = post * rng.uniform(-0.2, 1, post.shape), pre, rng.uniform(-1, 1, steps)
        self.trains = [jnp.asarray(x, dtype) for x in trains]
        self.both = [jnp.asarray(rng.uniform(0, 1, nnz), dtype) for _ in range(2)]
        self.slopes, self.of_targets = (jnp.asarray(rng.uniform(-0.1, 0.1, n), dtype) for n in (N_PRE, N_POST))
        self.law = jnp.asarray([0.2, 0.8, 0, 1, 0], dtype)
        self.dtype = dtype

    def step(self, carry, train):
        pending, moment, target, both = carry
        post, pre, factor = train
        moment = jnp.stack([moment[0] * DECAY, moment[1] * LEFT, moment[2] + moment[1] * factor])
        walked = Walked(pre != 0, moment[0] < 0.1)
        sides = Side(post, self.slopes, self.law, ADDITIVE), Side(pre, self.of_targets, self.law, ADDITIVE)
        delivery = Delivery(0.5 * pre, target)
        pending, target, *both = reinforce(*sides, moment, walked, self.synapses, pending, delivery, *both)
        return (pending, jnp.where(walked.all, self.start(), moment), target, both), None

    def start(self):
        return jnp.asarray([1, 1, 0], self.dtype)

    def end(self, both, trains):
        listed = jnp.zeros((3, N_POST, SLOTS), self.dtype).at[0].set(jnp.inf)
        pending = Pending(listed, jnp.zeros((2, N_PRE), self.dtype).at[0].set(1))
        begin = pending, self.start(), jnp.zeros(N_POST, self.dtype), both
        (pending, _, target, both), _ = jax.lax.scan(self.step, begin, trains)
        return [*pending, target, *both]


@pytest.mark.parametrize(("dtype", "wide"), [(np.float32, False), (np.float64, True)])
def test_native_equals_reference(dtype, wide, monkeypatch):
    c = Case(dtype, wide)
    ours = jax.jit(c.end)(c.both, c.trains)
    monkeypatch.setattr(reinforce_p.primitive, "bind", lambda *o, **structure: reinforce_reference(*o, **structure))
    wanted = jax.jit(lambda both: c.end(both, c.trains))(c.both)
    for x, y, old in zip(ours[3:], wanted[3:], c.both, strict=True):
        assert x.dtype == dtype
        assert not np.array_equal(x, old)
        np.testing.assert_allclose(x, y, rtol=0, atol=64 * np.finfo(dtype).eps)
    for x, y in zip(ours[:3], wanted[:3], strict=True):
        np.testing.assert_allclose(x, y, rtol=64 * np.finfo(dtype).eps, atol=64 * np.finfo(dtype).eps)


def test_derivatives_are_those_of_the_reference():
    c = Case(steps=6)
    post, pre, factor = c.trains
    check_grads(
        lambda eligibility, factor: c.end([c.both[0], eligibility], [post, pre, factor])[2:],
        (c.both[1], 0.01 * factor), order=1, eps=1e-7, rtol=1e-5,
    )  # fmt: skip
