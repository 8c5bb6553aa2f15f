import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import random
from spikeloop._errors import BatchAxisError
from spikeloop.transform import for_loop, grad, jit, vmap


@pytest.fixture
def v():
    return sl.State(jnp.arange(3.0), "v")


@pytest.fixture
def shared():
    return sl.State(jnp.float32(10.0), "shared")


@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["alone", "in jit"])
class TestArguments:
    def test_axes(self, wrap):
        x, y = jnp.arange(6.0).reshape(2, 3), jnp.arange(2.0)
        f = lambda x, y: x.sum() + y  # noqa: E731
        np.testing.assert_array_equal(wrap(vmap(f))(x, y), jax.vmap(f)(x, y))
        np.testing.assert_array_equal(wrap(vmap(f, in_axes=(1, None)))(x, 1.0), jax.vmap(f, (1, None))(x, 1.0))
        np.testing.assert_array_equal(wrap(vmap(f, in_axes=[1, None]))(x, 1.0), jax.vmap(f, (1, None))(x, 1.0))
        out = wrap(vmap(lambda x: (x, x), out_axes=(1, 0)))(x)
        assert (out[0].shape, out[1].shape) == ((3, 2), (2, 3))

    def test_axes_of_trees(self, wrap):
        f = lambda d: d["a"] + d["b"]  # noqa: E731
        out = wrap(vmap(f, in_axes=({"a": 0, "b": None},)))({"a": jnp.ones(2), "b": 1.0})
        np.testing.assert_array_equal(out, [2.0, 2.0])
        out = wrap(vmap(lambda x: {"a": x, "b": 1.0}, out_axes={"a": 0, "b": None}))(jnp.ones(2))
        assert (out["a"].shape, jnp.shape(out["b"])) == ((2,), ())

    def test_negative_axes(self, wrap):
        x = jnp.arange(6.0).reshape(2, 3)
        out = wrap(vmap(lambda x: x * 2, in_axes=-1, out_axes=-1))(x)
        np.testing.assert_array_equal(out, 2 * x)

    def test_keywords_and_units(self, wrap):
        out = wrap(vmap(lambda x, *, y: x * 2 + y))(jnp.ones(2) * u.mV, y=jnp.ones(2) * u.mV)
        np.testing.assert_array_equal(out.to_decimal(u.mV), [3.0, 3.0])

    def test_axis_size_without_arguments(self, wrap, v):
        np.testing.assert_array_equal(wrap(vmap(lambda: 1.0, axis_size=3))(), [1.0, 1.0, 1.0])
        np.testing.assert_array_equal(wrap(vmap(lambda: v.value, in_states=v))(), [0.0, 1.0, 2.0])

    def test_axis_name(self, wrap):
        out = wrap(vmap(lambda x: x - jax.lax.pmean(x, "lanes"), axis_name="lanes"))(jnp.arange(3.0))
        np.testing.assert_array_equal(out, [-1.0, 0.0, 1.0])


def test_decorator_forms():
    @vmap
    def f(x):
        return x.sum()

    @vmap(in_axes=1)
    def g(x):
        return x.sum()

    assert (f.__name__, f(jnp.ones((2, 3))).shape, g(jnp.ones((2, 3))).shape) == ("f", (2,), (3,))


def test_states_with_lanes(v, shared):
    @vmap(in_states=v)
    def f(x):
        v.value = v.value + x * shared.value
        return v.value

    out = f(jnp.ones(3))
    np.testing.assert_array_equal(out, [10.0, 11.0, 12.0])
    np.testing.assert_array_equal(v.value, out)
    assert shared.value == 10.0


