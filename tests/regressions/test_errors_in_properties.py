"""An AttributeError inside a property of a Module is the one that the user sees."""

import brainunit as u
import jax.numpy as jnp
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError


class Cell(sl.nn.Module):
    def init_state(self):
        self.v = sl.HiddenState(jnp.zeros(2))

    @property
    def twice(self):
        return 2 * self.v.value

    @property
    def broken(self):
        return self.no_such_name


def test_a_state_that_does_not_exist_yet():
    with pytest.raises(NotInitializedError, match=r"Cell\.v does not exist yet"):
        Cell().twice  # was: Cell has no attribute 'twice'
    with pytest.raises(NotInitializedError, match=r"DualExpon\.h does not exist yet|DualExpon\.g does not exist yet"):
        sl.DualExpon(3, tau_decay=5.0 * u.ms).g_decay
    assert sl.nn.init_all_states(Cell()).twice.shape == (2,)


def test_a_name_that_does_not_exist():
    with pytest.raises(AttributeError, match="Cell has no attribute 'no_such_name'"):
        Cell().broken
