"""Delays: from times to steps, and what a connection keeps of them."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from scipy import stats
from spikeloop import connect, init
from spikeloop._errors import MissingSettingError, ShapeError, UnitError


@pytest.fixture(autouse=True)
def dt(clean_slate):
    sl.environ.set(dt=0.1 * u.ms)


def ring(delay, n=4, weight=1.0):
    return connect.Connection(np.roll(np.arange(n), -1), np.arange(n + 1), weight, n, n, delay=delay)


@pytest.mark.parametrize(
    ("delay", "steps"),
    [(1.5 * u.ms, 15), (0.0015 * u.second, 15), (np.float32(0.3) * u.ms, 3), (7, 7), (np.int64(1), 1), (None, None),
     (np.array([0.5]) * u.ms, 5), (0.0 * u.ms, 0)],
)  # fmt: skip
def test_one_delay_for_all_is_a_number_of_steps(delay, steps):
    connection = ring(delay)
    assert connection.delay == steps
    assert connection.delay is None or type(connection.delay) is int
    assert connection.dt == (0.1 if isinstance(delay, u.Quantity) else None)
    assert connection.longest_delay == (steps or 0)
    assert not connection.has_own_delays


@pytest.mark.parametrize(("delay", "steps"), [(0.24, 2), (0.26, 3), (0.01, 1)])
def test_no_multiple_of_dt_is_rounded_with_a_warning(delay, steps):
    with pytest.warns(RuntimeWarning, match=rf"delay of .* is no multiple of dt = 0.1 ms; it becomes 0.{steps} ms"):
        assert ring(delay * u.ms).delay == steps


def test_delays_of_each_synapse_order_rows_and_carry_weights_along():
    sources, targets = [0, 0, 0, 1, 0], [3, 1, 2, 0, 1]
    delay, weight = np.array([0.2, 0.5, 0.2, 0.1, 0.1]) * u.ms, np.arange(5.0) * u.nS
    for connection in (
        connect.from_coo(weight, sources, targets, (2, 4), delay=delay),
        connect.Connection([3, 1, 2, 1, 0], [0, 4, 5], weight[np.array([0, 1, 2, 4, 3])], 2, 4,
                           delay=delay[np.array([0, 1, 2, 4, 3])]),
    ):  # fmt: skip
        assert connection.indices.tolist() == [1, 2, 3, 1, 0]
        assert connection.delay.tolist() == [1, 2, 2, 5, 1]
        assert connection.delay.dtype == np.uint8
        assert connection.weight.value.mantissa.tolist() == [4, 2, 0, 1, 3]
        assert (connection.longest_delay, connection.has_own_delays, connection.dt) == (5, True, 0.1)


def test_delays_longer_than_255_steps_take_16_bits():
    assert ring(np.array([1, 255, 2, 3])).delay.dtype == np.uint8
    assert ring(np.array([1, 256, 2, 3])).delay.dtype == np.uint16
    with pytest.raises(ValueError, match="must be 0 to 65535 steps; given 1 … 65536"):
        ring(np.array([1, 65536, 2, 3]))


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        (-0.1 * u.ms, ValueError, "delay must not be negative"),
        (np.array([0.1, np.nan, 0.1, 0.1]) * u.ms, ValueError, "delay holds NaN"),
        (-3, ValueError, "must be 0 to 65535 steps; given -3"),
        (1.5, UnitError, r"delay needs a time such as `1.5 \* u.ms`"),
        (True, UnitError, "delay needs a time"),
        (1.0 * u.mV, UnitError, "delay needs a time"),
        (np.ones(3) * u.ms, ShapeError, "one for each of the 4 synapses"),
    ],
)
def test_bad_delays_are_refused(delay, error, message):
    with pytest.raises(error, match=message):
        ring(delay)
    if np.ndim(getattr(delay, "mantissa", delay)) == 0:
        with pytest.raises(error, match=message):
            connect.OneToOne(1.0, delay=delay)(4, 4)


def test_without_dt_the_error_says_what_to_add():
    sl.environ.reset()
    for make in (lambda: ring(1.0 * u.ms), lambda: connect.OneToOne(1.0, delay=init.Uniform(1 * u.ms, 2 * u.ms))(3, 3)):
        with pytest.raises(MissingSettingError, match=r"sl.environ.set\(dt=0.1 \* u.ms\)"):
            make()
    assert ring(3).delay == 3
    assert connect.Connection([0], [0, 1], 1.0, 1, 1, delay=1.0 * u.ms, dt=0.5 * u.ms).delay == 2


@pytest.mark.parametrize(
    ("delay", "law"),
    [
        (init.Uniform(1.0 * u.ms, 3.0 * u.ms), stats.uniform(1, 2)),
        (init.Normal(5.0 * u.ms, 1.0 * u.ms), stats.norm(5, 1)),
        (init.TruncatedNormal(1.5 * u.ms, 0.75 * u.ms, low=0.05 * u.ms),
         stats.truncnorm((0.05 - 1.5) / 0.75, np.inf, 1.5, 0.75)),
        (init.LogNormal(2.0 * u.ms, 0.5 * u.ms), None),
        (init.Exponential(2.0 * u.ms), stats.expon(scale=2)),
        (init.Gamma(4.0, 0.5 * u.ms), stats.gamma(4, scale=0.5)),  # by the initializer itself
    ],
)  # fmt: skip
def test_drawn_delays(delay, law):
    connection = connect.FixedOutDegree(100, 1.0, delay=delay, seed=3)(60, 60)
    steps = np.asarray(connection.delay).astype(int)
    rows = np.stack([steps, np.asarray(connection.indices)]).reshape(2, 60, 100)
    keys = rows[0] * 1000 + rows[1]
    assert (np.diff(keys, axis=1) >= 0).all()
    assert steps.min() >= 1
    assert abs(steps.mean() / 10 - {None: 2.0}.get(law, law and law.mean())) < 0.06
    if law is not None:  # the number of synapses up to each delay
        for k in (steps.min(), int(np.median(steps)), int(np.quantile(steps, 0.95))):
            assert abs((steps <= k).mean() - law.cdf((k + 0.5) / 10)) < 0.03


def test_an_initializer_of_a_wrong_unit_is_refused():
    with pytest.raises(UnitError, match="delay needs a time"):
        connect.OneToOne(1.0, delay=init.Normal(1.0 * u.mV, 0.1 * u.mV))(3, 3)
    with pytest.raises(ValueError, match="65535 steps"):
        connect.OneToOne(1.0, delay=init.Uniform(9e3 * u.second, 1e4 * u.second))(3, 3)
