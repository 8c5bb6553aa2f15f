import copy
import gc

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import StateChangedError, TraceContextError

KINDS = [sl.State, sl.ShortTermState, sl.LongTermState, sl.ParamState, sl.BatchState, sl.DelayState, sl.HiddenState]


@pytest.mark.parametrize("kind", KINDS)
def test_holds_and_replaces_a_value(kind):
    state = kind(jnp.zeros(3))
    state.value = jnp.ones(3)
    np.testing.assert_array_equal(state.value, np.ones(3))


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (sl.HiddenState, sl.ShortTermState),
        (sl.DelayState, sl.ShortTermState),
        (sl.ParamState, sl.LongTermState),
        (sl.BatchState, sl.LongTermState),
        (sl.ShortTermState, sl.State),
        (sl.LongTermState, sl.State),
    ],
)
def test_family(kind, base):
    assert issubclass(kind, base)


@pytest.mark.parametrize("value", [1.0, 3, np.arange(2.0), {"a": jnp.ones(2), "b": (1.0, 2.0)}, 3.0 * u.mV, None])
def test_any_pytree_is_a_value(value):
    assert jax.tree.structure(sl.State(value).value) == jax.tree.structure(value)


@pytest.mark.parametrize("value", ["text", {"a": jnp.ones(1), "b": jnp.ones(1)}, None, object()])
def test_a_hidden_state_holds_one_array(value):
    with pytest.raises(TypeError, match="HiddenState holds one array"):
        sl.HiddenState(value)
    state = sl.HiddenState(jnp.zeros(2) * u.mV)
    with pytest.raises(TypeError, match="HiddenState holds one array"):
        state.value = value
    assert state.value.shape == (2,)


def test_a_state_in_a_state_is_unwrapped_but_cannot_be_assigned():
    inner = sl.State(1.0)
    assert sl.State(inner).value == 1.0
    with pytest.raises(ValueError, match=r"cannot hold a State. Assign its \.value"):
        inner.value = sl.State(2.0)
    assert inner.value == 1.0


def test_name_tag_and_metadata():
    state = sl.State(1.0, "w", tag="fast", place="soma")
    assert (state.name, state.tag, state.place) == ("w", {"fast"}, "soma")
    state.add_tag("slow")
    assert state.tag == {"fast", "slow"}
    assert sl.State(1.0, tag=("a", "b")).tag == {"a", "b"}
    assert sl.State(1.0).tag == set()
    state.name = "v"
    assert state.path == "v"


def test_identity_decides_equality():
    a, b = sl.State(1.0), sl.State(1.0)
    assert a != b
    assert len({a, b, a}) == 2


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s + 1,
        lambda s: 1 - s,
        lambda s: s * s,
        lambda s: s / 2,
        lambda s: -s,
        lambda s: s < 1,
        lambda s: s[0],
        float,
        bool,
        len,
        np.asarray,
    ],
)
def test_arithmetic_is_refused_with_the_remedy(use):
    with pytest.raises(TypeError, match=r"Use|use its \.value"):
        use(sl.State(jnp.ones(1), "v"))


def test_value_call_and_numel():
    state = sl.State({"a": jnp.ones((2, 3)), "b": jnp.ones(4) * u.mV})
    assert state.numel() == 10
    doubled = state.value_call(lambda x: 2 * x)
    np.testing.assert_array_equal(doubled["b"].to_decimal(u.mV), 2 * np.ones(4))
    np.testing.assert_array_equal(state.value["a"], np.ones((2, 3)))


def test_copy_has_the_value_and_no_owner():
    model = sl.nn.Module("net")
    model.w = sl.ParamState(jnp.ones(2), tag="t", place="soma")
    new = model.w.copy()
    assert type(new) is sl.ParamState
    assert (new.tag, new.place, new.path) == ({"t"}, "soma", "ParamState (unnamed)")
    new.value = jnp.zeros(2)
    np.testing.assert_array_equal(model.w.value, np.ones(2))


def test_copy_from():
    a, b = sl.ParamState(1.0), sl.ParamState(2.0)
    a.copy_from(b)
    assert a.value == 2.0
    with pytest.raises(TypeError, match="is a ParamState; cannot copy from a State"):
        a.copy_from(sl.State(3.0))


def test_copy_module_of_the_standard_library():
    state = sl.State(jnp.ones(2), "v", tag="a")
    for new in (copy.copy(state), copy.deepcopy(state)):
        new.value = jnp.zeros(2)
        new.add_tag("b")
        np.testing.assert_array_equal(state.value, np.ones(2))
    assert new.name == "v"


def test_restore_value_keeps_structure_and_unit():
    state = sl.State(jnp.ones(2) * u.mV, "V")
    state.restore_value(jnp.zeros(2) * u.mV)
    with pytest.raises(StateChangedError, match="State V holds"):
        state.restore_value(jnp.zeros(2) * u.ms)
    with pytest.raises(StateChangedError, match="State V holds"):
        state.replace({"a": jnp.zeros(2)})
    assert state.value.unit == u.mV
    assert state.replace(jnp.ones(2) * u.mV) is state


