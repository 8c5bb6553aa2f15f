"""Initial values of which every device makes its own: those of the whole array, bit for bit."""

import math

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._by_part import by_part
from spikeloop.random import _direct

WORDS = np.array([3, 4], np.uint32)
EACH = np.linspace(-1, 1, 7, dtype=np.float32)
DRAWS = {
    "uniform": (_direct.uniform, (-2.0, 3.0)),
    "uniform of each": (_direct.uniform, (EACH, 3.0)),
    "standard normal": (_direct.normal, ()),
    "normal": (_direct.normal, (1.0, 2.0)),
    "normal of each": (_direct.normal, (EACH, 2.0)),
}


class InThree:
    """Makes arrays in three parts, and notes them."""

    def __init__(self):
        self.parts = []

    def __call__(self, shape, part):
        n, row = shape[0], math.prod(shape[1:])
        self.parts += [(0, n // 3 * row), (n // 3 * row, (n // 3 + 1) * row), ((n // 3 + 1) * row, n * row)]
        return np.concatenate([part(*ends) for ends in self.parts[-3:]]).reshape(shape)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("draw", DRAWS)
def test_parts_are_those_of_the_whole(monkeypatch, draw, many):
    if many:
        monkeypatch.setattr(_direct, "_MANY", 0)  # then JAX draws what is whole
    fun, args = DRAWS[draw]
    whole, place = np.asarray(fun(WORDS, (101, 7), np.float32, *args)), InThree()
    with by_part(place):
        found = fun(WORDS, (101, 7), np.float32, *args)
    np.testing.assert_array_equal(found, whole)
    assert len(place.parts) == 3


@pytest.mark.parametrize("start", [sl.init.Normal(1 * u.mV, 2 * u.mV), 2 * u.mV, np.arange(12.0) * u.mV])
def test_states_of_neurons_are_made_in_parts(monkeypatch, start):
    def made():
        sl.random.seed(1)
        return sl.nn.init_all_states(sl.LIFRef(12, V_initializer=start))

    whole, place = made(), InThree()
    monkeypatch.setattr(sl._mesh, "maker", lambda size: place if size == (12,) else None)
    found = made()
    for name in ("V", "spike", "ref_left"):
        a, b = (u.get_mantissa(getattr(x, name).value) for x in (whole, found))
        np.testing.assert_array_equal(a, b)
    assert len(place.parts) >= 3 * 3
