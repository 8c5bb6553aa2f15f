"""Transformations outside `jit` are compiled once, found again, and never out of date."""

import gc
import types
import weakref

import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from spikeloop.transform import _eager, cond, for_loop, grad, vmap

GAIN = 1.0
HELPER = types.ModuleType("helper")
HELPER.gain = 1.0


XS = jnp.arange(3.0)


def test_a_lambda_made_anew_is_found_again(traces, compiles):
    v = sl.State(jnp.float32(0.0))

    def run(gain):
        return for_loop(lambda x: (traces(), x * gain + v.value)[1], XS)

    run(2.0)
    compiles()
    for _ in range(3):
        np.testing.assert_array_equal(run(2.0), [0.0, 2.0, 4.0])
    assert (traces.count, compiles()) == (1, 0)
    np.testing.assert_array_equal(run(3.0), [0.0, 3.0, 6.0])
    assert traces.count == 2


def test_a_lambda_over_a_model_is_found_again_and_sees_its_states(traces, compiles):
    class Net(sl.nn.Module):
        def init_state(self):
            self.v = sl.State(jnp.zeros(2))

        def update(self, x):
            traces()
            self.v.value = self.v.value + x
            return self.v.value.sum()

    net = sl.nn.init_all_states(Net())
    for _ in range(3):
        np.testing.assert_array_equal(for_loop(lambda x: net.update(x), XS), [0.0, 2.0, 6.0])
        sl.nn.init_all_states(net)
        compiled = compiles()
    assert (traces.count, compiled) == (1, 0)


def test_two_models_do_not_share_a_program():
    class Net(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.v = sl.State(jnp.zeros(2))

        def update(self, x):
            self.v.value = self.v.value + x

    a, b = Net(), Net()
    for_loop(lambda x: a.update(x), XS)
    for_loop(lambda x: b.update(2 * x), XS)
    for_loop(lambda x: b.update(x), XS)
    np.testing.assert_array_equal(a.v.value, [3.0, 3.0])
    np.testing.assert_array_equal(b.v.value, [9.0, 9.0])


def test_other_transformations_are_kept_too(traces, compiles):
    w = sl.ParamState(jnp.float32(2.0))

    def loss():
        traces()
        return w.value**2

    for _ in range(3):
        assert grad(loss, w)() == 4.0
        assert grad(lambda: loss(), w)() == 4.0
        np.testing.assert_array_equal(vmap(lambda x: (traces(), x * w.value)[1])(XS), 2 * XS)
        assert cond(True, lambda: (traces(), 1.0)[1], lambda: 2.0) == 1.0
    assert traces.count == 4


def test_programs_of_a_dead_model_are_forgotten():
    def run():
        net = sl.nn.Module()
        net.v = sl.State(jnp.zeros(1000))
        net.w = jnp.ones(1000)

        def step(x):
            net.v.value = net.v.value + x * net.w

        for_loop(step, XS)
        return weakref.ref(net.w), weakref.ref(net.v)

    sl.transform.clear_caches()
    refs = run()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]
    assert _eager.num_kept() == 0


def test_a_captured_array_alone_is_not_kept_alive():
    def run():
        w = jnp.ones(1000)
        for_loop(lambda x: (x * w).sum(), XS)
        return weakref.ref(w)

    sl.transform.clear_caches()
    ref = run()
    gc.collect()
    assert ref() is None
    assert _eager.num_kept() == 0


def test_the_number_of_kept_functions_is_bounded(monkeypatch):
    monkeypatch.setattr(_eager, "_LIMIT", 4)

    def run(gain):
        for_loop(lambda x: x * gain, jnp.ones(1))

    for gain in range(8):
        run(gain)
    assert _eager.num_kept() == 4


def test_clear_caches(traces):
    for _ in range(2):
        for_loop(lambda x: (traces(), x)[1], XS)
        sl.transform.clear_caches()
    assert traces.count == 2
