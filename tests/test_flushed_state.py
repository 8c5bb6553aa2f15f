"""States that a back end holds in another form: they are flushed before they are read, assigned, saved or copied."""

import copy
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._flushed_state import BackendState, FlushedState, flushed
from spikeloop._trace import store, stored

Total = flushed(sl.ParamState)


class Late(sl.nn.Module):
    """A total whose summands are pending."""

    def __init__(self):
        super().__init__()
        self.total = Total(jnp.ones(2))
        self.pending = BackendState(jnp.full(2, 2.0), of=self.total)
        self.assigned, self.total.form = 0, self

    def flush(self):
        store(self.total, stored(self.total) + stored(self.pending))
        store(self.pending, jnp.zeros(2))

    def refresh(self):
        self.assigned += 1

    def update(self):
        store(self.pending, stored(self.pending) + 1)


def test_a_value_is_flushed_before_it_is_read():
    late = Late()
    np.testing.assert_array_equal(stored(late.total), 1.0)
    read = sl.transform.for_loop(lambda: late.total.value, length=3)
    np.testing.assert_array_equal(read, np.full((3, 2), 3.0))
    np.testing.assert_array_equal(stored(late.pending), 0.0)


@pytest.mark.parametrize("how", ["value", "reinit", "restore_value"])
def test_a_value_is_flushed_before_it_is_assigned(how):
    late = Late()
    if how == "value":
        late.total.value = jnp.zeros(2)
    else:
        getattr(late.total, how)(jnp.zeros(2))
    np.testing.assert_array_equal(late.total.value, 0.0)
    assert late.assigned == 1


def test_what_a_back_end_holds_is_no_state_of_the_model():
    late = Late()
    sl.transform.for_loop(late, length=2)
    assert list(late.states()) == [("total",)]
    assert set(sl.nn.save_states(late)) == {"total"}
    assert sl.transform.StateFinder(late)() == {}
    np.testing.assert_array_equal(sl.nn.save_states(late)["total"], 5.0)


def test_states_are_of_their_kind():
    late = Late()
    assert isinstance(late.total, sl.ParamState)
    assert (type(late.total).__name__, flushed(type(late.total))) == ("ParamState", type(late.total))
    late.total.copy_from(sl.ParamState(jnp.zeros(2)))
    plain = sl.ParamState(jnp.ones(2))
    plain.copy_from(late.total)
    np.testing.assert_array_equal(plain.value, 0.0)
    with pytest.raises(TypeError, match="is a ParamState; cannot copy from a State"):
        late.total.copy_from(sl.State(jnp.zeros(2)))


def test_a_copy_of_a_state_is_held_by_nobody():
    late = Late()
    new = late.total.copy()
    late()
    assert new.form is None
    np.testing.assert_array_equal(new.value, 3.0)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_a_copy_of_a_model_has_pending_values_of_its_own(how):
    late = Late()
    new = how(late)
    new()
    assert new.total.form is new
    np.testing.assert_array_equal(new.total.value, 4.0)
    np.testing.assert_array_equal(late.total.value, 3.0)
    assert type(how(FlushedState(1.0))) is FlushedState


def test_the_gradient_counts_what_is_pending_once():
    late = Late()
    slope, value = sl.transform.grad(lambda: (late.total.value**2).sum(), late.total, return_value=True)()
    np.testing.assert_array_equal(slope, 6.0)
    assert float(value) == 18.0


def test_what_a_back_end_holds_has_the_lanes_of_its_state():
    late = Late()
    late.total.reinit(jnp.ones((3, 2)))
    late.pending.reinit(jnp.zeros((3, 2)))
    sl.transform.vmap(late, in_states=late.states(), axis_size=3)()
    np.testing.assert_array_equal(late.pending.value, np.ones((3, 2)))
