"""Dynamics: functions that run before and after a call."""

import pytest
import spikeloop as sl


def test_dynamics_runs_functions_before_and_after_a_call():
    log = []

    class Cell(sl.nn.Dynamics):
        def update(self, x):
            log.append(("update", x))
            return x + 1

    cell = Cell(3)
    assert cell.varshape == cell.in_size == cell.out_size == (3,)
    assert sl.nn.DynamicsGroup is sl.nn.Dynamics
    cell.add_before_update("b", lambda: log.append("before"))
    cell.add_before_update("c", sl.nn.receive_update_input(lambda x: log.append(("input", x))))
    cell.add_after_update("a", lambda out: log.append(("after", out)))
    cell.add_after_update("n", sl.nn.not_receive_update_output(lambda: log.append("last")))
    assert cell(1) == 2
    assert log == ["before", ("input", 1), ("update", 1), ("after", 2), "last"]
    assert cell.has_before_update("b")
    assert not cell.has_after_update("b")
    with pytest.raises(KeyError, match="already"):
        cell.add_after_update("a", print)
    with pytest.raises(KeyError, match="no function under 'x'"):
        cell.get_before_update("x")