def test_lanes_on_another_axis():
    v = sl.State(jnp.arange(6.0).reshape(2, 3))
    out = sl.State(jnp.zeros(()))

    def f(x):
        out.value = v.value.sum() + x
        v.value = v.value * 2
        return v.value.shape

    shape = jax.tree.map(int, vmap(f, in_states={1: [v]}, out_states={0: out}, out_axes=None)(jnp.zeros(3)))
    assert shape == (2,)
    np.testing.assert_array_equal(out.value, [3.0, 5.0, 7.0])
    np.testing.assert_array_equal(v.value, 2 * np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("form", [lambda v: v, lambda v: [v], lambda v: {"v": v}, lambda v: {0: v}, lambda v: {0: [v]}])
def test_forms_of_in_states(v, form):
    np.testing.assert_array_equal(vmap(lambda: v.value * 2, in_states=form(v))(), [0.0, 2.0, 4.0])


def test_a_state_may_move_its_lanes(v):
    def f():
        v.reinit(jnp.stack([v.value, v.value]))

    vmap(f, in_states=v, out_states={1: v})()
    assert v.value.shape == (2, 3)


def test_an_undeclared_state_that_differs_between_lanes_is_named(v, shared):
    def f(x):
        v.value = v.value + x
        shared.value = shared.value + x

    with pytest.raises(
        BatchAxisError, match=r"Inside vmap shared receives values that differ between lanes.*out_states"
    ):
        vmap(f, in_states=v)(jnp.ones(3))
    assert shared.value == 10.0
    np.testing.assert_array_equal(v.value, [0.0, 1.0, 2.0])
    with pytest.raises(BatchAxisError, match="Inside vmap v, shared receive values"):
        jit(lambda: vmap(f)(jnp.ones(3)))()


def test_a_shared_state_may_be_written_with_one_value(shared):
    def f(x):
        shared.value = shared.value + 1
        return x + shared.value

    np.testing.assert_array_equal(vmap(f)(jnp.zeros(2)), [11.0, 11.0])
    assert shared.value == 11.0


def test_an_error_of_jax_in_the_function_stays_what_it_is():
    with pytest.raises(ValueError, match="number of lanes is not clear"):
        vmap(lambda x, y: x)(jnp.ones(2), jnp.ones(3))
    with pytest.raises(TypeError, match="incompatible shapes"):
        vmap(lambda x: jnp.ones(2) + jnp.ones(3))(jnp.ones(2))
    with pytest.raises(ValueError, match=r"in_axes=\(0,\) has 1 entries for 2 arguments"):
        vmap(lambda x, y: x, in_axes=(0,))(jnp.ones(2), jnp.ones(2))
    with pytest.raises(ValueError, match="number of lanes is not clear, found \\[\\]"):
        vmap(lambda: 1.0)()
    with pytest.raises(TypeError, match=r"A filter is a class, a tag, .*; given \[1\.0\]|given 1\.0"):
        vmap(lambda: 1.0, in_states=[1.0])
    with pytest.raises(ValueError, match="has no axis 1"):
        vmap(lambda x: x, in_axes=1)(jnp.ones(2))


def test_random_numbers_differ_between_lanes():
    rng = random.RandomState(0)
    draw = vmap(lambda x: x + rng.rand(), axis_size=4)
    first, second = draw(jnp.zeros(4)), draw(jnp.zeros(4))
    assert len({*np.asarray(first).tolist(), *np.asarray(second).tolist()}) == 8
    assert rng.value.shape == random.RandomState(0).value.shape
    rng.seed(0)
    np.testing.assert_array_equal(draw(jnp.zeros(4)), first)


def test_random_numbers_in_a_loop_in_lanes():
    rng = random.RandomState(0)
    out = jit(lambda: vmap(lambda: for_loop(rng.rand, length=3), axis_size=4)())()
    assert out.shape == (4, 3)
    assert len(np.unique(out)) == 12


def test_vmap_of_for_loop_and_the_reverse(v):
    def step(x):
        v.value = v.value + x
        return v.value

    lanes = vmap(lambda xs: for_loop(step, xs), in_states=v)
    np.testing.assert_array_equal(lanes(jnp.ones((3, 2))), [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
    out = for_loop(lambda x: vmap(step, in_states=v)(jnp.full(3, x)), jnp.ones(2))
    np.testing.assert_array_equal(out, [[3.0, 4.0, 5.0], [4.0, 5.0, 6.0]])


def test_vmap_of_vmap():
    v = sl.State(jnp.zeros((2, 3)))

    def f(x):
        v.value = v.value + x

    vmap(lambda xs: vmap(f, in_states=v)(xs), in_states=v)(jnp.ones((2, 3)))
    np.testing.assert_array_equal(v.value, np.ones((2, 3)))


def test_gradients_per_lane(v):
    w = sl.ParamState(jnp.float32(2.0))
    out = vmap(lambda: grad(lambda: w.value**2 * v.value, w)(), in_states=v)()
    np.testing.assert_array_equal(out, [0.0, 4.0, 8.0])


def test_states_made_inside_have_lanes_only_if_declared():
    kept = []

    def f(x):
        kept.append(sl.State(x * 2, "made"))
        return x

    with pytest.raises(BatchAxisError, match="Inside vmap made receives"):
        vmap(f)(jnp.ones(2))
