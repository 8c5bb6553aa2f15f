"""The step of a time is exact: t in float32 is no product that drifts, and inputs know their step after 10⁹ of them."""

import re
import warnings

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from brainunit import mA, ms
from spikeloop._steps import time_at

MOST = np.iinfo(np.int32).max


@pytest.fixture(autouse=True)
def setting():
    sl.environ.set(dt=0.1 * ms)


def times_of(steps, dt, dtype):
    return np.asarray(jax.jit(lambda n: time_at(n, dt, dtype))(jnp.asarray(steps, jnp.int32)))


@pytest.mark.parametrize("dt", [0.1, 0.05, 0.01, 0.3, 1 / 3, 0.7, 0.0001, 50.0])
def test_the_floor_of_t_over_dt_is_the_step_in_float32(dt):
    steps = np.concatenate([np.arange(200_000), np.arange(2**22 - 1000, 2**22), np.arange(2**23 - 9999, 2**23 + 1)])
    t = times_of(steps, dt, jnp.float32)
    np.testing.assert_array_equal(np.floor(t / np.float32(dt)), steps)
    np.testing.assert_array_equal(jax.jit(lambda t: jnp.floor(t / dt))(t), steps)  # as XLA divides
    assert (abs(t.astype(float) - steps * dt) <= np.spacing(t)).all()


@pytest.mark.parametrize("step", [10**7, 10**8, 10**9])
def test_late_steps(step):
    steps = np.arange(step - 500, step + 500)
    held = steps[np.float32(steps).astype(int) == steps]  # by a float32
    t = times_of(steps, 0.1, jnp.float32)
    assert (abs(t.astype(float) - steps * 0.1) <= np.spacing(t)).all()
    if step > 2**24:
        np.testing.assert_array_equal(np.floor(t / np.float32(0.1))[steps == step], step)
        assert step in held
    with sl.environ.context(precision=64):
        for dt in (0.1, 0.3, 1 / 3):
            np.testing.assert_array_equal(np.floor(times_of(steps, dt, jnp.float64) / dt), steps)


@pytest.mark.parametrize("t0", [0.0, 1e6, 1e7 + 0.3, 1e8])
def test_a_run_knows_its_steps(t0):
    first, state = round(t0 * 10), sl.State(jnp.zeros(30, jnp.int32))
    source = sl.nn.init_all_states(sl.SpikeTime(1, [0, 0], (t0 + np.array([0.5, 1.7])) * ms))
    at = sl.State(jnp.zeros(30, jnp.float32))

    def step(t):
        i = sl.environ.get("i")
        with sl.environ.context(t=t):  # as networks do
            state.value = state.value.at[i - first].set(sl.environ.get("i"))
            at.value = at.value.at[i - first].set(source()[0])

    sl.record.run(step, 3 * ms, t0=t0 * ms)
    np.testing.assert_array_equal(state.value, first + np.arange(30))
    np.testing.assert_array_equal(np.flatnonzero(at.value), [5, 17])


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("t0", [0.0, 0.3, 1e6 + 0.1, 1e7 + 0.3, 5e7])
def test_a_loop_over_float32_times_counts_them(t0, inside):
    source = sl.nn.init_all_states(sl.SpikeTime(1, [0] * 4, (t0 + np.array([0.5, 1, 1.5, 1.9])) * ms))

    @sl.transform.jit
    def nested(t):
        with sl.environ.context(t=t):
            return source()[0], sl.environ.get("i")

    times = u.Quantity(jnp.asarray(t0 + np.arange(25) * 0.1, jnp.float32), unit=ms)
    loop = lambda t: sl.transform.for_loop(nested, t)  # noqa: E731
    spikes, steps = (sl.transform.jit(loop) if inside else loop)(times)
    np.testing.assert_array_equal(np.flatnonzero(spikes), [5, 10, 15, 19])
    np.testing.assert_array_equal(steps, round(t0 * 10) + np.arange(25))


def test_times_in_other_units_and_of_long_runs():
    times = u.math.arange(0 * u.second, 2000 * u.second, 1 * u.second) + 0.0 * u.second
    fine = u.Quantity(jnp.arange(9_999_990, 10_000_010, dtype=jnp.float32) * jnp.float32(0.1), unit=ms)

    def step(t):
        with sl.environ.context(t=t):
            return sl.environ.get("i")

    np.testing.assert_array_equal(sl.transform.for_loop(step, times), np.arange(2000) * 10_000)
    np.testing.assert_array_equal(sl.transform.for_loop(step, fine), np.arange(9_999_990, 10_000_010))
    backwards = sl.transform.for_loop(step, fine, reverse=True)
    np.testing.assert_array_equal(backwards, np.arange(9_999_990, 10_000_010))


def test_times_that_are_no_grid_are_taken_as_they_are():
    def step(t):
        with sl.environ.context(t=t):
            return sl.environ.get("i")

    times = [0.0, 3.0, 3.04, 3.06, 2.0, 1e8, 7e7] * ms
    expected = [0, 30, 30, 31, 20, 10**9, 7 * 10**8]
    np.testing.assert_array_equal(sl.transform.for_loop(step, times), expected)


