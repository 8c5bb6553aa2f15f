import jax.numpy as jnp
import pytest
import spikeloop as sl
from spikeloop.util import All, Any, Everything, Not, Nothing, OfType, PathContains, WithTag, to_predicate


class Cell(sl.nn.Module):
    def __init__(self):
        super().__init__()
        self.tau = sl.ParamState(jnp.ones(()), tag={"slow", "trained"})
        self.v = sl.HiddenState(jnp.zeros(2), tag="fast")


@pytest.fixture
def net():
    net = sl.nn.Module()
    net.first, net.cells = Cell(), [Cell()]
    return net


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        (OfType(sl.ParamState), ["first.tau", "cells.0.tau"]),
        (sl.ShortTermState, ["first.v", "cells.0.v"]),
        (WithTag("fast"), ["first.v", "cells.0.v"]),
        ("slow", ["first.tau", "cells.0.tau"]),
        (PathContains("first"), ["first.tau", "first.v"]),
        (PathContains(0), ["cells.0.tau", "cells.0.v"]),
        (All(PathContains("cells"), "trained"), ["cells.0.tau"]),
        (Any(All(PathContains("cells"), "trained"), All(PathContains("first"), "fast")), ["first.v", "cells.0.tau"]),
        (["fast", sl.ParamState], ["first.tau", "first.v", "cells.0.tau", "cells.0.v"]),
        (Not("fast"), ["first.tau", "cells.0.tau"]),
        (lambda path, state: path[-1] == "v" and state.value.ndim == 1, ["first.v", "cells.0.v"]),
        (Everything(), ["first.tau", "first.v", "cells.0.tau", "cells.0.v"]),
        (..., ["first.tau", "first.v", "cells.0.tau", "cells.0.v"]),
        (True, ["first.tau", "first.v", "cells.0.tau", "cells.0.v"]),
        (Nothing(), []),
        (None, []),
        (False, []),
        (All(), ["first.tau", "first.v", "cells.0.tau", "cells.0.v"]),
        (Any(), []),
    ],
)
def test_states_that_a_filter_selects(net, filter, names):
    assert [".".join(map(str, path)) for path in net.states(filter)] == names


def test_modules_that_a_filter_selects(net):
    assert list(net.nodes(All(Cell, PathContains(0)))) == [("cells", 0)]
    assert list(net.nodes(Not(OfType(Cell)))) == [()]


@pytest.mark.parametrize(
    ("given", "predicate"),
    [(Cell, OfType(Cell)), ("a", WithTag("a")), (..., Everything()), (None, Nothing()), (("a", Cell), Any("a", Cell))],
)
def test_short_forms(given, predicate):
    assert to_predicate(given) == predicate
    assert hash(to_predicate(given)) == hash(predicate)
    assert to_predicate(predicate) is predicate


def test_equality_follows_the_parts():
    assert Not("a") == Not(WithTag("a"))
    assert Not("a") != Any("a")
    assert repr(All("a", Not(PathContains(1)))) == "All(WithTag(tag='a'), Not(PathContains(key=1)))"


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: to_predicate(1), r"A filter is a class, a tag, a function of \(path, value\), .*; given 1\."),
        (lambda: Any("a", 2.5), r"given 2\.5"),
        (lambda: WithTag(["a"]), r"WithTag takes a string; given \['a'\]"),
        (lambda: OfType("ParamState"), r"OfType takes a class; given 'ParamState'"),
    ],
)
def test_what_is_no_filter(make, match):
    with pytest.raises(TypeError, match=match):
        make()