def test_path_follows_the_model():
    class Net(sl.nn.Module):
        pass

    net = Net("COBA")
    net.N = sl.nn.Module()
    net.N.V = sl.State(0.0)
    assert net.N.V.path == "COBA.N.V"
    assert net.N.V.name == "V"
    net.layers = [sl.nn.Module(), {"a": sl.State(1.0)}]
    assert net.layers[1]["a"].path == "COBA.layers[1]['a']"


def test_repr_shows_shapes_not_numbers():
    assert repr(sl.State(jnp.ones(3))) == "State(float32[3])"
    assert repr(sl.ParamState(2.0)) == "ParamState(2.0)"
    assert "float32[2]" in repr(sl.HiddenState(jnp.ones(2) * u.mV))


def test_repr_inside_a_trace():
    state, seen = sl.State(jnp.ones(3)), []
    sl.transform.jit(lambda: seen.append(repr(state)))()
    assert seen == ["State(float32[3])"]


def test_reading_in_raw_jax_staging_is_refused_naming_the_state():
    state = sl.State(jnp.ones(2), "V")
    for use in (lambda: jax.jit(lambda: state.value)(), lambda: jax.make_jaxpr(lambda: state.value)()):
        with pytest.raises(TraceContextError, match=r"State V is read inside a function that jax itself traces"):
            use()


def test_reading_in_raw_grad_and_vmap_is_fine():
    state = sl.State(jnp.float32(3.0))
    assert jax.grad(lambda x: x * state.value)(2.0) == 3.0
    np.testing.assert_array_equal(jax.vmap(lambda x: x * state.value)(jnp.arange(2.0)), [0.0, 3.0])


@pytest.mark.parametrize(
    "use",
    [
        lambda write: jax.jit(write)(1.0),
        lambda write: jax.grad(write)(1.0),
        lambda write: jax.vmap(write)(jnp.ones(2)),
        lambda write: jax.lax.scan(lambda c, x: (write(c), x), 1.0, jnp.ones(2)),
    ],
    ids=["jit", "grad", "vmap", "scan"],
)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside spikeloop.jit"])
def test_writing_in_raw_jax_is_refused_and_changes_nothing(use, inside):
    state = sl.State(jnp.float32(3.0), "V")

    def write(x):
        state.value = x * 2
        return x

    with pytest.raises(TraceContextError, match="State V is written inside a function that jax itself transforms"):
        sl.transform.jit(lambda: use(write))() if inside else use(write)
    assert state.value == 3.0


@pytest.mark.parametrize(
    "use",
    [
        lambda call: jax.jit(call)(1.0),
        lambda call: jax.grad(call)(1.0),
        lambda call: jax.vmap(call)(jnp.ones(2)),
    ],
    ids=["jit", "grad", "vmap"],
)
@pytest.mark.parametrize("how", ["jit", "for_loop"])
def test_our_transformation_inside_raw_jax_leaves_no_tracer(use, how):
    state = sl.State(jnp.float32(3.0), "V")

    def write(x):
        state.value = state.value * x
        return x

    jitted = sl.transform.jit(write)
    jitted(1.0)
    call = jitted if how == "jit" else lambda x: sl.transform.for_loop(lambda: write(x), length=2).sum()
    with pytest.raises(TraceContextError, match="State V is"):
        use(call)
    assert float(state.value) == 3.0


def test_our_transformation_that_reads_no_state_works_inside_raw_jax():
    double = sl.transform.jit(lambda x: 2 * x)
    np.testing.assert_array_equal(jax.jit(lambda x: double(x))(jnp.ones(2)), 2 * np.ones(2))
    assert jax.grad(double)(1.0) == 2.0
    loop = lambda x: sl.transform.for_loop(lambda y: x * y, jnp.arange(3.0)).sum()  # noqa: E731
    assert jax.grad(jax.jit(loop))(1.0) == 3.0


def test_a_state_made_in_a_loop_cannot_be_read_outside():
    kept = []

    def step():
        kept.append(sl.State(jnp.ones(1), "tmp"))
        return kept[-1].value

    sl.transform.for_loop(step, length=2)
    with pytest.raises(TraceContextError, match="State tmp was made inside a transformed function"):
        kept[-1].value
    kept[-1].value = jnp.zeros(1)
    assert kept[-1].value == 0.0


def test_a_dropped_state_is_collected():
    gc.collect()
    before = sum(isinstance(o, sl.State) for o in gc.get_objects())

    def run(state):
        sl.transform.jit(lambda: state.value + 1)()

    run(sl.State(jnp.ones(1)))
    gc.collect()
    assert sum(isinstance(o, sl.State) for o in gc.get_objects()) == before
