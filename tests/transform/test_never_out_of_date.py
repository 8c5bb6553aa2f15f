"""A loop outside `jit` sees everything as it is at the moment of the call, and compiles only what is new."""

import functools
import gc
import random
import types
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import for_loop, grad, jit, vmap

GAIN = 1.0
HELPER = types.ModuleType("helper")
HELPER.gain = 1.0


XS = jnp.arange(3.0)
pytestmark = pytest.mark.filterwarnings("ignore:.*was compiled 3 times:RuntimeWarning")  # meant here


@dataclass
class Settings:
    gain: float


@dataclass(frozen=True)
class Frozen:
    gain: float


class Slots:
    __slots__ = ("gain",)


class WithClassAttribute:
    gain = 1.0


class Callable_:
    def __init__(self):
        self.gain = 1.0

    def __call__(self, x):
        return x * self.gain


class Items(list):
    pass


def _plain():
    net = sl.nn.Module()
    net.gain = 1.0
    return net, lambda g: setattr(net, "gain", g), lambda x: x * net.gain


def _nested_module():
    net = sl.nn.Module()
    net.layers = [sl.nn.Module()]
    net.layers[0].gain = 1.0
    return net, lambda g: setattr(net.layers[0], "gain", g), lambda x: x * net.layers[0].gain


def _jax_attribute():
    net = sl.nn.Module()
    net.gain = jnp.float32(1.0)
    return net, lambda g: setattr(net, "gain", jnp.float32(g)), lambda x: x * net.gain


def _numpy_in_place():
    gain = np.ones(1)
    return gain, lambda g: gain.__setitem__(0, g), lambda x: x * gain[0]


def _numpy_as_array():
    gain = np.ones((), np.float32)
    return gain, lambda g: gain.__setitem__((), g), lambda x: x * gain


def _list():
    gain = [1.0]
    return gain, lambda g: gain.__setitem__(0, g), lambda x: x * gain[0]


def _dict():
    gain = {"a": {"b": 1.0}}
    return gain, lambda g: gain["a"].__setitem__("b", g), lambda x: x * gain["a"]["b"]


def _list_subclass():
    gain = Items([1.0])
    return gain, lambda g: gain.__setitem__(0, g), lambda x: x * gain[0]


def _dataclass():
    s = Settings(1.0)
    return s, lambda g: setattr(s, "gain", g), lambda x: x * s.gain


def _frozen_dataclass():
    box = [Frozen(1.0)]
    return box, lambda g: box.__setitem__(0, Frozen(g)), lambda x: x * box[0].gain


def _namespace():
    s = types.SimpleNamespace(gain=1.0)
    return s, lambda g: setattr(s, "gain", g), lambda x: x * s.gain


def _slots():
    s = Slots()
    s.gain = 1.0
    return s, lambda g: setattr(s, "gain", g), lambda x: x * s.gain


def _class_attribute():
    s = WithClassAttribute()

    def change(g):
        WithClassAttribute.gain = g

    return s, change, lambda x: x * s.gain


def _class_attribute_by_class():
    return None, lambda g: setattr(WithClassAttribute, "gain", g), lambda x: x * WithClassAttribute.gain


def _callable_object():
    f = Callable_()
    return f, lambda g: setattr(f, "gain", g), f


def _global():
    return None, lambda g: globals().__setitem__("GAIN", g), lambda x: x * GAIN


def _global_seen_by_a_method():
    class Net:
        def scale(self, x):
            return x * GAIN

    net = Net()
    return net, lambda g: globals().__setitem__("GAIN", g), lambda x: net.scale(x)


def _replaced_method():
    class Net:
        def scale(self, x):
            return x

    net = Net()
    return net, lambda g: setattr(Net, "scale", lambda self, x: x * g), lambda x: net.scale(x)


def _base_class():
    class Base:
        gain = 1.0

    class Net(Base):
        pass

    net = Net()
    return net, lambda g: setattr(Base, "gain", g), lambda x: x * net.gain


def _property():
    class Net:
        _gain = 1.0

        @property
        def gain(self):
            return self._gain * GAIN

    net = Net()
    return net, lambda g: globals().__setitem__("GAIN", g), lambda x: x * net.gain


def _global_of_a_helper():
    return None, lambda g: globals().__setitem__("GAIN", g), lambda x: _helper(x)


def _helper(x):
    return _inner_helper(x)


def _inner_helper(x):
    return x * GAIN


