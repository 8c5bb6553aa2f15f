import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import BatchAxisError
from spikeloop.transform import for_loop, jit, vmap, vmap2, vmap_new_states
from spikeloop.transform import map as map_
from spikeloop.util import All, Not, OfType

WRAPS = pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["alone", "in jit"])


@WRAPS
class TestFilters:
    @pytest.mark.parametrize(
        "chosen", [sl.ShortTermState, OfType(sl.ShortTermState), {0: sl.ShortTermState}, "lanes", All("lanes", ...)]
    )
    @pytest.mark.parametrize("kind", ["vmap", "vmap2"])
    def test_states_that_pass_have_lanes(self, wrap, chosen, kind):
        v, w = sl.ShortTermState(jnp.arange(3.0) * u.mV, tag="lanes"), sl.ParamState(10.0 * u.mV)

        def f(x):
            v.value = v.value + x * w.value
            return v.value

        mapped = vmap(f, in_states=chosen) if kind == "vmap" else vmap2(f, state_in_axes=chosen, state_out_axes=chosen)
        out = wrap(mapped)(jnp.ones(3))
        np.testing.assert_array_equal(out.to_decimal(u.mV), [10.0, 11.0, 12.0])
        np.testing.assert_array_equal(v.value.to_decimal(u.mV), [10.0, 11.0, 12.0])

    def test_axes_by_filter_and_by_state(self, wrap):
        a, b = sl.State(jnp.arange(6.0).reshape(2, 3), tag="second"), sl.State(jnp.arange(3.0))

        def f(x):
            a.value = a.value + b.value
            return a.value.sum() + x

        out = wrap(vmap2(f, state_in_axes={1: "second", 0: [b]}))(jnp.zeros(3))
        np.testing.assert_array_equal(out, [3.0, 7.0, 11.0])
        assert a.value.shape == (2, 3)

    def test_random_states_are_split_whatever_the_filter(self, wrap):
        rng, v = sl.random.RandomState(1), sl.ShortTermState(jnp.zeros(3))
        out = wrap(vmap2(lambda x: rng.rand() + x + v.value, state_in_axes=...))(jnp.zeros(3))
        assert len(np.unique(out)) == 3
        assert rng.value.shape == sl.random.RandomState(1).value.shape

    def test_overwritten_states(self, wrap):
        differs, same = sl.State(jnp.float32(0.0), "differs"), sl.State(jnp.float32(0.0), "same")

        def f(x):
            differs.value, same.value = x, jnp.float32(1.0)

        wrap(vmap2(f))(jnp.arange(3.0))
        np.testing.assert_array_equal(differs.value, [0.0, 1.0, 2.0])
        assert same.value == 1.0
        differs.reinit(jnp.float32(0.0))
        with pytest.raises(BatchAxisError, match=r"Inside vmap differs receives .* in vmap2 these are state_out_axes"):
            wrap(vmap2(f, unexpected_out_state_mapping="raise"))(jnp.arange(3.0))

    def test_a_state_that_is_read_and_written_must_be_named(self, wrap):
        v = sl.State(jnp.zeros(3), "v")  # one value of shape 3, or 3 lanes: nobody can tell

        def f(x):
            v.value = v.value + x

        with pytest.raises(BatchAxisError, match="Inside vmap v receives"):
            wrap(vmap2(f))(jnp.ones(3))
        np.testing.assert_array_equal(v.value, np.zeros(3))


def test_arguments_of_vmap2():
    x = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(vmap2(lambda x, *, y: x.sum() * y, in_axes=1)(x, y=jnp.ones(3)), x.sum(0))
    np.testing.assert_array_equal(vmap2(in_axes=[1, None])(lambda x, y: x.sum() * y)(x, 2.0), 2 * x.sum(0))
    with pytest.raises(ValueError, match=r"unexpected_out_state_mapping must be 'auto' or 'raise'.*given 'ignore'"):
        vmap2(lambda x: x, unexpected_out_state_mapping="ignore")
    with pytest.raises(ValueError, match=r"number of lanes is not clear, found \[3, 4\]"):
        v = sl.ShortTermState(jnp.zeros(3))
        vmap2(lambda x: v.value + x, state_in_axes=sl.ShortTermState)(jnp.zeros(4))


