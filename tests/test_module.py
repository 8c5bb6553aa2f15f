import copy
import gc
import weakref

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import NotInitializedError
from spikeloop.nn import Desc, Module


class Cell(Module):
    def __init__(self, size=2, name=None):
        super().__init__(name)
        self.in_size = size
        self.tau = sl.ParamState(jnp.float32(5.0))

    def init_state(self, batch_size=None):
        self.v = sl.HiddenState(jnp.zeros((batch_size or 1, 2)), tag="fast")

    def update(self, x):
        self.v.value = self.v.value + x
        return self.v.value


class Net(Module):
    def __init__(self):
        super().__init__("net")
        self.first = Cell()
        self.cells = [Cell(), {"deep": (Cell(),)}]
        self.same = self.first

    def update(self, x):
        return self.first(x)


def test_call_runs_update():
    net = sl.nn.init_all_states(Net())
    assert net(1.0).shape == (1, 2)
    assert (1.0 >> net)[0, 0] == 2.0
    with pytest.raises(NotImplementedError, match=r"Module does not define update\(\)"):
        Module()()


def test_several_values_are_piped_as_arguments():
    class Sum(Module):
        def update(self, a, b):
            return a + b

    assert ((1.0, 2.0) >> Sum()) == 3.0


def test_nodes_finds_each_module_once_by_its_first_path():
    net = Net()
    assert list(net.nodes()) == [(), ("first",), ("cells", 0), ("cells", 1, "deep", 0)]
    assert list(net.nodes(include_self=False)) == [("first",), ("cells", 0), ("cells", 1, "deep", 0)]
    assert list(net.nodes(Net)) == [()]
    assert [list(group) for group in net.nodes(Net, ...)] == [[()], [("first",), ("cells", 0), ("cells", 1, "deep", 0)]]
    assert list(net.nodes(sl.util.PathContains("deep"))) == [("cells", 1, "deep", 0)]
    assert list(net.children()) == [net.first]


def test_states_finds_each_state_once():
    net = sl.nn.init_all_states(Net())
    shared = sl.State(0.0)
    net.a, net.b = shared, {"again": shared}
    assert ("a",) in net.states()
    assert ("b", "again") not in net.states()
    assert len(net.states()) == 7


def test_filters_of_states():
    net = sl.nn.init_all_states(Net())
    params, fast, rest = net.states(sl.ParamState, "fast", ...)
    assert [p[-1] for p in params] == ["tau"] * 3
    assert [p[-1] for p in fast] == ["v"] * 3
    assert rest == {}
    assert list(net.states(lambda path, state: "cells" in path and isinstance(state, sl.HiddenState))) == [
        ("cells", 0, "v"),
        ("cells", 1, "deep", 0, "v"),
    ]
    assert net.states((sl.ParamState, "fast")) == net.states()
    assert net.parameters() == params
    with pytest.raises(TypeError, match=r"A filter is a class, a tag, a function of .* or \.\.\.; given 1"):
        net.states(1)


def test_paths_and_names():
    net = sl.nn.init_all_states(Net())
    assert net.cells[1]["deep"][0].path == "net.cells[1]['deep'][0]"
    assert net.first.v.path == "net.first.v"
    assert net.same.name == "first"
    assert Cell(name="other").path == "other"
    assert Cell().path == "Cell"
    net.first.name = "renamed"
    assert (net.first.name, net.first.path) == ("renamed", "net.first")


@pytest.mark.parametrize(
    ("size", "expected"), [(3, (3,)), ((2, 3), (2, 3)), ([4], (4,)), (np.int32(5), (5,)), (0, (0,))]
)
def test_sizes_are_tuples(size, expected):
    cell = Cell(size)
    cell.out_size = size
    assert (cell.in_size, cell.out_size) == (expected, expected)
    assert Module().in_size is None


@pytest.mark.parametrize("size", [2.5, -1, (), True, "3", (2, 1.5), None])
def test_what_is_no_size(size):
    with pytest.raises(
        ValueError, match="Cell: in_size must be a whole number or a tuple of them, not negative; given"
    ):
        Cell(size)


def test_a_forgotten_init_all_states_is_told():
    net = Net()
    with pytest.raises(
        NotInitializedError, match=r"net\.first\.v does not exist yet.*\n?.*sl\.nn\.init_all_states\(model\) first"
    ):
        net(1.0)
    assert not hasattr(net.first, "v")
    with pytest.raises(AttributeError, match="Cell has no attribute 'missing'"):
        net.first.missing


def test_a_subclass_that_calls_its_base_is_told_too():
    class More(Cell):
        def init_state(self, batch_size=None):
            super().init_state(batch_size)
            self.w = sl.HiddenState(jnp.zeros(2))

    for name in ("v", "w"):
        with pytest.raises(NotInitializedError):
            getattr(More(), name)
    more = sl.nn.init_all_states(More())
    v, w = more.v, more.w
    sl.nn.init_all_states(more, batch_size=3)
    assert (more.v, more.w) == (v, w)
    assert v.value.shape == (3, 2)


