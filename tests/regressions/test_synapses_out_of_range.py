"""An index, a delay or an order that was assigned to a connection has one answer, whatever the number of threads."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

pytestmark = pytest.mark.usefixtures("native")
N = 1000
Failure = (jax.errors.JaxRuntimeError, ValueError)


def answers(run):
    """What `run` returns or says with 1, 2, 3 and 4 threads."""
    before, given = sl.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 4):
            sl.set_num_threads(threads)
            try:
                given.append(np.asarray(run()).tobytes())
            except Failure as error:
                given.append(str(error))
    finally:
        sl.set_num_threads(before)
    return given


def only(given):
    assert len(set(given)) == 1
    return given[0]


def connection(k, delay=None):
    return sl.connect.FixedOutDegree(k, 1.0, seed=1, delay=delay)(N, N)


@pytest.mark.parametrize("k", [100, 400])  # rows that are counted through, and rows that are searched
@pytest.mark.parametrize("row", [0, 7, N - 1])
def test_a_target_that_is_not_there(k, row):
    c = connection(k)
    indices = np.array(c.indices)
    indices[(row + 1) * k - 1] = N + 5
    c.indices = jnp.asarray(indices)
    place = (row + 1) * k - 1
    wanted = f"event_scatter: 'indices' holds 1005 at place {place}, which is out of range for 1000 targets"
    assert wanted in only(answers(lambda: c(jnp.ones(N))))


@pytest.mark.parametrize("k", [100, 400])
def test_targets_that_do_not_ascend_are_delivered_all_the_same(k):
    c = connection(k)
    indices = np.array(c.indices).reshape(N, k)
    wanted = np.bincount(indices.ravel(), minlength=N).astype(np.float32)
    c.indices = jnp.asarray(np.random.default_rng(0).permuted(indices, axis=1).ravel())
    assert not c.rows_ascend
    assert only(answers(lambda: c(jnp.ones(N)))) == wanted.tobytes()
    c.indices = jnp.asarray(indices.ravel())
    assert c.rows_ascend
    assert only(answers(lambda: c(jnp.ones(N)))) == wanted.tobytes()


class Delayed(sl.nn.Module):
    def __init__(self, k, change):
        super().__init__()
        sl.environ.set(dt=0.1 * u.ms)
        sl.random.seed(3)
        comm = connection(k, delay=sl.init.Uniform(0.1 * u.ms, 2.0 * u.ms))
        comm.weight.reinit(comm.weight.value * u.mV)
        change(comm)
        self.post = sl.LIF(N)
        self.projection = sl.DeltaProj(comm=comm, post=self.post)

    def update(self):
        self.projection(jnp.ones(N))
        return self.post()


@pytest.mark.parametrize("k", [100, 400])  # a ring of arrivals, and spikes that wait
@pytest.mark.parametrize("name", ["indices", "delay"])
def test_a_target_or_slot_that_is_not_there_where_each_synapse_has_a_delay(k, name):
    place = 8 * k - 1

    def run():
        net = sl.nn.init_all_states(Delayed(k, lambda comm: None))
        comm = net.projection.comm
        assert (net.projection.queue is not None) == (k == 400)
        values = np.array(getattr(comm, name))
        values[place] = N + 5 if name == "indices" else 99
        setattr(comm, name, jnp.asarray(values))
        return sl.transform.for_loop(net, length=30)

    given, of = (1005, "1000 targets") if name == "indices" else (99, "slots")
    text = only(answers(run))
    if (name, k) == ("delay", 400):  # lists of spikes have one slot for each step of the longest delay
        assert "'count' has 21 elements, expected 100" in text
        return
    assert f"'{name}' holds {given} at place {place}, which is out of range for" in text
    assert of in text


def test_rows_that_end_before_they_begin():
    c = sl.connect.FixedProb(0.1, 1.0, seed=1)(N, N)
    indptr = np.array(c.indptr)
    indptr[500], wrong = indptr[503], indptr[503]
    c.indptr = jnp.asarray(indptr)
    text = only(answers(lambda: c(jnp.ones(N))))
    assert f"'indptr' lets row 500 go from {wrong} to {indptr[501]}" in text


def test_synapses_that_learn_stay_where_they_are():
    post = sl.LIF(N)
    c = sl.connect.FixedOutDegree(10, 0.1 * u.mV, seed=1)(N, N)
    sl.DeltaProj(comm=c, post=post, plasticity=sl.plasticity.STDP(w_max=1.0 * u.mV), label="E")
    with pytest.raises(ValueError, match=r"indices cannot change, as the weights learn in E"):
        c.indices = c.indices


def test_spikes_wait_for_rows_that_ascend_only():
    def mixed(comm):
        comm.indices = jnp.asarray(np.array(comm.indices)[::-1].copy())

    net = Delayed(400, mixed)
    with pytest.raises(ValueError, match=r"its rows, which were assigned, do not ascend in delay and then in target"):
        sl.transform.for_loop(sl.nn.init_all_states(net), length=1)
