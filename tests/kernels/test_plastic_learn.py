"""The kernel in which events of targets wait, against its reference and against columns and rows at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.test_util import check_grads
from spikeloop.connect import Connection
from spikeloop.kernels import _plastic
from spikeloop.kernels._event import Rows, scatter
from spikeloop.kernels._plastic import Side, update_columns, update_rows
from spikeloop.kernels._plastic_learn import SLOTS, Delivery, Pending, Walked, learn, learn_p, learn_reference
from spikeloop.plasticity._columns import columns_of

DEPENDENCES = [_plastic.ADDITIVE, _plastic.LINEAR, _plastic.POWER]
DECAY = 0.9


@pytest.fixture(autouse=True)
def double(native):
    sl.environ.set(precision=64)


class Case:
    """Random synapses and trains of events; the coefficient of a source decays and is drawn anew when it fires."""

    def __init__(self, n_pre=11, n_post=9, dtype=np.float64, dependence=(0, 0), graded=False, wide=False, steps=60):
        rng = np.random.default_rng(1)
        lengths = rng.integers(0, 8, n_pre)
        nnz = int(lengths.sum())
        indices = rng.integers(0, max(n_post, 1), nnz)
        indptr = np.append(0, lengths.cumsum())
        connection = Connection(indices, indptr, rng.random(nnz), n_pre, n_post)
        self.columns = columns_of(connection, 0) if wide else columns_of(connection)
        self.dtype, self.graded, (self.of_targets, self.of_sources) = dtype, graded, dependence
        self.rows = connection.indices, connection.indptr
        self.weight = jnp.asarray(connection.weight.value, dtype).reshape(-1)
        self.laws = [jnp.asarray(law, dtype) for law in ([0, 1, 1, -1, 0.6], [0, 1, 0, 1, 0.4])]
        post, pre = rng.random((steps, n_post)) < 0.4, rng.random((steps, n_pre)) < 0.15
        if graded:
            post = post * rng.uniform(-0.2, 1, post.shape)
        draws = rng.uniform(0, 0.2, (steps, n_pre))
        b, self.trains = draws[0], []
        for k in range(steps):
            b = b * DECAY
            a = rng.uniform(-0.2, 0.1, n_post)
            self.trains.append(tuple(jnp.asarray(x, dtype) for x in (post[k], b, pre[k], a)))
            b = np.where(pre[k], draws[k], b)
        self.trains = [jnp.stack(x) for x in zip(*self.trains, strict=True)]
        self.start = Pending(jnp.zeros((2, n_post, SLOTS), dtype).at[0].set(jnp.inf), jnp.ones(n_pre, dtype))

    def sides(self, post, b, pre, a):
        return Side(post, b, self.laws[0], self.of_targets), Side(pre, a, self.laws[1], self.of_sources)

    def step(self, carry, train, renew=False):
        pending, clock, target, weight = carry
        clock = (clock * DECAY).astype(self.dtype)
        post, pre = self.sides(*train)
        walked = Walked(pre.events != 0, (clock < 0.1) | renew)
        post = post._replace(coefficient=post.coefficient / clock)
        synapses, delivery = (*self.rows, self.columns), Delivery(0.5 * pre.events, target)
        pending, target, weight = learn(
            post, pre, clock, walked, synapses, pending, delivery, weight, graded=self.graded
        )
        return (pending, jnp.where(walked.all, jnp.ones_like(clock), clock), target, weight), None

    def begin(self, weight):
        return self.start, jnp.ones((), self.dtype), jnp.zeros(self.trains[0].shape[1], self.dtype), weight

    def end(self, weight, trains=None):
        """(pending, target, weight): the last step brings all weights up to date."""
        trains = self.trains if trains is None else trains
        carry, _ = jax.lax.scan(self.step, self.begin(weight), [x[:-1] for x in trains])
        (pending, _, target, weight), _ = self.step(carry, [x[-1] for x in trains], renew=True)
        return pending, target, weight

    def at_once(self, weight):
        def step(carry, train):
            target, weight = carry
            post, pre = self.sides(*train)
            weight = update_rows(pre, *self.rows, update_columns(post, self.columns, self.rows[1], weight))
            rows = Rows(0, pre.events.size)
            return (scatter(0.5 * pre.events, weight, *self.rows, target, rows), weight), None

        return jax.lax.scan(step, self.begin(weight)[2:], self.trains)[0]


@pytest.fixture
def by_reference(monkeypatch):
    """Runs `fun` with the reference in place of the kernel."""

    def run(fun, *args):
        with monkeypatch.context() as patch:
            patch.setattr(learn_p.primitive, "bind", lambda *operands, **params: learn_reference(*operands, **params))
            return jax.jit(fun)(*args)

    return run


@pytest.mark.parametrize(("graded", "wide"), [(False, False), (True, True)])
@pytest.mark.parametrize("dependence", [*((d, d) for d in DEPENDENCES), (0, 1)])
def test_native_equals_reference_and_changes_at_once(graded, dependence, wide, by_reference):
    # each dependence and each kind of events in both precisions
    dtype = [np.float32, np.float64][(sum(dependence) // 2 + graded) % 2]
    c = Case(dtype=dtype, graded=graded, dependence=dependence, wide=wide)
    pending, target, weight = jax.jit(c.end)(c.weight)
    wanted = by_reference(c.end, c.weight)
    assert weight.dtype == dtype
    assert not np.array_equal(weight, c.weight)
    tolerance = {"rtol": 0, "atol": 200 * np.finfo(dtype).eps}
    for ours, theirs in zip(jax.tree.leaves((pending, target, weight)), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)
    for ours, theirs in zip((target, weight), jax.jit(c.at_once)(c.weight), strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)


@pytest.mark.parametrize(("n_pre", "n_post"), [(1, 1), (0, 3), (3, 40)])
def test_sizes(n_pre, n_post, by_reference):
    c = Case(n_pre, n_post)
    np.testing.assert_allclose(jax.jit(c.end)(c.weight)[2], by_reference(c.end, c.weight)[2], rtol=0, atol=1e-13)


def test_lists_while_they_wait(by_reference):
    """Also between steps native code and the reference keep the same."""
    c = Case(graded=True, dependence=(1, 1))
    some = lambda w: jax.lax.scan(c.step, c.begin(w), [x[:9] for x in c.trains])[0]  # noqa: E731
    ours, theirs = jax.jit(some)(c.weight), by_reference(some, c.weight)
    for x, y in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-13)
    assert np.isfinite(ours[0].listed[0]).sum() > 20


def test_any_number_of_threads_gives_the_same_bits():
    c = Case(700, 650, np.float32, (2, 0), graded=True, steps=20)
    c.trains[2] = jnp.ones_like(c.trains[2])
    results, before = [], sl.get_num_threads()
    for threads in (1, 3):
        sl.set_num_threads(threads)
        results.append([np.asarray(x) for x in jax.tree.leaves(c.end(c.weight))])
    sl.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_gradients(dependence):
    c = Case(4, 3, dependence=(dependence, dependence), steps=8)
    post, b, pre, a = c.trains
    start = jnp.clip(c.weight, 0.3, 0.7)

    def fun(w, b, a, scale):
        """Of weights, coefficients, and spikes whose number is differentiated but whose presence is not."""
        _, target, weight = c.end(w, [post, 0.1 * b, pre * scale, 0.1 * a])
        return jnp.sin(target), jnp.sin(weight)

    check_grads(jax.jit(fun), (start, b, a, jnp.ones(())), order=1, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c: setattr(c, "weight", c.weight[1:]), "'weight' has"),
        (lambda c: setattr(c, "rows", (c.rows[0] + 100, c.rows[1])), "holds .* out of range"),
        (
            lambda c: setattr(c, "rows", (c.rows[0], c.rows[1].at[4].set(1000))),
            "to 1000, which does not fit",
        ),
        (lambda c: setattr(c, "columns", c.columns._replace(places=c.columns.places + 999)), "holds .* out of range"),
        (lambda c: setattr(c, "columns", c.columns._replace(sources=c.columns.sources[:1])), "'sources' has 1"),
        (lambda c: setattr(c, "start", c.start._replace(listed=c.start.listed[:, 1:])), "'listed' has"),
        (lambda c: setattr(c, "begin", lambda w: (c.start, jnp.ones(()), jnp.zeros(4), w)), "'target' has"),
        (lambda c: setattr(c, "start", c.start._replace(marks=c.start.marks[1:])), "'marks' has"),
        (lambda c: setattr(c, "of_targets", 7), "no dependence on the weight has the code 7"),
    ],
)
def test_bad_operands_are_errors(break_it, message):
    c = Case()
    c.trains[0] = jnp.ones_like(c.trains[0])
    c.trains[2] = jnp.ones_like(c.trains[2]).at[:, 0].set(0)  # so that lists get full, but rows are walked as well
    break_it(c)
    with pytest.raises(Exception, match=message):
        jax.block_until_ready(c.end(c.weight))