def test_a_time_known_outside_a_program_is_exact_inside():
    step = sl.transform.jit(lambda: sl.environ.get("i"))
    for k in (0, 1, 10**8 + 3, 10**9 + 7):
        with sl.environ.context(t=k * 0.1 * ms):
            assert step() == k
            assert sl.environ.get("i") == k
        with sl.environ.context(t=k * 1e-4 * u.second):
            assert step() == k


def test_the_inner_context_tells_the_time():
    source = sl.nn.init_all_states(sl.StepInput(1, [1 * mA], [1 * ms]))
    with sl.environ.context(i=0, t=0.0 * ms):
        with sl.environ.context(t=2.0 * ms):
            assert sl.environ.get("i") == 20
            assert source() == 1 * mA
        with sl.environ.context(t=None):
            assert sl.environ.get("i") == 0
        with sl.environ.context(t=0.05 * ms):  # the middle of a step, as in rk2_step
            assert sl.environ.get("i") == 0
        assert source() == 0 * mA
    with pytest.raises(ValueError, match="environ t must be finite"), sl.environ.context(t=np.nan * ms):
        sl.environ.get("i")


def test_the_clock_of_a_loop_shows_nowhere():
    def step(t):
        assert "i" not in sl.environ.all()
        assert [*sl.environ.all()] == ["precision", "dt"]
        return t

    assert type(sl.transform.for_loop(step, np.arange(3.0) * ms)) is u.Quantity


def test_a_loop_that_needs_no_step_has_none():
    neuron = sl.nn.init_all_states(sl.LIF(8))
    times = jnp.arange(100, dtype=jnp.float32)

    def text(xs):
        def step(t):
            with sl.environ.context(t=t):
                return neuron(1 * mA)

        return sl.transform.jit(lambda: sl.transform.for_loop(step, xs)).compile().as_text()

    timed, plain = text(times * 0.1 * ms), text(times)
    assert "f64" not in timed
    assert "s32[100]" not in timed
    operations = [len(re.findall(r" = .*\(", re.sub(r"%?param[^\n]*", "", t))) for t in (timed, plain)]
    assert operations[0] == operations[1]


@pytest.mark.parametrize("dt", [0 * ms, -0.1 * ms, np.nan * ms, np.inf * ms, 0.0, -1, np.array(np.nan) * u.second])
def test_a_step_that_is_none_is_refused(dt):
    message = "dt must be positive and finite, such as 0.1"
    with pytest.raises(ValueError, match=message):
        sl.environ.set(dt=dt)
    with pytest.raises(ValueError, match=message), sl.environ.context(dt=dt):
        pass
    assert sl.environ.get_dt() == 0.1 * ms
    if isinstance(dt, u.Quantity):
        with pytest.raises(ValueError, match="dt must be positive|dt must be finite|must be one finite time"):
            sl.inputs.section([1 * mA], [1 * ms], dt=dt)
        with pytest.raises(ValueError, match="dt must be positive|must be one finite time"):
            sl.record.SpikeTrains.of([1.0] * ms, [0], size=1, dt=dt)


@pytest.mark.parametrize("dt", [True, "0.1", [0.1], 1j * ms])
def test_a_step_that_is_no_number_is_refused(dt):
    with pytest.raises(TypeError, match="dt must be"):
        sl.environ.set(dt=dt)


def test_steps_beyond_an_int32_are_refused_at_the_start():
    count = sl.State(jnp.zeros(()))

    def step(t):
        count.value = count.value + 1

    with pytest.raises(ValueError, match=r"ends at step 2,147,483,648, but steps are counted to 2,147,483,647.*t0"):
        sl.record.run(step, 0.2 * ms, t0=(MOST - 1) * 0.1 * ms)
    with pytest.raises(ValueError, match="Begin at an earlier t0, run for a shorter time, or take a longer dt"):
        sl.record.run(step, 1e10 * ms)
    assert count.value == 0
    sl.record.run(step, 0.2 * ms, t0=(MOST - 2) * 0.1 * ms)
    assert count.value == 2


def test_times_beyond_all_steps_are_later_than_the_run():
    late = 1e12 * ms
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources = [
            sl.SectionInput(1, [1 * mA], [late]),
            sl.ConstantInput(1, 1 * mA, late),
            sl.RampInput(1, 1 * mA, 1 * mA, late),
            sl.SinusoidalInput(1, 0 * mA, 1 * u.Hz, late, bias=1 * mA),
        ]
        for source in map(sl.nn.init_all_states, sources):
            assert source() == 1 * mA


def test_a_time_between_two_steps_is_no_start():
    with pytest.raises(ValueError, match="record.run: t0 of .* is no multiple of dt"):
        sl.record.run(lambda t: None, 1 * ms, t0=1e7 * ms + 0.05 * ms)
