"""Delays in steps: rounding, warnings, errors."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeloop._errors import UnitError
from spikeloop.delays._steps import delay_steps


@given(st.integers(0, 60_000), st.sampled_from([0.01, 0.025, 0.1, 0.2, 1.0]), st.sampled_from([np.float32, np.float64]))
def test_multiples_of_dt_are_exact_and_need_no_warning(steps, dt, dtype):
    assert delay_steps(u.Quantity(np.asarray(steps * dt, dtype), unit=u.ms), dt, "d") == steps
    assert delay_steps(steps * dt * 1e-3 * u.second, dt, "d") == steps


@pytest.mark.parametrize(("time", "steps"), [(0.04, 1), (0.14, 1), (0.15, 2), (0.26, 3), (1e-9, 1)])
def test_others_go_to_the_nearest_step_but_at_least_one_and_warn(time, steps):
    with pytest.warns(
        RuntimeWarning, match=rf"E.delay of .* ms is no multiple of dt = 0.1 ms; it becomes 0.{steps} ms"
    ):
        assert delay_steps(time * u.ms, 0.1, "E.delay") == steps


def test_one_warning_for_an_array():
    with pytest.warns(RuntimeWarning, match=r"d of 0.24 ms .*it becomes 0.2 ms. 1 more are rounded") as caught:
        assert delay_steps(np.array([0.1, 0.24, 0.0, 0.42]) * u.ms, 0.1, "d").tolist() == [1, 2, 0, 4]
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("time", "error", "message"),
    [
        (1.0, UnitError, "d needs a time such as"),
        (1.0 * u.mV, UnitError, "d needs a time such as"),
        (-0.1 * u.ms, ValueError, "d must not be negative"),
        (jnp.nan * u.ms, ValueError, "d holds NaN"),
        (jnp.inf * u.ms, ValueError, "d holds NaN or an infinite time"),
        (6553.6 * u.ms, ValueError, "d of 65536 steps of dt = 0.1 ms; at most 65535"),
    ],
)
def test_what_is_no_delay_is_refused(time, error, message):
    with pytest.raises(error, match=message):
        delay_steps(time, 0.1, "d")
