import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import BatchAxisError, ShapeError
from spikeloop.nn import Module, call_all_fns, call_order, init_all_states, load_states, reset_all_states, save_states
from spikeloop.nn import vmap_init_all_states as vmap_init
from spikeloop.transform import for_loop, jit, vmap

ORDER = []


class Cell(Module):
    def __init__(self, level=0):
        super().__init__()
        self.call_level = level
        self.w = sl.ParamState(jnp.ones(2))

    def init_state(self, batch_size=None):
        ORDER.append(self.name)
        self.v = sl.HiddenState(jnp.zeros((batch_size, 2) if batch_size else 2) * u.mV)

    def update(self, x):
        self.v.value = self.v.value + x * u.mV


class Net(Module):
    def __init__(self):
        super().__init__("net")
        self.late = Cell(level=1)
        self.a = Cell()
        self.b = Cell()


def test_calls_every_module_by_level_then_order():
    ORDER.clear()
    net = Net()
    assert init_all_states(net) is net
    assert ORDER == ["a", "b", "late"]
    assert net.a.v.value.shape == (2,)


@pytest.mark.parametrize("args", [((7,), {}), ((), {"batch_size": 7})])
def test_arguments_are_forwarded(args):
    positional, named = args
    assert init_all_states(Net(), *positional, **named).b.v.value.shape == (7, 2)
    assert Net().init_all_states(*positional, **named).b.v.value.shape == (7, 2)


@pytest.mark.parametrize("exclude", [lambda path, node: node.name == "a", None])
def test_node_to_exclude(exclude):
    net = init_all_states(Net(), node_to_exclude=exclude)
    assert hasattr(net.a, "v") is (exclude is None)
    assert not hasattr(init_all_states(Net(), node_to_exclude=Cell).a, "v")
    net = init_all_states(Net(), node_to_exclude=sl.util.PathContains("a"))
    assert (hasattr(net.a, "v"), hasattr(net.b, "v")) == (False, True)


def test_reset_is_init_by_default_and_keeps_objects():
    net = init_all_states(Net())
    v = net.a.v
    net.a(1.0)
    reset_all_states(net)
    assert net.a.v is v
    assert v.value.to_decimal(u.mV).sum() == 0.0


def test_reset_may_be_something_else():
    class Counter(Module):
        def init_state(self):
            self.n = sl.State(0)
            self.total = sl.State(0)

        def reset_state(self):
            self.n.value = 0

    counter = init_all_states(Counter())
    counter.n.value = counter.total.value = 5
    reset_all_states(counter)
    assert (counter.n.value, counter.total.value) == (0, 5)


def test_call_all_fns():
    class Shout(Module):
        def shout(self, text, *, loud=False):
            ORDER.append(text.upper() if loud else text)

    ORDER.clear()
    net = Module()
    net.a = Shout()
    with pytest.raises(AttributeError, match="has no method 'shout'"):
        call_all_fns(net, "shout", ("hey",))
    call_all_fns(net.a, "shout", ("hey",), {"loud": True})
    assert ORDER == ["HEY"]


@pytest.mark.parametrize("function", [init_all_states, reset_all_states])
def test_a_model_is_expected(function):
    with pytest.raises(TypeError, match=r"Expected a Module \(a neuron, a projection, a network\); given 3"):
        function(3)


def test_inside_jit_and_a_loop():
    net = init_all_states(Net())

    @jit
    def epoch():
        init_all_states(net)
        for_loop(net.a.update, jnp.ones(3))

    for _ in range(2):
        epoch()
        np.testing.assert_array_equal(net.a.v.value.to_decimal(u.mV), [3.0, 3.0])
    assert epoch.cache.num_traces == 1


class TestVmap:
    def test_states_get_lanes_as_first_axis(self):
        net = Net()
        assert vmap_init(net, axis_size=5) is net
        assert net.a.v.value.shape == (5, 2)
        assert net.a.w.value.shape == (2,)
        vmap(net.a.update, in_states=net.states(sl.HiddenState))(jnp.arange(5.0))
        np.testing.assert_array_equal(net.a.v.value.to_decimal(u.mV)[:, 0], np.arange(5.0))

    def test_random_values_differ_between_lanes(self):
        class Noisy(Module):
            def init_state(self):
                self.v = sl.State(sl.random.rand(3))

        sl.random.seed(0)
        net = vmap_init(Noisy(), axis_size=4)
        assert len(np.unique(net.v.value)) == 12
        assert sl.random.DEFAULT.value.shape == (2,)
        first = net.v.value
        v = net.v
        vmap_init(net, axis_size=4)
        assert net.v is v
        assert not np.any(net.v.value == first)

    def test_again_with_another_size(self):
        net = vmap_init(Net(), axis_size=4)
        v = net.a.v
        vmap_init(net, axis_size=3)
        assert net.a.v is v
        assert v.value.shape == (3, 2)

    def test_batch_and_lanes(self):
        assert vmap_init(Net(), 7, axis_size=5).a.v.value.shape == (5, 7, 2)

    def test_excluded_states_and_tags(self):
        net = init_all_states(Net())
        vmap_init(net, axis_size=4, state_to_exclude=lambda path, state: path[0] == "b", state_tag="lanes")
        assert net.a.v.value.shape == (4, 2)
        assert net.b.v.value.shape == (2,)
        assert "lanes" in net.a.v.tag
        assert "lanes" not in net.b.v.tag
        assert "lanes" not in net.a.w.tag

    def test_excluded_states_on_the_first_call(self):
        net = vmap_init(Net(), axis_size=4, state_to_exclude=lambda path, state: path[0] == "b")
        assert (net.a.v.value.shape, net.b.v.value.shape) == ((4, 2), (2,))

    def test_excluded_nodes(self):
        net = vmap_init(Net(), axis_size=4, node_to_exclude=lambda path, node: node.name == "b")
        assert not hasattr(net.b, "v")


