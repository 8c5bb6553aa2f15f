"""A State keeps its form: `.value = x` of another structure, dimension, shape or kind of number is refused at once."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.errors import StateChangedError
from spikeloop.transform import for_loop, jit, vmap

V = jnp.arange(4.0) * u.mV
WRAPS = ["none", "jit", "loop"]


@pytest.fixture
def neuron():
    neuron = sl.nn.init_all_states(sl.LIF(4))
    neuron.V.value = V
    return neuron


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (jnp.zeros(5) * u.mV, r"LIF\.V\.reinit\(value\)"),
        (jnp.zeros((2, 4)) * u.mV, r"init_all_states\(model, batch_size=n\)"),
        (-65.0 * u.mV, r"LIF\.V\.value = u\.math\.full\(\(4,\), number\)"),
        (jnp.zeros(4) * u.ms, "Give a value in mV"),
        (jnp.zeros(4), "Give a value in mV"),
        (jnp.zeros(4, complex) * u.mV, r"astype\('float32'\)"),
        ([jnp.zeros(4) * u.mV], "the same structure"),
    ],
    ids=["shape", "batch", "one number", "dimension", "no unit", "kind", "structure"],
)
@pytest.mark.parametrize("where", ["outside", "jit", "loop", "vmap"])
def test_another_form_is_refused_by_path_and_the_old_value_stays(neuron, given, advice, where):
    if isinstance(given, list):
        neuron.V = sl.State(V)  # a HiddenState refuses lists as such

    def assign(*_):
        neuron.V.value = given

    way = {
        "outside": assign,
        "jit": jit(assign),
        "loop": lambda: for_loop(assign, length=2),
        "vmap": lambda: vmap(assign)(jnp.zeros(3)),
    }[where]
    with pytest.raises(StateChangedError, match=rf"State LIF\.V holds .*float32\[4\].*; given .*{advice}"):
        way()
    np.testing.assert_array_equal(neuron.V.value.to_decimal(u.mV), np.arange(4.0))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (u.Quantity(jnp.full(4, 0.002), unit=u.volt), [2.0] * 4),
        (np.arange(4) * u.mV, [0.0, 1.0, 2.0, 3.0]),
        (u.Quantity(jnp.ones(4, jnp.float16), unit=u.mV), [1.0] * 4),
        (u.Quantity(np.ones(4, np.float64), unit=u.mV), [1.0] * 4),
    ],
    ids=["unit of the same dimension", "whole numbers", "narrow floats", "NumPy"],
)
@pytest.mark.parametrize("wrap", [lambda f: f, jit, lambda f: lambda: for_loop(f, length=2)], ids=WRAPS)
def test_a_value_takes_the_unit_and_the_dtype_of_the_state(neuron, given, expected, wrap):
    def assign():
        neuron.V.value = given

    wrap(assign)()
    assert (neuron.V.value.unit, neuron.V.value.dtype) == (u.mV, jnp.float32)
    np.testing.assert_allclose(neuron.V.value.mantissa, expected, rtol=1e-6)


def test_a_plain_number_takes_the_dtype():
    state = sl.State(jnp.float16(0.0))
    state.value = 3
    assert state.value.dtype == jnp.float16


@pytest.mark.parametrize(
    ("start", "given"),
    [(0, 0.5), (False, 1), (jnp.uint32(1), -1), (jnp.int8(1), 300), (jnp.int8(1), jnp.int32(3))],
)
def test_numbers_that_could_be_lost_are_refused(start, given):
    state = sl.State(start)
    with pytest.raises(StateChangedError, match=r"State \(unnamed\) holds .*`state.reinit"):
        state.value = given
    assert state.value == start


def test_a_counter_and_free_containers():
    counter = sl.State(0)
    counter.value = counter.value + 1
    assert counter.value == 1
    for empty in (None, {}, "idle"):
        box = sl.State(empty)
        box.value = {"a": jnp.ones(2)}
        assert box.value["a"].shape == (2,)


def test_reinit_takes_every_form_also_in_a_program():
    state = sl.State(jnp.ones(2), "w")
    grow = jit(lambda: state.reinit(jnp.concatenate([state.value, state.value])))
    grow()
    assert state.value.shape == (4,)
    state.reinit(1.0 * u.mV)
    assert state.value == 1.0 * u.mV
    with pytest.raises(StateChangedError, match="State w changes inside the loop over"):
        for_loop(lambda: state.reinit(jnp.ones(2)), length=2)


def test_a_compiled_function_that_only_writes_knows_the_present_form():
    state = sl.State(jnp.zeros(3), "w")

    @jit
    def write():
        state.value = jnp.ones(3)

    write()
    state.reinit(jnp.zeros(2))
    with pytest.raises(StateChangedError, match=r"State w holds float32\[2\]; given float32\[3\]"):
        write()
    np.testing.assert_array_equal(state.value, np.zeros(2))
    state.reinit(jnp.zeros(3))
    write()
    np.testing.assert_array_equal(state.value, np.ones(3))


def test_init_and_reset_decide_the_batch(neuron):
    V = neuron.V
    for size in (3, None, 2):
        sl.nn.init_all_states(neuron, batch_size=size)
        assert neuron.V is V
        assert V.varshape == ((4,) if size is None else (size, 4))

    class Own(sl.nn.Module):
        def init_state(self, batch_size=None):
            self.x = sl.ShortTermState(jnp.zeros(() if batch_size is None else (batch_size,)))

        def reset_state(self, batch_size=None):
            self.x.value = jnp.ones(() if batch_size is None else (batch_size,))

    own = sl.nn.init_all_states(Own())
    sl.nn.reset_all_states(own, batch_size=5)
    np.testing.assert_array_equal(own.x.value, np.ones(5))


def test_lanes_may_be_given_to_a_state_again_and_again():
    out = sl.State(jnp.float32(0.0))

    def write(x):
        out.value = 2 * x

    for _ in range(2):
        vmap(write, out_states=out)(jnp.arange(3.0))
        np.testing.assert_array_equal(out.value, [0.0, 2.0, 4.0])


def test_a_state_is_not_overwritten(neuron):
    state = neuron.V
    for value in (jnp.zeros(4) * u.mV, None, 3.0):
        with pytest.raises(TypeError, match=r"LIF\.V is a State.*write `LIF\.V\.value = \.\.\.`"):
            neuron.V = value
    assert neuron.V is state
    neuron.tau = sl.ParamState(3.0 * u.ms)
    with pytest.raises(TypeError, match=r"LIF\.tau\.value = "):
        neuron.tau = 4.0 * u.ms
    del neuron.tau
    neuron.tau = 4.0 * u.ms


def test_who_gave_an_array_cannot_change_the_state(neuron):
    numbers = np.zeros(4, np.float32)
    neuron.V.value = u.Quantity(numbers, unit=u.mV)
    numbers[:] = 7.0
    np.testing.assert_array_equal(neuron.V.value.mantissa, np.zeros(4))


def test_saved_states_are_loaded_and_another_model_is_not(neuron):
    saved = sl.nn.save_states(neuron)
    neuron.V.value = 0 * V
    sl.nn.load_states(neuron, saved)
    np.testing.assert_array_equal(neuron.V.value.mantissa, np.arange(4.0))
    assert neuron.V.replace(0 * V) is neuron.V
