import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import StateChangedError
from spikeloop.transform import for_loop, jit, scan, while_loop


@pytest.fixture
def total():
    return sl.State(jnp.float32(0.0), "total")


def test_states_are_carried_and_results_stacked(total):
    def step(x, y):
        total.value = total.value + x
        return {"sum": total.value, "y": y, "none": None}

    out = for_loop(step, jnp.arange(4.0), jnp.ones((4, 2)))
    np.testing.assert_array_equal(out["sum"], [0.0, 1.0, 3.0, 6.0])
    assert out["y"].shape == (4, 2)
    assert out["none"] is None
    assert total.value == 6.0


@pytest.mark.parametrize("f", [lambda: jnp.float32(1.0), lambda *_: jnp.float32(1.0), lambda x=2.0: jnp.float32(1.0)])
def test_length_calls_a_function_without_arguments(f):
    np.testing.assert_array_equal(for_loop(f, length=3), np.ones(3))


def test_results_may_be_none_or_python_numbers(total):
    assert for_loop(lambda: None, length=3) is None
    np.testing.assert_array_equal(for_loop(lambda: 2, length=3), [2, 2, 2])


def test_xs_are_pytrees_of_arrays_with_units():
    times = jnp.arange(3.0) * u.ms
    out = for_loop(lambda x: x["t"] * 2 + x["d"], {"t": times, "d": np.arange(3.0) * u.ms})
    assert out.unit == u.ms
    np.testing.assert_array_equal(out.to_decimal(u.ms), [0.0, 3.0, 6.0])


def test_xs_may_be_random_keys():
    keys = jax.random.split(jax.random.key(0), 4)
    out = for_loop(jax.random.uniform, keys)
    np.testing.assert_array_equal(out, jax.vmap(jax.random.uniform)(keys))


def test_a_state_may_hold_a_random_key():
    key = sl.State(jax.random.key(0))

    def step():
        key.value, sub = jax.random.split(key.value)
        return jax.random.uniform(sub)

    assert len(set(np.asarray(for_loop(step, length=5)).tolist())) == 5


@pytest.mark.parametrize("length", [0, 5])
def test_reverse_keeps_the_order_of_xs(total, length):
    def step(x):
        total.value = total.value * 2 + x
        return total.value

    out = for_loop(step, jnp.arange(float(length)), reverse=True)
    expected, value = [], 0.0
    for x in reversed(range(length)):
        value = value * 2 + x
        expected.insert(0, value)
    np.testing.assert_array_equal(out, expected)
    assert total.value == value


@pytest.mark.parametrize("unroll", [1, 3, 10, True, False])
def test_unroll_changes_nothing(total, unroll):
    def step(x):
        total.value = total.value + x
        return total.value

    np.testing.assert_array_equal(for_loop(step, jnp.arange(7.0), unroll=unroll), np.cumsum(np.arange(7.0)))


def test_zero_length(total):
    def step(x):
        total.value = total.value + x
        return x * u.mV, jnp.zeros((2, 3))

    a, b = for_loop(step, jnp.zeros(0))
    assert (a.shape, a.unit, b.shape) == ((0,), u.mV, (0, 2, 3))
    assert total.value == 0.0


@pytest.mark.parametrize(
    ("xs", "length", "message"),
    [
        ((jnp.ones(4), jnp.ones(3)), None, r"differ in the length of their first axis: \[4, 3\]"),
        ((jnp.ones(4),), 3, "length=3, but the arrays to loop over have 4 slices"),
        ((), None, "Nothing to loop over: give arrays, or length=n"),
        ((5,), None, r"given the scalar 5. For a fixed number of steps write for_loop\(f, length=n\)"),
        (([1.0, 2.0],), None, "turn a list into an array first"),
        ((jnp.float32(1.0),), None, "given the scalar"),
        ((), -1, "length must be a whole number, at least 0; given -1"),
        ((), 2.5, "length must be a whole number, at least 0; given 2.5"),
    ],
)
def test_what_cannot_be_looped_over(xs, length, message):
    with pytest.raises(ValueError, match=message):
        for_loop(lambda *_: 0, *xs, length=length)


def test_length_may_be_a_numpy_integer():
    assert for_loop(lambda: 0, length=np.int64(3)).shape == (3,)


def test_scan_threads_a_carry(total):
    def step(carry, x):
        total.value = total.value + carry["n"]
        return {"n": carry["n"] + x, "q": carry["q"] + 1 * u.mV}, total.value

    carry, ys = scan(step, {"n": 0.0, "q": 0.0 * u.mV}, jnp.ones(3))
    assert (carry["n"], carry["q"].to_decimal(u.mV)) == (3.0, 3.0)
    np.testing.assert_array_equal(ys, [0.0, 1.0, 3.0])
    assert total.value == 3.0