class TestSaveAndLoad:
    def test_round_trip(self):
        net, other = init_all_states(Net()), init_all_states(Net())
        net.a(1.0)
        saved = save_states(net)
        assert sorted(saved) == ["a.v", "a.w", "b.v", "b.w", "late.v", "late.w"]
        assert load_states(other, saved) == ([], [])
        np.testing.assert_array_equal(other.a.v.value.to_decimal(u.mV), [1.0, 1.0])
        net.a(1.0)
        np.testing.assert_array_equal(other.a.v.value.to_decimal(u.mV), [1.0, 1.0])

    def test_saved_values_outlive_the_next_program(self):
        net = Module()
        net.v = sl.State(jnp.zeros(1 << 19))
        step = jit(lambda: setattr(net.v, "value", net.v.value + 1))
        saved = save_states(net)
        step()
        step()
        assert saved["v"].sum() == 0.0

    def test_filters(self):
        assert sorted(save_states(init_all_states(Net()), sl.ParamState)) == ["a.w", "b.w", "late.w"]
        assert sorted(save_states(init_all_states(Net()), sl.ParamState, sl.HiddenState)) == [
            "a.v", "a.w", "b.v", "b.w", "late.v", "late.w"]  # fmt: skip

    def test_what_is_missing_is_told(self):
        net = init_all_states(Net())
        assert load_states(net, {"a.v": net.a.v.value, "c.v": 1.0}) == (
            ["c.v"],
            ["a.w", "b.v", "b.w", "late.v", "late.w"],
        )

    @pytest.mark.parametrize("value", [jnp.zeros(3) * u.mV, jnp.zeros(2) * u.ms, jnp.zeros(2), None])
    def test_what_does_not_fit_changes_nothing(self, value):
        net = init_all_states(Net())
        net.b(1.0)
        with pytest.raises(ShapeError, match=r"load_states: net\.a\.v holds"):
            load_states(net, {"b.v": jnp.zeros(2) * u.mV, "a.v": value})
        np.testing.assert_array_equal(net.b.v.value.to_decimal(u.mV), [1.0, 1.0])

    def test_dtype_is_kept(self):
        net = init_all_states(Net())
        with pytest.raises(ShapeError, match=r"load_states: net\.a\.w holds float32\[2\]; given int32\[2\]"):
            load_states(net, {"a.w": jnp.ones(2, int)})
        load_states(net, {"a.w": np.ones(2, np.float32)})


class Ordered(Module):
    """Notes the calls of its methods."""

    def __init__(self, name, calls):
        super().__init__(name)
        self.note = lambda *args, **kwargs: calls.append((name, args, kwargs))

    def plain(self, *args, **kwargs):
        self.note(*args, **kwargs)


class First(Ordered):
    @call_order(0)
    def init_state(self, *args, **kwargs):
        self.note(*args, **kwargs)


class Later(Ordered):
    @call_order(5)
    def init_state(self, *args, **kwargs):
        self.note(*args, **kwargs)


class Whenever(Ordered):
    def init_state(self, *args, **kwargs):
        self.note(*args, **kwargs)