class TestNewStates:
    def test_states_that_are_made_get_lanes(self):
        made, shared = [], sl.State(jnp.float32(5.0))

        @vmap_new_states(in_axes=(0, None), state_tag="new")
        def build(x, y):
            made.append((sl.State(jnp.zeros(2) * u.mV), sl.ParamState(x * shared.value + y), sl.random.rand()))
            return x + 1

        np.testing.assert_array_equal(build(jnp.arange(3.0), 1.0), [1.0, 2.0, 3.0])
        (constant, different, _) = made[-1]
        assert constant.value.mantissa.shape == (3, 2)
        np.testing.assert_array_equal(different.value, [1.0, 6.0, 11.0])
        assert constant.tag == different.tag == {"new"}
        assert (shared.value, shared.tag) == (5.0, set())

    def test_each_lane_draws_its_own_numbers_and_each_call_makes_new_states(self):
        made = []
        build = vmap_new_states(lambda: made.append(sl.State(sl.random.rand(2))), axis_size=3)
        build()
        build()
        first, second = (state.value for state in made)
        assert first.shape == second.shape == (3, 2)
        assert len(np.unique(jnp.stack([first, second]))) == 12

    def test_init_state_twice(self):
        neuron = sl.LIF(4, V_initializer=sl.init.Uniform(-70.0 * u.mV, -60.0 * u.mV))
        for _ in range(2):
            vmap_new_states(lambda: sl.nn.init_all_states(neuron) and None, axis_size=3)()
            assert neuron.V.value.mantissa.shape == (3, 4)

    def test_excluded_states(self):
        made = []

        def build():
            made.append((sl.ParamState(jnp.ones(2)), sl.ShortTermState(jnp.ones(2))))

        vmap_new_states(build, axis_size=3, state_to_exclude=OfType(sl.ParamState))()
        assert [state.value.shape for state in made[-1]] == [(2,), (3, 2)]
        vmap_new_states(build, axis_size=3, state_to_exclude=Not(OfType(sl.ParamState)))()
        assert [state.value.shape for state in made[-1]] == [(3, 2), (2,)]

    def test_states_that_are_read_are_shared(self):
        count = sl.State(jnp.float32(0.0), "count")

        def build(x):
            count.value = count.value + x

        with pytest.raises(BatchAxisError, match="Inside vmap count receives"):
            vmap_new_states(build)(jnp.ones(3))

    def test_size(self):
        with pytest.raises(ValueError, match="vmap_new_states: axis_size must be at least 1; given 0"):
            vmap_new_states(lambda: None, axis_size=0)


@WRAPS
class TestMap:
    @pytest.mark.parametrize("batch_size", [None, 1, 3, 7, 20])
    def test_results_are_those_of_single_calls(self, wrap, batch_size):
        x, y = jnp.arange(14.0).reshape(7, 2), {"y": jnp.arange(7.0) * u.mV}
        out = wrap(lambda *a: map_(lambda x, d: {"a": x.sum() * d["y"], "b": x}, *a, batch_size=batch_size))(x, y)
        np.testing.assert_array_equal(out["a"].to_decimal(u.mV), x.sum(1) * np.arange(7.0))
        np.testing.assert_array_equal(out["b"], x)

    def test_random_numbers(self, wrap):
        rng = sl.random.RandomState(0)
        out = wrap(lambda: map_(lambda x: x + rng.rand(), jnp.zeros(7), batch_size=3))()
        assert len(np.unique(out)) == 7

    def test_states(self, wrap):
        total = sl.State(jnp.float32(0.0), "total")

        def f(x):
            total.value = total.value + x
            return total.value

        np.testing.assert_array_equal(wrap(lambda x: map_(f, x))(jnp.ones(3)), [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"map: f writes total, so its calls must follow each other\. Leave out"):
            wrap(lambda x: map_(f, x, batch_size=2))(jnp.ones(3))
        assert total.value == 3.0

    @pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
    def test_batch_size(self, wrap, batch_size):
        with pytest.raises(ValueError, match="map: batch_size must be a whole number of at least 1; given"):
            wrap(lambda x: map_(lambda x: x, x, batch_size=batch_size))(jnp.ones(3))


def test_at_once_as_many_as_a_batch():
    text = str(sl.transform.make_jaxpr(lambda x: map_(jnp.sin, x, batch_size=4))(jnp.ones(12))[0])
    assert "f32[4] = sin" in text
    text = str(sl.transform.make_jaxpr(lambda x: for_loop(jnp.sin, x))(jnp.ones(12))[0])
    assert "f32[4]" not in text
    assert jax.tree.leaves(map_(lambda x: None, jnp.ones(3), batch_size=2)) == []