def test_scan_by_length_in_reverse():
    carry, ys = scan(lambda c, x: (c * 2, (c, x)), jnp.int32(1), length=4, reverse=True)
    assert carry == 16
    np.testing.assert_array_equal(ys[0], [8, 4, 2, 1])
    assert ys[1] is None


def test_a_number_as_carry_takes_the_type_of_the_results_like_in_jax():
    carry, ys = scan(lambda c, x: (c + x, c), 0, jnp.ones(3))
    assert (carry.dtype, ys.dtype) == (jnp.float32, jnp.float32)
    assert carry == 3.0


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (
            lambda c, x: (jnp.concatenate([c, c]), x),
            r"The carry of .* goes in as float32\[2\], comes out as float32\[4\]",
        ),
        (lambda c, x: (c.astype(int), x), r"goes in as float32\[2\], comes out as int32\[2\]"),
        (lambda c, x: ((c, c), x), "carry"),
        (lambda c, x: (c * u.mV, x), "carry"),
        (lambda c, x: c, r"must return \(carry, y\)"),
        (lambda c, x: (c, x, x), r"must return \(carry, y\)"),
        (lambda c, x: {"a": c, "b": x}, r"must return \(carry, y\)"),
    ],
)
def test_scan_carry_errors(f, message):
    with pytest.raises(TypeError, match=message):
        scan(f, jnp.ones(2), jnp.ones(3))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: jnp.concatenate([v, v]),
        lambda v: v.astype(complex),
        lambda v: v * u.mV,
        lambda v: {"a": v},
    ],
    ids=["shape", "dtype", "unit", "structure"],
)
def test_a_state_that_changes_in_a_loop_is_named_with_both_types(change):
    net = sl.nn.Module("net")
    net.v, net.other = sl.State(jnp.ones(2)), sl.State(jnp.zeros(2))

    def step():
        net.other.value = net.other.value + 1
        net.v.value = change(net.v.value)

    with pytest.raises(StateChangedError, match=r"State net\.v holds float32\[2\]; given "):
        for_loop(step, length=3)
    np.testing.assert_array_equal(net.v.value, np.ones(2))
    np.testing.assert_array_equal(net.other.value, np.zeros(2))


def test_a_state_written_but_not_read_keeps_its_last_value(total):
    def step(x):
        total.value = x

    for_loop(step, jnp.arange(4.0))
    assert total.value == 3.0


def test_while_loop_with_states(total):
    limit = sl.State(jnp.float32(10.0))

    def body(n):
        total.value = total.value + n
        return n + 1

    n = while_loop(lambda n: total.value < limit.value, body, jnp.float32(1.0))
    assert (n, total.value) == (5.0, 10.0)


def test_while_loop_may_not_write_in_its_condition(total):
    def cond(_):
        total.value = total.value + 1
        return total.value < 3

    with pytest.raises(ValueError, match="cond_fun of a while loop writes total, but may only read States"):
        while_loop(cond, lambda c: c, 0.0)
    assert total.value == 0.0


def test_while_loop_names_what_changes(total):
    def body(c):
        total.value = jnp.zeros(3)
        return c

    with pytest.raises(StateChangedError, match=r"State total holds float32\[\]; given float32\[3\]"):
        while_loop(lambda c: c < 1, body, 0.0)

    def grow(c):
        return jnp.stack([c, c])

    with pytest.raises(TypeError, match="The carry of grow changes its type"):
        while_loop(lambda c: True, grow, jnp.float32(0.0))


@pytest.mark.parametrize("answer", [lambda c: jnp.ones(2, bool), lambda c: c, lambda c: (True, True)])
def test_while_loop_needs_one_truth_value(answer):
    with pytest.raises(TypeError, match="cond_fun of a while loop must return one truth value"):
        while_loop(answer, lambda c: c, jnp.float32(1.0))


def test_the_last_state_of_an_inner_loop_feeds_the_outer_one(total):
    def inner():
        total.value = total.value * 2

    def outer():
        total.value = total.value + 1
        for_loop(inner, length=2)
        return total.value

    np.testing.assert_array_equal(for_loop(outer, length=3), [4.0, 20.0, 84.0])
    assert total.value == 84.0


def test_disable_jit_gives_the_same(total):
    def step(x):
        total.value = total.value + x
        return total.value

    with jax.disable_jit():
        np.testing.assert_array_equal(for_loop(step, jnp.arange(3.0)), [0.0, 1.0, 3.0])
        assert jit(lambda: for_loop(step, length=0) if False else total.value)() == 3.0


def test_the_step_of_a_loop_is_traced_once(total):
    calls = []

    def step(x):
        calls.append(0)
        total.value = total.value + x

    for_loop(step, jnp.arange(3.0))
    assert len(calls) == 1