class TestCallAllFns:
    @pytest.fixture
    def calls(self):
        return []

    @pytest.fixture
    def net(self, calls):
        net = Module()
        net.parts = [Later("later", calls), First("first", calls), Whenever("whenever", calls)]
        return net

    def test_call_order(self, net, calls):
        init_all_states(net, 3, x=1)
        assert [name for name, *_ in calls] == ["whenever", "first", "later"]
        assert calls[0][1:] == ((3,), {"x": 1})

    def test_without_levels_as_added(self, net, calls):
        call_all_fns(net, "plain", fn_if_not_exist="pass")
        assert [name for name, *_ in calls] == ["later", "first", "whenever"]

    @pytest.mark.parametrize(("args", "passed"), [(7, (7,)), ((7, 8), (7, 8)), ((), ())])
    def test_arguments(self, net, calls, args, passed):
        call_all_fns(net, "plain", args, {"y": 2}, First, fn_if_not_exist="none")
        assert calls == [("later", passed, {"y": 2}), ("whenever", passed, {"y": 2})]

    def test_a_missing_method(self, net, calls):
        with pytest.raises(AttributeError, match=r"Module \(Module\) has no method 'plain'\. Write one, or pass fn_if"):
            call_all_fns(net, "plain")
        assert calls == []
        with pytest.warns(UserWarning, match=r"Module \(Module\) has no method 'plain'"):
            call_all_fns(net, "plain", fn_if_not_exist="warn")
        assert len(calls) == 3
        with pytest.raises(ValueError, match="fn_if_not_exist must be 'raise', 'warn', 'pass' or 'none'; given 'skip'"):
            call_all_fns(net, "plain", fn_if_not_exist="skip")

    @pytest.mark.parametrize("level", [-1, 10])
    def test_levels(self, level):
        with pytest.raises(ValueError, match=f"call_order: a level is a whole number from 0 to 9; given {level}"):
            call_order(level)
        assert call_order(level, check_order_boundary=False)(lambda: None).call_order == level


class Noisy(Module):
    def init_state(self):
        self.v = sl.HiddenState(sl.random.rand(2))
        self.count = sl.State(jnp.zeros((), jnp.int32))

    def reset_state(self):
        self.v.value = jnp.zeros_like(self.v.value)
        self.count.value = jnp.int32(0)

    def shuffle(self, scale):
        self.v.value = scale * sl.random.rand(2)

    def shift(self):
        self.v.value = self.v.value + sl.random.rand(2)


class TestLanes:
    @pytest.fixture
    def net(self):
        net = Module("net")
        net.a = Noisy()
        return vmap_init(net, axis_size=3, node_to_exclude=lambda path, node: node is net)

    def test_reset(self, net):
        sl.nn.vmap_reset_all_states(net, axis_size=3, state_tag="reset")
        np.testing.assert_array_equal(net.a.v.value, np.zeros((3, 2)))
        np.testing.assert_array_equal(net.a.count.value, np.zeros(3))
        assert "reset" in net.a.count.tag

    def test_reset_makes_initial_values_anew_by_default(self):
        net = vmap_init(sl.LIF(2, V_initializer=sl.init.Uniform(-70.0 * u.mV, -60.0 * u.mV)), axis_size=3)
        before = net.V.value
        sl.nn.vmap_reset_all_states(net, axis_size=3)
        assert net.V.value.shape == (3, 2)
        assert (net.V.value != before).all()

    def test_any_method(self, net):
        call = sl.nn.vmap_call_all_fns
        assert call(net, "shuffle", 100.0, axis_size=4, fn_if_not_exist="pass") is net
        assert net.a.v.value.shape == (4, 2)
        assert len(np.unique(net.a.v.value)) == 8
        assert net.a.v.value.max() > 1.0
        with pytest.raises(BatchAxisError, match=r"Inside vmap net\.a\.v receives values that differ"):
            call(net, "shift", axis_size=4, fn_if_not_exist="pass")

    @pytest.mark.parametrize("axis_size", [0, None, 1.5, True])
    def test_size(self, net, axis_size):
        with pytest.raises(ValueError, match="axis_size must be a whole number of at least 1; given"):
            sl.nn.vmap_call_all_fns(net, "init_state", axis_size=axis_size)


class TestAssign:
    def test_paths_as_text_or_tuple_and_the_last_wins(self):
        net = init_all_states(Net())
        new = {"a.v": [1.0, 2.0] * u.mV, ("b", "w"): np.array([3.0, 4.0]), "nowhere": 1}
        unexpected, missing = sl.nn.assign_state_values(net, new, {"b.w": np.array([5.0, 6.0])})
        assert (unexpected, missing) == (["nowhere"], ["a.w", "b.v", "late.v", "late.w"])
        np.testing.assert_array_equal(net.a.v.value.to_decimal(u.mV), [1.0, 2.0])
        np.testing.assert_array_equal(net.b.w.value, [5.0, 6.0])

    def test_the_values_of_states(self):
        net, other = init_all_states(Net()), init_all_states(Net())
        net.a.w.value = jnp.zeros(2)
        assert sl.nn.assign_state_values(other, {p: s.value for p, s in net.states().items()}) == ([], [])
        np.testing.assert_array_equal(other.a.w.value, [0.0, 0.0])

    def test_another_shape_changes_nothing(self):
        net = init_all_states(Net())
        with pytest.raises(ShapeError, match=r"net\.b\.w holds float32\[2\]; given float32\[3\]"):
            sl.nn.assign_state_values(net, {"a.w": jnp.zeros(2), "b.w": jnp.zeros(3)})
        np.testing.assert_array_equal(net.a.w.value, [1.0, 1.0])
