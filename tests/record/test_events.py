import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl


def test_events_are_the_spikes(net, dense):
    events = sl.record.Events(net.N, 1000)
    sl.transform.for_loop(events, jnp.asarray(dense[0]))
    found = events.read()
    np.testing.assert_array_equal(found.to_array(), dense[0] > 0)
    assert found.stop == 40 * u.ms
    events.clear()
    assert len(events.read()) == 0


def test_an_overflow_says_what_is_needed(net, dense):
    needed = int(dense[0].sum())
    events = sl.record.Events(net.N, needed - 1)
    sl.transform.for_loop(events, jnp.asarray(dense[0]))
    with pytest.raises(sl.record.Overflow, match=f"there were {needed}. Write capacity={needed} or more"):
        events.read()
    events = sl.record.Events(net.N, needed)
    sl.transform.for_loop(events, jnp.asarray(dense[0]))
    assert len(events.read()) == needed


def test_a_run_needs_the_capacity_of_a_chunk_only(net, dense):
    events = sl.record.Events(net.N, int(dense[0].sum()) - 1)
    found = sl.record.run(net.update, 40 * u.ms, record=events, chunk=100)["events"]
    np.testing.assert_array_equal(found.to_array(), dense[0] > 0)


def test_the_batch_must_be_that_of_the_recorder(net):
    events = sl.record.Events(net.N, 10)
    with pytest.raises(ValueError, match="Make the recorder after init_all_states"):
        events(jnp.zeros((2, 45)))


def test_events_of_other_neurons_are_another_run(net, tmp_path):
    go = lambda neurons, duration: sl.record.run(  # noqa: E731
        net.update, duration, record=sl.record.Events(neurons, 1000), path=tmp_path / "run", resume=True
    )
    go(net.N[:5], 2 * u.ms)
    with pytest.raises(ValueError, match="neurons"):
        go(net.N[5:10], 4 * u.ms)
    assert go(net.N[:5], 4 * u.ms).steps == 40
