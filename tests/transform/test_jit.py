import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import jit


@pytest.fixture
def counter():
    return sl.State(jnp.float32(0.0), "counter")


def test_reads_and_writes_states_like_the_function_itself(counter):
    @jit
    def f(x):
        counter.value = counter.value + x
        return counter.value * 2

    assert [float(f(x)) for x in (1.0, 2.0)] == [2.0, 6.0]
    assert counter.value == 3.0
    counter.value = jnp.float32(10.0)
    assert f(1.0) == 22.0
    assert f.cache.num_traces == 1


@pytest.mark.parametrize("decorate", [jit, jit(), jit(keep_unused=True), lambda f: jit(f, name="other")])
def test_decorator_forms(decorate):
    @decorate
    def f(x):
        "Doc."
        return x + 1

    assert f(1.0) == 2.0
    assert f.__doc__ == "Doc."
    assert f.__name__ in ("f", "other")
    assert f.origin_fun(1.0) == 2.0


@pytest.mark.parametrize(
    "options",
    [{"static_argnums": 1}, {"static_argnums": (1,)}, {"static_argnames": "n"}, {"static_argnames": ("n",)}],
)
def test_static_arguments_by_position_and_by_name(options):
    seen = []

    @jit(**options)
    def f(x, n):
        seen.append(n)
        return x * sum(range(n))

    assert f(2.0, 4) == 12.0
    assert f(2.0, n=4) == 12.0
    assert f(2.0, 3) == 6.0
    assert f(3.0, 4) == 18.0
    assert all(type(n) is int for n in seen)


def test_static_arguments_of_equal_value_but_other_type_are_told_apart():
    f = jit(lambda x, n: x * (10 if n is True else n), static_argnums=1)
    assert [float(f(1.0, n)) for n in (1, True, 1.0)] == [1.0, 10.0, 1.0]


def test_static_arguments_must_be_hashable():
    f = jit(lambda x, n: x, static_argnums=1)
    with pytest.raises(TypeError, match="static argument number 1 of <lambda> must be hashable"):
        f(1.0, [1])


@pytest.mark.parametrize("kind", ["static", "donate"])
def test_negative_argnums_are_refused(kind):
    with pytest.raises(ValueError, match=f"{kind}_argnums must not be negative; given \\(-1,\\)"):
        jit(lambda x: x, **{f"{kind}_argnums": -1})


@pytest.mark.parametrize("options", [{"donate_argnums": 0}, {"donate_argnames": "x"}])
@pytest.mark.parametrize("by_name", [False, True])
def test_donated_arguments_lose_their_buffer(options, by_name):
    f = jit(lambda x, y: x + y, **options)
    x, y = jnp.ones(1000), jnp.ones(1000)
    out = f(x=x, y=y) if by_name else f(x, y)
    np.testing.assert_array_equal(out, 2 * np.ones(1000))
    assert x.is_deleted()
    assert not y.is_deleted()


def test_static_and_donated_together():
    f = jit(lambda x, n, *, y: (x * n, y * n), static_argnums=1, donate_argnames="y")
    a, b = f(jnp.ones(3), 2, y=jnp.ones(4))
    assert (a.sum(), b.sum()) == (6.0, 8.0)


def test_arguments_and_results_are_pytrees_with_units():
    f = jit(lambda a, *, b: {"sum": a["x"] + b, "none": None, "pair": (a["x"], b)})
    out = f({"x": jnp.ones(2) * u.mV}, b=2.0 * u.mV)
    np.testing.assert_allclose(out["sum"].to_decimal(u.mV), [3.0, 3.0])
    assert out["none"] is None
    assert out["pair"][0].unit == u.mV


def test_another_shape_dtype_or_unit_traces_again_and_is_right():
    f = jit(lambda x: x + x)
    for x in (jnp.ones(2), jnp.ones(3), jnp.ones(2, int), jnp.ones(2) * u.mV, jnp.ones(2) * u.ms, jnp.ones(2)):
        out = f(x)
        assert jax.tree.structure(out) == jax.tree.structure(x)
        np.testing.assert_array_equal(jax.tree.leaves(out)[0], 2 * jax.tree.leaves(x)[0])
    assert f.cache.num_traces == 5


def test_alternating_signatures_do_not_trace_again(compiles):
    f = jit(lambda x: x + x)
    xs = [jnp.ones(n) for n in (2, 3, 4)]
    for x in xs:
        f(x)
    compiles()
    for x in xs * 3:
        assert f(x).shape == x.shape
    assert (f.cache.num_traces, compiles()) == (3, 0)


def test_another_shape_or_unit_of_a_state_traces_again():
    state = sl.State(jnp.ones(2))
    f = jit(lambda: state.value + state.value)
    f()
    for value in (jnp.ones(3), jnp.ones(2) * u.mV, jnp.ones(2, int)):
        state.reinit(value)
        out = f()
        assert jax.tree.structure(out) == jax.tree.structure(value)
        np.testing.assert_array_equal(jax.tree.leaves(out)[0], 2 * np.ones(jax.tree.leaves(value)[0].shape))


