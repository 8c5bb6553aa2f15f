"""Delays of projections that cannot be: every mistake is named, and nothing is lost."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from delayed import EDGES, N, Net, connection, random_spikes, run
from spikeloop._errors import MissingSettingError, NotInitializedError, ShapeError, UnitError
from spikeloop.connect import Connection


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        (1.5, UnitError, r"exc: delay needs a time such as `1.5 \* u.ms`"),
        (1.5 * u.mV, UnitError, "exc: delay needs a time"),
        (-1.0 * u.ms, ValueError, "exc: delay must not be negative"),
        (np.nan * u.ms, ValueError, "exc: delay holds NaN"),
        (
            np.ones(N + 1) * u.ms,
            ShapeError,
            r"exc: delay must be one time, or one for each source in an array of shape "
            r"\(5,\); given shape \(6,\)\. A delay for each synapse belongs to the rule",
        ),
    ],
)
def test_delays_are_checked_when_the_projection_is_made(delay, error, message):
    with pytest.raises(error, match=message):
        sl.DeltaProj(comm=connection(u.mV, None), post=sl.LIF(N), delay=delay, label="exc")


def test_two_delays_for_one_projection_are_refused():
    with pytest.raises(ValueError, match="exc: delays are given twice"):
        sl.DeltaProj(comm=connection(u.mV, 2), post=sl.LIF(N), delay=1.0 * u.ms, label="exc")


def test_a_function_with_a_delay_needs_the_size_of_its_source():
    double = lambda spikes: spikes[..., :N] * 2.0 * u.mV  # noqa: E731
    with pytest.raises(TypeError, match="exc: a delay has to know the source; pass pre=population"):
        sl.DeltaProj(comm=double, post=sl.LIF(N), delay=1.0 * u.ms, label="exc")
    spikes = np.concatenate([random_spikes(20)] * 2, -1)
    net = Net("delta")
    net.proj = sl.DeltaProj(comm=double, post=net.N, delay=0.3 * u.ms, pre=2 * N)
    sl.environ.set(dt=0.1 * u.ms)
    sl.nn.init_all_states(net)
    sl.transform.for_loop(net.update, jnp.asarray(spikes))
    late = np.concatenate([np.zeros((3, N)), spikes[:-3, :N]])
    decays = np.exp(-0.1 / 20) ** np.arange(20)[::-1, None]
    np.testing.assert_allclose(net.N.V.value.mantissa, (2 * late * decays).sum(0), rtol=1e-5)


def test_dt_that_is_missing_or_changes_is_named_by_path():
    net = Net("delta", "before", None, delay=1.0 * u.ms)
    with pytest.raises(MissingSettingError, match=r"Net\.proj\.delay(?s:.*)sl\.environ\.set\(dt="):
        sl.nn.init_all_states(net)
    run(net, random_spikes(3))
    sl.environ.set(dt=0.2 * u.ms)
    with pytest.raises(ValueError, match=r"Net\.proj\.delay was made for dt = 0.1 ms, but dt is 0.2 ms now.*again"):
        net.update(jnp.zeros(N))
    sl.nn.init_all_states(net)
    assert net.proj.delay.past.value.shape == (6, N)
    net.update(jnp.zeros(N))
    sl.environ.set(dt=0.1 * u.ms)
    net = Net("delta", "before", np.array([0.1] * len(EDGES)) * u.ms)
    sl.environ.set(dt=0.2 * u.ms)
    sl.nn.init_all_states(net)
    with pytest.raises(ValueError, match=r"Net\.proj\.comm: delays were counted in steps of dt = 0.1 ms"):
        net.update(jnp.zeros(N))


def test_a_delay_that_is_no_multiple_of_dt_warns_and_is_rounded():
    sl.environ.set(dt=0.1 * u.ms)
    net = Net("delta", "before", None, delay=0.27 * u.ms)
    with pytest.warns(RuntimeWarning, match=r"Net.proj.delay of 0.27 ms is no multiple of dt = 0.1 ms; it becomes 0.3"):
        sl.nn.init_all_states(net)
    assert net.proj.delay.past.value.shape == (4, N)


@pytest.mark.parametrize(("delay", "kwargs"), [("each", {}), (None, {"delay": 0.4 * u.ms})])
def test_states_and_batches_are_asked_for(delay, kwargs):
    net = Net("delta", "before", delay, **kwargs)
    sl.environ.set(dt=0.1 * u.ms)
    with pytest.raises(NotInitializedError, match=r"init_all_states"):
        net.proj(jnp.zeros(N))
    sl.nn.init_all_states(net)
    with pytest.raises(ShapeError, match=r"Net\.proj.*(?s:.*)batch_size"):
        net.proj(jnp.zeros((3, N)))
    with pytest.raises(ShapeError):
        net.proj(jnp.zeros(N + 1))


def test_a_projection_that_is_added_later_asks_for_new_states():
    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(Net("delta"))
    late = Connection([0], [0, 1], 1.0 * u.mV, 1, N, delay=np.array([20]))
    net.late = sl.DeltaProj(comm=late, post=net.N)
    with pytest.raises(ShapeError, match=r"Net\.late: Net\.N\.input_ring has 6 slots, but delays need 21.*again"):
        net.late(jnp.ones(1))
    sl.nn.init_all_states(net)
    net.late(jnp.ones(1))


def test_currents_take_one_delay():
    sl.environ.set(dt=0.1 * u.ms)
    post = sl.LIF(N, tau=20.0 * u.ms, V_th=1e6 * u.mV)
    with pytest.raises(TypeError, match="exc: a delay of each synapse needs AlignPostProj or DeltaProj"):
        sl.CurrentProj(comm=connection(1.0), out=sl.CUBA(), post=post, label="exc")
    for comm, delay in ((Connection(np.arange(N), [], 1.0, N, N), 0.3 * u.ms),
                        (Connection(np.arange(N), [], 1.0, N, N, delay=3), None)):  # fmt: skip
        net = sl.nn.Module()
        net.post = sl.LIF(N, tau=20.0 * u.ms, V_th=1e6 * u.mV)
        net.proj = sl.CurrentProj(comm=comm, out=sl.CUBA(), post=net.post, delay=delay)
        sl.nn.init_all_states(net)
        felt = []
        for k in range(8):
            net.proj(jnp.full(N, 1.0 * (k == 1)) * u.mS)
            net.post()
            felt.append(float(net.post.V.value.mantissa[0]) > 0)
        assert felt.index(True) == 4
