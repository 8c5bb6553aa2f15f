"""Calls of a sequence that do not need each other are one launch, whose results are those of the CPU."""

import numpy as np
import pytest
from call_frame import HandlerError
from event_case import FLOATS, INDICES
from joined_case import Calls


@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", INDICES)
def test_calls_are_one_launch(float_type, index, seed):
    calls = Calls(float_type, seed)
    target = calls.projections(index)
    calls.queue(index, target)
    calls.split()
    assert calls.assert_same() == ["joined_f32" if float_type == np.float32 else "joined_f64"]


def test_one_call_has_its_own_launch(seed):
    calls = Calls(np.float32, seed)
    calls.split()
    assert calls.assert_same() == ["random_split"]


def test_more_calls_than_a_launch_has_room_for_are_several(seed):
    calls = Calls(np.float32, seed)
    for _ in range(9):
        calls.split()
    assert calls.assert_same() == ["joined_f32", "random_split"]


def test_what_is_launched_in_between_comes_after_what_waits():
    """The calls of plasticity are no part of joined launches: they follow those before them."""
    calls = Calls(np.float32, 0)
    calls.split()
    calls.split()
    n = 40
    operands = {"keys": np.array([[1, 2]], np.uint32), "first": np.zeros(1, np.uint32)}
    calls.add("random_words", operands, [np.zeros((1, n), np.uint32)], {"purpose": 3})
    calls.split()
    assert calls.assert_same() == ["joined_f32", "random_words", "random_split"]


def test_an_error_leaves_nothing_that_waits():
    calls = Calls(np.float32, 0)
    calls.split()
    calls.add("random_split", {"keys": np.zeros(3, np.uint32)}, [np.zeros(3, np.uint32), np.ones(3, np.uint32)])
    with pytest.raises(HandlerError, match="'keys' has 3 elements"):
        calls.on_gpu()
    calls = Calls(np.float32, 0)
    calls.split()
    assert calls.assert_same() == ["random_split"]