def test_a_state_may_change_its_shape_in_a_jitted_function():
    state = sl.State(jnp.ones(2))

    @jit
    def grow():
        state.reinit(jnp.concatenate([state.value, state.value]))

    for n in (4, 8, 16):
        grow()
        assert state.value.shape == (n,)


def test_clear_cache():
    f = jit(lambda x: x)
    f(1.0)
    f.clear_cache()
    f(1.0)
    assert f.cache.num_traces == 2


def test_eval_shape_lower_and_compile_run_nothing(counter):
    @jit(static_argnums=1, donate_argnums=0)
    def f(x, n):
        counter.value = counter.value + 1
        return jnp.concatenate([x] * n), x + 1

    x = jnp.ones(2)
    assert [out.shape for out in f.eval_shape(x, 3)] == [(6,), (2,)]
    assert "module" in f.lower(x, 3).as_text()
    assert f.compile(x, 3).memory_analysis().output_size_in_bytes >= 32
    assert not x.is_deleted()
    assert counter.value == 0.0
    assert f.cache.num_traces == 1
    assert f(x, 3)[0].shape == (6,)
    assert x.is_deleted()
    assert f.cache.num_traces == 1


def test_results_and_arguments_may_not_be_states(counter):
    with pytest.raises(ValueError, match="counter is a State and cannot be the result of <lambda>"):
        jit(lambda: counter)()
    with pytest.raises(ValueError, match="counter is a State and cannot be an argument of <lambda>"):
        jit(lambda x: x)(counter)


def test_disable_jit_calls_the_function(counter):
    seen = []

    @jit
    def f(x):
        seen.append(isinstance(x, jax.core.Tracer))
        counter.value = counter.value + x
        return x

    with jax.disable_jit():
        f(jnp.float32(1.0))
    f(jnp.float32(1.0))
    with jax.disable_jit():
        f(jnp.float32(1.0))
    assert seen == [False, True, False]
    assert counter.value == 3.0


def test_method_of_a_module():
    class Net(sl.nn.Module):
        def __init__(self, gain):
            super().__init__()
            self.gain = gain
            self.total = sl.State(jnp.float32(0.0))

        @jit
        def update(self, x):
            self.total.value = self.total.value + self.gain * x
            return self.total.value

        @jit(static_argnums=(0, 1))
        def repeat(self, n, x):
            return self.gain * x * sum(range(n))

    a, b = Net(1.0), Net(10.0)
    assert [float(n.update(2.0)) for n in (a, b, a, b)] == [2.0, 20.0, 4.0, 40.0]
    assert a(2.0) == 6.0
    assert (a.repeat(4, 1.0), b.repeat(4, x=1.0)) == (6.0, 60.0)
    assert a.update is a.update
    assert a.update.cache.num_traces == 1
    assert list(a.states()) == [("total",)]


def test_method_of_a_copied_object_belongs_to_the_copy():
    import copy

    class Gain:
        def __init__(self, gain):
            self.gain = gain

        @jit
        def __call__(self, x):
            return self.gain * x

        @jit
        def apply(self, x):
            return self.gain * x

    a = Gain(2.0)
    a.apply(1.0)
    b = copy.copy(a)
    b.gain = 5.0
    assert (a.apply(1.0), b.apply(1.0), b(1.0)) == (2.0, 5.0, 5.0)


def test_states_made_inside_keep_working():
    class Net(sl.nn.Module):
        def init_state(self, batch_size=None):
            self.v = sl.State(jnp.ones((batch_size or 1, 2)))

        def update(self):
            self.v.value = self.v.value + 1

    net = Net()
    init = jit(lambda: sl.nn.init_all_states(net) and None)
    init()
    np.testing.assert_array_equal(net.v.value, np.ones((1, 2)))
    net.update()
    init()
    np.testing.assert_array_equal(net.v.value, np.ones((1, 2)))


def test_shardings():
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    f = jit(lambda x, y: x + y, in_shardings=sharding, out_shardings=sharding)
    assert f(jnp.ones(2), jnp.ones(2)).sharding == sharding


def test_captured_arrays_are_arguments_of_the_program():
    big, numpy_big = jnp.arange(100_000.0), np.arange(100_000.0, dtype=np.float32)
    f = jit(lambda x: (x + big + numpy_big).sum())
    assert len(f.lower(1.0).as_text()) < 20_000
    expected = f(0.0)
    numpy_big[:] = 0  # like jax.jit, the program keeps what it was traced with
    assert f(0.0) == expected


def test_repr():
    assert repr(jit(test_repr)) == "<jit of test_repr>"