def _module_attribute():
    return None, lambda g: setattr(HELPER, "gain", g), lambda x: x * HELPER.gain


def _closure_rebound():
    gain = 1.0

    def change(g):
        nonlocal gain
        gain = g

    return None, change, lambda x: x * gain


def _closure_of_a_captured_function():
    gain = [1.0]

    def scale(x):
        return x * gain[0]

    return scale, lambda g: gain.__setitem__(0, g), lambda x: scale(x)


def _partial():
    box = {"gain": 1.0}
    f = functools.partial(lambda x, box: x * box["gain"], box=box)
    return f, lambda g: box.__setitem__("gain", g), f


def _default():
    def f(x, gain=1.0):
        return x * gain

    return f, lambda g: setattr(f, "__defaults__", (g,)), f


def _function_attribute():
    def f(x):
        return x * f.gain

    f.gain = 1.0
    return f, lambda g: setattr(f, "gain", g), f


def _captured_jit():
    s = types.SimpleNamespace(gain=1.0)
    f = jit(lambda x: x * s.gain)
    return f, lambda g: setattr(s, "gain", g), lambda x: f(x)


def _captured_grad():
    s = types.SimpleNamespace(gain=1.0)
    f = grad(lambda x: x * x * s.gain / 2)
    return f, lambda g: setattr(s, "gain", g), lambda x: f(x)


def _captured_vmap():
    s = types.SimpleNamespace(gain=1.0)
    f = vmap(lambda x: x * s.gain)
    return f, lambda g: setattr(s, "gain", g), lambda x: f(x[None])[0]


def _captured_jax_jit():
    s = types.SimpleNamespace(gain=1.0)
    return s, lambda g: setattr(s, "gain", g), lambda x: jax.vmap(lambda x: x * s.gain)(x[None])[0]


def _environ():
    return None, lambda g: sl.environ.set(gain=g), lambda x: x * sl.environ.get("gain", 1.0)


CASES = [value for name, value in list(globals().items()) if isinstance(value, types.FunctionType)
         and name.startswith("_") and value.__code__.co_argcount == 0]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__[1:])
def test_what_a_function_sees_is_never_out_of_date(case):
    _keep, change, f = case()
    try:
        change(1.0)
        np.testing.assert_allclose(for_loop(f, XS), XS)
        change(2.0)
        np.testing.assert_allclose(for_loop(f, XS), 2 * XS)
        change(1.0)
        np.testing.assert_allclose(for_loop(f, XS), XS)
        change(-0.0)
        assert np.signbit(for_loop(f, XS)).tolist() == [True] * 3
        change(0.0)
        assert np.signbit(for_loop(f, XS)).tolist() == [False] * 3
    finally:
        change(1.0)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.__name__[1:])
def test_what_has_not_changed_is_not_compiled_again(case, compiles):
    _keep, _change, f = case()
    for_loop(lambda x: f(x), XS)
    compiles()
    for _ in range(2):
        for_loop(lambda x: f(x), XS)
    assert compiles() == 0


def test_python_numbers_of_equal_value_but_other_type_are_told_apart():
    def dtype(n):
        return for_loop(lambda: jnp.asarray(n), length=1).dtype

    assert [dtype(n) for n in (1, 1.0, True)] == [jnp.int32, jnp.float32, jnp.bool_]


def test_nan_is_found_again(compiles):
    def run(gain):
        for_loop(lambda x: x * gain, XS)

    run(float("nan"))
    compiles()
    run(float("NaN"))
    assert compiles() == 0


@pytest.mark.parametrize("make", [lambda: np.random.default_rng(0), lambda: random.Random(0)], ids=["numpy", "python"])
def test_a_captured_generator_is_asked_again(make):
    rng = make()
    draw = rng.random
    a, b = (for_loop(lambda x: x + rng.random(), XS)[0] for _ in range(2))
    assert a != b
    a, b = (for_loop(lambda x: x + draw(), XS)[0] for _ in range(2))
    assert a != b


def test_a_captured_iterator_is_asked_again():
    numbers = iter([1.0, 2.0])
    assert [float(for_loop(lambda x: x + next(numbers), XS)[0]) for _ in range(2)] == [1.0, 2.0]


def test_a_class_made_anew_is_not_mistaken_for_an_old_one():
    for gain in range(4):

        class Net:
            scale = gain

        assert for_loop(lambda x: x * Net.scale, jnp.ones(2))[0] == gain
        gc.collect()
