"""What the programs of `jit` keep, give away and cost."""

import gc
import threading
import weakref

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import environ
from spikeloop.transform import _executables, for_loop, jit
from spikeloop.transform._donate import DONATE_BYTES

LARGE = DONATE_BYTES // 4


def _add_one(state):
    def f():
        state.value = jax.tree.map(lambda x: x + 1, state.value)

    return f


class TestSecondCall:
    @pytest.mark.parametrize(
        "value",
        [
            0.0,
            1,
            True,
            np.float64(1.0),
            np.zeros(3),
            np.zeros(3, np.int64),
            jnp.float32(1.0),
            jnp.full(3, 1.0),
            1.0 * u.mV,
            {"a": 1.0, "b": (2, jnp.zeros(2))},
        ],
        ids=str,
    )
    def test_compiles_nothing_whatever_the_first_value_was(self, value, compiles):
        state = sl.State(value)
        keep = jit(lambda: setattr(state, "value", jax.tree.map(lambda x: x, state.value)))
        keep()
        first = keep.cache.num_traces
        compiles()
        keep()
        assert (first, keep.cache.num_traces, compiles()) == (1, 1, 0)
        expected = jax.tree.map(np.asarray, value)
        for a, b in zip(jax.tree.leaves(state.value), jax.tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize(
        "value", [0.0, jnp.full(3, 0.0), jnp.zeros(3) * 1.0, np.zeros(3)], ids=["0.0", "full", "x1", "np"]
    )
    def test_compiles_nothing_after_another_assignment_of_the_initial_value(self, value, compiles):
        state = sl.State(value)
        step = jit(_add_one(state))
        step()
        compiles()
        for _ in range(3):
            state.value = value + 0.0 if isinstance(value, jax.Array) else value
            compiles()
            step()
            assert (step.cache.num_traces, compiles()) == (1, 0)
            np.testing.assert_array_equal(state.value, np.ones(np.shape(value)))

    def test_compiles_nothing_after_init_all_states(self, compiles):
        class Net(sl.nn.Module):
            def init_state(self, batch_size=None):
                self.a = sl.HiddenState(jnp.full(3, -65.0) * u.mV)  # weakly typed
                self.b = sl.State(0)

            def update(self):
                self.a.value = self.a.value + 1 * u.mV
                self.b.value = self.b.value + 1

        net = sl.nn.init_all_states(Net())
        step = jit(net.update)
        step()
        sl.nn.init_all_states(net)
        compiles()
        step()
        assert (step.cache.num_traces, compiles()) == (1, 0)
        assert net.b.value == 1

    def test_of_another_time_compiles_nothing(self, compiles):
        f = jit(lambda: environ.get("t") * 2)
        for i, t in enumerate((0.0, 1.5, jnp.float32(2.0), np.float32(3.0), jnp.float32(4.0), 5.0)):
            with environ.context(t=t):
                assert float(f()) == 2 * float(t)
            count = compiles()
            assert i < 3 or count == 0  # once for numbers and once for arrays
        assert f.cache.num_traces == 1


class TestDonation:
    def test_a_large_state_that_is_replaced_gives_its_buffer(self):
        state = sl.State(jnp.zeros(LARGE))
        step = jit(_add_one(state))
        step()
        for _ in range(3):
            old = weakref.ref(state.value)
            pointer = state.value.unsafe_buffer_pointer()
            step()
            assert old() is None or old().is_deleted()
            assert state.value.unsafe_buffer_pointer() == pointer
        np.testing.assert_array_equal(state.value, np.full(LARGE, 4.0))

    @pytest.mark.parametrize("size", [4, LARGE])
    @pytest.mark.parametrize(
        "wrap", [lambda x: x, lambda x: {"a": x}, lambda x: x * u.mV], ids=["array", "dict", "unit"]
    )
    def test_an_old_value_that_somebody_holds_stays_valid(self, size, wrap):
        state = sl.State(wrap(jnp.zeros(size)))
        step = jit(_add_one(state)) if not isinstance(state.value, u.Quantity) else jit(
            lambda: setattr(state, "value", state.value + 1 * u.mV))  # fmt: skip
        held = [state.value]
        for i in range(3):
            step()
            held.append(state.value)
            leaf = jax.tree.leaves(held[i])[0]
            np.testing.assert_array_equal(leaf, np.full(size, float(i)))
        for i, value in enumerate(held):
            np.testing.assert_array_equal(jax.tree.leaves(value)[0], np.full(size, float(i)))

    def test_a_leaf_that_somebody_holds_stays_valid(self):
        array = jnp.zeros(LARGE)
        state = sl.State({"a": array, "b": jnp.zeros(LARGE)})
        jit(_add_one(state))()
        np.testing.assert_array_equal(array, np.zeros(LARGE))

    def test_two_states_of_one_array(self):
        array = jnp.zeros(LARGE)
        a, b = sl.State(array), sl.State(array)
        del array

        @jit
        def f():
            a.value = a.value + 1
            b.value = b.value + 2

        f()
        f()
        assert (a.value[0], b.value[0]) == (2.0, 4.0)

    def test_one_state_of_one_array_twice(self):
        array = jnp.zeros(LARGE)
        state = sl.State((array, array))
        del array
        step = jit(_add_one(state))
        step()
        step()
        assert (state.value[0][0], state.value[1][0]) == (2.0, 2.0)

    def test_an_argument_that_a_state_holds_stays_valid(self):
        x = jnp.zeros(LARGE)
        state = sl.State(jnp.ones(LARGE))

        @jit
        def f(x):
            state.value = state.value + x

        f(x)
        f(state.value)
        f(state.value)
        assert (x[0], state.value[0]) == (0.0, 4.0)

    def test_a_state_that_is_only_read_is_neither_given_nor_copied(self):
        state = sl.State(jnp.ones(LARGE))
        f = jit(lambda: state.value.sum())
        pointer = state.value.unsafe_buffer_pointer()
        f()
        f()
        assert state.value.unsafe_buffer_pointer() == pointer

    def test_a_loop_outside_jit_gives_too(self):
        state = sl.State(jnp.zeros(LARGE))
        for _ in range(3):
            for_loop(_add_one(state), length=2)
        old = weakref.ref(state.value)
        for_loop(_add_one(state), length=2)
        assert old() is None or old().is_deleted()
        assert state.value[0] == 8.0

    def test_a_failing_trace_gives_nothing(self):
        state = sl.State(jnp.zeros(LARGE))
        step = jit(_add_one(state))
        step()
        state.reinit(jnp.zeros((LARGE, 1)))

        def fail(x):
            state.value = state.value + x

        with pytest.raises(TypeError):
            jit(fail)("text")
        step()
        assert state.value[0] == 1.0

    def test_memory_of_a_call_needs_no_second_copy(self):
        state = sl.State(jnp.zeros(LARGE))
        memory = jit(_add_one(state)).compile().memory_analysis()
        assert memory.alias_size_in_bytes >= DONATE_BYTES


def test_a_program_that_fails_at_run_time_leaves_small_states_as_they_were():
    state = sl.State(jnp.zeros(2))

    def refuse(x):
        raise ZeroDivisionError

    @jit
    def f():
        state.value = jax.pure_callback(refuse, jax.ShapeDtypeStruct((2,), jnp.float32), state.value)

    def call():
        f()
        jax.block_until_ready(state.value)

    with pytest.raises(Exception, match="ZeroDivisionError"):
        call()


class TestLeaks:
    def test_making_and_running_a_model_200_times(self, live):
        class Net(sl.nn.Module):
            def __init__(self):
                super().__init__()
                self.w = sl.ParamState(jnp.ones((10, 10)))
                self.fixed = jnp.ones(10)

            def init_state(self):
                self.v = sl.State(jnp.zeros(10))

            def update(self, x):
                self.v.value = self.v.value @ self.w.value + self.fixed * x
                return self.v.value.sum()

        def run():
            net = sl.nn.init_all_states(Net())
            for_loop(lambda x: net.update(x), jnp.ones(3))

        def many(n):
            for _ in range(n):
                run()
            return (*live(), len(_executables.store), len(gc.get_objects()))

        with jax.disable_jit(False):
            many(5)
            before, after = many(5), many(190)
        assert after[:3] == before[:3]
        assert after[3] - before[3] < 2000

    def test_a_jitted_function_that_is_dropped(self, live):
        def run():
            state = sl.State(jnp.zeros(1000))
            array = jnp.ones(1000)
            step = jit(lambda x: state.value + array + x)
            step(1.0)

        run()
        before = live()
        for _ in range(10):
            run()
        assert live() == before

    def test_other_shapes_of_a_state_keep_no_old_values(self, live):
        state = sl.State(jnp.zeros(1))
        step = jit(_add_one(state))
        step()
        before = live()[0]
        for n in range(2, 12):
            state.reinit(jnp.zeros(n))
            step()
        assert live()[0] == before
        assert step.cache.num_traces == 11

    def test_the_number_of_programs_is_bounded(self):
        f = jit(lambda x: x)
        f.cache.limit = 3
        for n in range(6):
            f(jnp.zeros(n))
        assert sum(map(len, f.cache.programs.values())) == 3
        g = jit(lambda n: n, static_argnums=0)
        g.cache.limit = 3
        for n in range(6):
            g(n)
        assert len(g.cache.programs) == 3


def test_a_program_whose_state_is_gone_is_not_used():
    box = [sl.State(jnp.float32(1.0))]
    f = jit(lambda: box[0].value)
    assert f() == 1.0
    box[0] = sl.State(jnp.float32(2.0))
    gc.collect()
    assert f() == 2.0


def test_two_threads_may_call_one_function():
    f = jit(lambda x: for_loop(lambda y: x * y, jnp.arange(3.0)).sum())
    outs = {}
    threads = [threading.Thread(target=lambda i=i: outs.update({i: f(jnp.ones(i + 1)).sum()})) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {i: float(v) for i, v in outs.items()} == {i: 3.0 * (i + 1) for i in range(6)}