def test_init_state_again_keeps_state_objects_also_in_containers():
    class Many(Module):
        def init_state(self, n=2):
            self.a = [sl.State(jnp.full(n, 1.0)), sl.State(jnp.full(n, 2.0))]
            self.b = {"x": sl.State(jnp.full(n, 3.0))}
            self.c = (sl.State(jnp.full(n, 4.0)),)
            self.plain = n

    many = sl.nn.init_all_states(Many())
    before = list(many.states().values())
    for state in before:
        state.value = state.value * 0
    sl.nn.init_all_states(many, 3)
    after = list(many.states().values())
    assert all(a is b for a, b in zip(before, after, strict=True))
    assert [float(s.value[0]) for s in after] == [1.0, 2.0, 3.0, 4.0]
    assert many.plain == 3
    assert before[0].value.shape == (3,)


def test_init_state_may_make_other_states_than_before():
    class Changing(Module):
        def init_state(self, kind=sl.State, n=1):
            self.a = kind(jnp.zeros(2))
            self.b = [sl.State(jnp.zeros(2)) for _ in range(n)]

    net = sl.nn.init_all_states(Changing())
    old = net.a
    sl.nn.init_all_states(net, sl.HiddenState, 3)
    assert type(net.a) is sl.HiddenState
    assert net.a is not old
    assert (net.a.path, len(net.b)) == ("Changing.a", 3)


def test_outside_init_state_an_assignment_replaces_the_state():
    net = Module()
    net.a = sl.State(1.0)
    old = net.a
    net.a = sl.State(2.0)
    assert net.a is not old
    assert old.value == 1.0


def test_a_state_shared_by_two_modules_stays_shared_in_init_state():
    class Owner(Module):
        def init_state(self):
            self.a = sl.State(jnp.zeros(1))

    class User(Module):
        def __init__(self, owner):
            super().__init__()
            self.owner = owner

        def init_state(self):
            self.a = self.owner.a

    class Both(Module):
        def __init__(self):
            super().__init__()
            self.owner = Owner()
            self.user = User(self.owner)

    both = Both()
    for _ in range(2):
        sl.nn.init_all_states(both)
        assert both.user.a is both.owner.a
        assert both.user.a.path == "Both.owner.a"


def test_a_failing_init_state_does_not_stay_in_that_mode():
    class Bad(Module):
        def init_state(self):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sl.nn.init_all_states(Bad())
    net = Module()
    net.a = sl.State(1.0)
    old = net.a
    net.a = sl.State(2.0)
    assert net.a is not old


def test_a_module_that_contains_itself_has_a_repr_and_nodes():
    net = Module("loop")
    net.me = net
    assert list(net.nodes()) == [()]
    assert repr(net) == "Module\n└─ me → Module"


def test_a_list_that_contains_itself_is_walked_once():
    net = Module()
    net.items = [sl.State(1.0)]
    net.items.append(net.items)
    assert list(net.states()) == [("items", 0)]


def test_a_module_is_collected():
    net = Net()
    ref = weakref.ref(net)
    del net
    gc.collect()
    assert ref() is None


def test_deepcopy_is_a_model_of_its_own():
    net = sl.nn.init_all_states(Net())
    new = copy.deepcopy(net)
    new(1.0)
    assert net.first.v.value.sum() == 0.0
    assert new.first.v.path == "net.first.v"
    assert new.first.v is not net.first.v
    assert new.same is new.first


class TestDesc:
    def test_makes_the_object_later(self):
        desc = Cell.desc(size=3)
        assert isinstance(desc, Desc)
        cell = desc(name="x")
        assert (cell.in_size, cell.name) == ((3,), "x")
        assert repr(desc) == "Cell.desc(size=3)"

    @pytest.mark.parametrize(
        ("a", "b", "same"),
        [
            (lambda: 5.0, lambda: 5.0, True),
            (lambda: 5.0, lambda: 6.0, False),
            (lambda: jnp.arange(3.0), lambda: jnp.arange(3.0), True),
            (lambda: np.arange(5000.0), lambda: np.where(np.arange(5000) == 2500, 0, np.arange(5000.0)), False),
            (lambda: np.arange(3), lambda: np.arange(3.0), False),
            (lambda: 5.0 * u.ms, lambda: 5.0 * u.ms, True),
            (lambda: 5.0 * u.ms, lambda: 5.0 * u.mV, False),
            (lambda: jnp.ones(3) * u.ms, lambda: jnp.ones(3) * u.ms, True),
            (lambda: sl.State(1.0), lambda: sl.State(1.0), False),
            (lambda: Cell.desc(1), lambda: Cell.desc(1), True),
            (lambda: Cell.desc(1), lambda: Cell.desc(2), False),
            (lambda: {"a": [1, 2]}, lambda: {"a": [1, 2]}, True),
            (lambda: {"a": [1, 2]}, lambda: {"a": [1, 3]}, False),
            (lambda: 1, lambda: 1.0, False),
            (lambda: 1, lambda: True, False),
            (lambda: None, lambda: None, True),
            (lambda: bytearray(b"a"), lambda: bytearray(b"a"), False),
        ],
    )
    def test_equality_compares_values(self, a, b, same):
        first, second = Cell.desc(size=a()), Cell.desc(size=b())
        assert (first == second) is same
        assert not same or hash(first) == hash(second)
        assert first == first
        assert first != 1

    def test_the_class_counts(self):
        assert Cell.desc(1) != Net.desc(1)
