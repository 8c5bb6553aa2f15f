"""nn.Delay and the delays of modules: what is seen when, in batches and lanes, and what is refused."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from hlo import copies, loop_body
from spikeloop._errors import MissingSettingError, NotInitializedError, ShapeError, UnitError


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * u.ms)


def values(n=20, *shape, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *(shape or (3,)))).astype(np.float32)


def late(x, steps, start=0.0):
    """`x` with its first axis moved by some steps."""
    return np.concatenate([np.full_like(x[:steps], start), x[: len(x) - steps]])


def run(delay, x, *entries):
    def step(value):
        delay.update(value)
        return tuple(delay.at(entry) for entry in entries)

    return [np.asarray(out) for out in sl.transform.for_loop(step, jnp.asarray(x))]


def test_entries_look_back_by_their_time():
    delay = sl.nn.Delay(jnp.full(3, 7.0), entries={"a": 0.3 * u.ms, "b": 1.0 * u.ms})
    delay.register_entry("now").register_entry("zero", 0.0 * u.ms).register_entry("part", 0.2 * u.ms, [2, 0])
    sl.nn.init_all_states(delay)
    assert delay.past.value.shape == (11, 3)
    np.testing.assert_array_equal(delay.at("a"), [7, 7, 7])
    x = values()
    a, b, now, zero, part = run(delay, x, "a", "b", "now", "zero", "part")
    np.testing.assert_array_equal(a, late(x, 3, 7))
    np.testing.assert_array_equal(b, late(x, 10, 7))
    np.testing.assert_array_equal(now, x)
    np.testing.assert_array_equal(zero, x)
    np.testing.assert_array_equal(part, late(x, 2, 7)[:, [2, 0]])


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
@pytest.mark.parametrize("batch", [None, 2])
def test_each_neuron_may_have_a_delay_of_its_own(shape, batch):
    steps = np.arange(np.prod(shape)).reshape(shape)
    delay = sl.nn.Delay(jax.ShapeDtypeStruct(shape, jnp.float32), entries={"a": steps * 0.1 * u.ms})
    last = steps.size - 1
    delay.register_entry("b", np.array([0.2, 0.1]) * u.ms, [0, last]).register_entry("c", 0.3 * u.ms, [last])
    sl.nn.init_all_states(delay, batch_size=batch)
    x = values(20, *(() if batch is None else (batch,)), *shape)
    a, b, c = run(delay, x, "a", "b", "c")
    flat = x.reshape(*x.shape[: x.ndim - len(shape)], -1)
    wanted = np.stack([late(flat, k)[..., i] for i, k in enumerate(steps.ravel())], -1)
    np.testing.assert_array_equal(a, wanted.reshape(x.shape))
    np.testing.assert_array_equal(b, np.stack([late(flat, 2)[..., 0], late(flat, 1)[..., last]], -1))
    np.testing.assert_array_equal(c, late(flat, 3)[..., [last]])


@pytest.mark.parametrize("time", [0.25 * u.ms, np.array([0.25, 0.1, 0.37]) * u.ms])
def test_linear_interpolation_between_steps(time):
    delay = sl.nn.Delay(jnp.zeros(3), entries={"a": time}, interpolation="linear")
    sl.nn.init_all_states(delay)
    x = values()
    (a,) = run(delay, x, "a")
    exact = np.broadcast_to(np.asarray(time.mantissa) / 0.1, 3)
    for i, back in enumerate(exact):
        k, part = int(np.floor(back + 1e-6)), back - np.floor(back + 1e-6)
        np.testing.assert_allclose(a[:, i], (late(x, k) * (1 - part) + late(x, k + 1) * part)[:, i], atol=1e-6)


def test_looking_back_by_steps_and_by_points_in_time():
    x = values()
    for interpolation in ("nearest", "linear"):
        delay = sl.nn.Delay(jnp.zeros(3), time=1.0 * u.ms, interpolation=interpolation)
        sl.nn.init_all_states(delay)

        def step(value, i, delay=delay):
            t = i * 0.1 * u.ms
            with sl.environ.context(t=t):
                delay.update(value)
            return delay.retrieve_at_step(4), delay.retrieve_at_step(i % 3), delay.retrieve_at_time(t - 0.26 * u.ms)

        by_step, traced, by_time = sl.transform.for_loop(step, jnp.asarray(x), jnp.arange(20))
        np.testing.assert_array_equal(by_step, late(x, 4))
        np.testing.assert_array_equal(traced[14], x[12])
        wanted = late(x, 3) if interpolation == "nearest" else 0.4 * late(x, 2) + 0.6 * late(x, 3)
        np.testing.assert_allclose(by_time, wanted, atol=1e-4)
        with pytest.raises(ValueError, match=r"Delay stores 0 to 10 steps of the past; given 11"):
            delay.retrieve_at_step(11)


def test_units_are_kept_and_checked():
    delay = sl.nn.Delay(jnp.zeros(3) * u.mV, entries={"a": 0.1 * u.ms})
    sl.nn.init_all_states(delay)
    delay.update(jnp.ones(3) * 1e-3 * u.volt)
    delay.update(jnp.zeros(3) * u.mV)
    np.testing.assert_allclose(delay.at("a").to_decimal(u.mV), 1.0, rtol=1e-6)
    with pytest.raises(UnitError, match=r"looks back to a point in time such as"):
        delay.retrieve_at_time(0.5)
    with pytest.raises(UnitError, match=r"Delay keeps values in mV; given ms"):
        delay.update(jnp.zeros(3) * u.ms)


class Pair(sl.nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = sl.LIF(3, V_rest=-60.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-60.0 * u.mV, tau=5.0 * u.ms)
        self.post = sl.LIF(3, V_th=1e6 * u.mV)
        self.V, self.now = self.pre.prefetch_delay("V", 0.3 * u.ms), self.pre.prefetch("V")
        self.out = self.pre.output_delay(0.2 * u.ms)
        self.proj = sl.DeltaProj(
            self.pre.prefetch_delay("spike", 0.5 * u.ms),
            comm=sl.connect.Connection([0, 1, 2], [], 1.0 * u.mV, 3, 3), post=self.post,
        )  # fmt: skip

    def update(self, x):
        before = self.V(), self.now()
        self.proj()
        spike = self.pre(x * u.mA)
        self.post()
        return *before, self.V(), self.out(), spike, self.pre.V.value, self.post.V.value > 1e-6 * u.mV


@pytest.mark.parametrize("batch", [None, 2])
def test_delays_of_the_states_and_of_the_output_of_a_module(batch):
    net = sl.nn.init_all_states(Pair(), batch_size=batch)
    x = jnp.asarray(np.full((60, *(() if batch is None else (batch,)), 3), 30.0, np.float32))
    for _ in range(2):
        V3_before, now, V3, out, spike, V, felt = (
            np.asarray(getattr(a, "mantissa", a)) for a in sl.transform.for_loop(net.update, x)
        )
        assert spike.sum() > 0
        np.testing.assert_array_equal(V3, late(V, 3, -60.0))
        np.testing.assert_array_equal(V3_before, late(V, 4, -60.0))
        np.testing.assert_array_equal(now, late(V, 1, -60.0))
        np.testing.assert_array_equal(out, late(spike, 2))
        # the projection is called before its source: a step more than its delay
        assert np.argmax(felt.any(-1).reshape(60, -1)[:, 0]) == np.argmax(spike.any(-1).reshape(60, -1)[:, 0]) + 6
        sl.nn.init_all_states(net, batch_size=batch)


def test_equal_requests_share_an_entry_and_all_share_a_ring():
    pre = sl.LIF(3)
    a, b, c = (pre.prefetch_delay("V", t * u.ms) for t in (1.0, 1.0, 2.0))
    d = pre.prefetch("V").delay.at(1.0 * u.ms)
    assert a.delay is c.delay is d.delay
    assert a.entry == b.entry == d.entry != c.entry
    sl.nn.init_all_states(pre)
    assert [tuple(path) for path in pre.states(sl.DelayState) if "past" in path] == [("delays", "V", "past")]
    assert pre.delays["V"].past.value.shape == (21, 3)


def test_the_ring_is_written_in_place():
    net = sl.nn.init_all_states(Pair())

    def step():
        return net.update(1.0)[:4]

    body = loop_body(step)
    assert copies(body, 4) == []  # rings have 4 to 6 slots of 3 values; values themselves may be copied


def test_lanes_have_pasts_of_their_own():
    delay = sl.nn.Delay(jnp.zeros(3), entries={"a": 0.3 * u.ms})
    sl.nn.vmap_init_all_states(delay, axis_size=4)
    states = list(delay.states().values())

    def one(value):
        delay.update(value)
        return delay.at("a")

    x = values(20, 4, 3)
    out = sl.transform.for_loop(sl.transform.vmap(one, in_states=states, out_states=states), jnp.asarray(x))
    np.testing.assert_array_equal(out, late(x, 3))


def test_gradients_pass_the_delay():
    sl.environ.set(precision=64)
    delay = sl.nn.Delay(jnp.zeros(3), entries={"a": 0.3 * u.ms, "b": np.array([0.0, 0.1, 0.2]) * u.ms})
    x, ct = jnp.asarray(values(), jnp.float64), jnp.asarray(values(seed=1), jnp.float64)

    def loss(x):
        sl.nn.init_all_states(delay)

        def step(value):
            delay.update(value)
            return jnp.sin(delay.at("a") * delay.at("b"))

        return (sl.transform.for_loop(step, x) * ct).sum()

    def wanted(x):
        b = jnp.stack([jnp.concatenate([jnp.zeros(k), x[: 20 - k, k]]) for k in range(3)], -1)
        return (jnp.sin(jnp.concatenate([jnp.zeros((3, 3)), x[:17]]) * b) * ct).sum()

    np.testing.assert_allclose(sl.transform.grad(loss, argnums=0)(x), jax.grad(wanted)(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sl.nn.Delay(jnp.zeros(3), entries={"a": 1.0}), UnitError, "Delay: entry 'a' needs a time"),
        (lambda: sl.nn.Delay(jnp.zeros(3), time=-1.0 * u.ms), ValueError, "Delay: time must not be negative"),
        (lambda: sl.nn.Delay(jnp.zeros(3), entries={"a": np.nan * u.ms}), ValueError, "Delay: entry 'a' holds NaN"),
        (lambda: sl.nn.Delay(jnp.zeros(3), interpolation="cubic"), ValueError, "must be 'nearest' or 'linear'"),
        (lambda: sl.nn.Delay(jnp.zeros(3), time=np.ones(2) * u.ms), ShapeError, "Delay: time must be one time"),
        (lambda: sl.LIF(3).prefetch_delay("V", 3.0 * u.mV), UnitError, "needs a time such as"),
        (lambda: sl.LIF(3).prefetch_delay("V", 3.0 * u.ms, 0.5), TypeError, "an index must be whole numbers"),
    ],
)
def test_what_is_no_delay_is_refused_when_it_is_given(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_what_is_missing_is_named():
    delay = sl.nn.Delay(jnp.zeros(3), entries={"a": 1.0 * u.ms})
    with pytest.raises(NotInitializedError, match="init_all_states"):
        delay.update(jnp.zeros(3))
    with pytest.raises(KeyError, match="no entry 'b'"):
        delay.at("b")
    sl.nn.init_all_states(delay)
    delay.register_entry("b", 2.0 * u.ms)
    with pytest.raises(NotInitializedError, match=r"entry 'b' was registered after the states were made"):
        delay.at("b")
    with pytest.raises(ValueError, match="has an entry 'b' already"):
        delay.register_entry("b", 3.0 * u.ms)
    with pytest.raises(ShapeError, match=r"Delay keeps values of shape \(3,\); given \(2, 3\).*(?s:.*)batch_size"):
        delay.update(jnp.zeros((2, 3)))
    sl.environ.set(dt=0.2 * u.ms)
    with pytest.raises(ValueError, match=r"Delay was made for dt = 0.1 ms, but dt is 0.2 ms now"):
        delay.update(jnp.zeros(3))
    wrong = sl.nn.init_all_states(sl.LIF(3))
    with pytest.raises(TypeError, match=r"LIF\.tau is no State"):
        wrong.prefetch("tau")()
    sl.environ.reset()
    with pytest.raises(MissingSettingError, match=r"Delay(?s:.*)sl\.environ\.set\(dt="):
        sl.nn.init_all_states(sl.nn.Delay(jnp.zeros(3), entries={"a": 1.0 * u.ms}))


def test_an_output_needs_a_size():
    class Any(sl.nn.Module):
        def update(self):
            return jnp.zeros(3)

    net = Any()
    net.output_delay(0.1 * u.ms)
    with pytest.raises(ValueError, match="needs an out_size"):
        sl.nn.init_all_states(net)
