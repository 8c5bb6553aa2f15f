import brainunit as u
import jax
import jax.extend
import jax.numpy as jnp
import pytest
import spikeloop as sl
from spikeloop.transform import StateFinder, eval_shape, for_loop, make_jaxpr


def _step(v, w):
    def step(x):
        v.value = v.value + w.value * x
        return {"v": v.value * u.mV, "none": None}

    return step


def test_make_jaxpr_returns_the_program_and_the_states_it_uses():
    v, w, out = sl.State(jnp.zeros(3)), sl.State(jnp.float32(1.0)), sl.State(jnp.float32(0.0))

    def f(x):
        out.value = x
        return for_loop(_step(v, w), jnp.ones(2))

    closed, states = make_jaxpr(f)(1.0)
    assert set(states) == {v, w, out}
    assert states[-1] is out  # only written
    assert len(closed.in_avals) == 3  # the argument and the States that are read
    assert len(closed.out_avals) == 3  # the result and the States that are written
    jax.extend.core.jaxpr_as_fun(closed)(1.0, *(s.value for s in states[:2]))
    assert "scan" in str(closed)
    assert v.value.sum() == 0.0


def test_eval_shape_computes_nothing():
    v, w = sl.State(jnp.zeros(3)), sl.State(jnp.float32(1.0))
    out = eval_shape(_step(v, w), 1.0)
    assert (out["v"].mantissa.shape, out["v"].unit, out["none"]) == ((3,), u.mV, None)
    assert v.value.sum() == 0.0
    many = eval_shape(lambda: jnp.zeros((10**6, 10**6)))
    assert many.shape == (10**6, 10**6)
    assert eval_shape(lambda x: x * 2, jax.ShapeDtypeStruct((4,), jnp.float32)).shape == (4,)


def test_make_jaxpr_of_static_arguments():
    def power(x, n, *, scale):
        return scale * x**n

    for static in ({"static_argnums": 1, "static_argnames": "scale"}, {"static_argnames": ("n", "scale")}):
        closed, _ = make_jaxpr(power, **static)(2.0, 3, scale=5)
        assert len(closed.in_avals) == 1
        assert jax.extend.core.jaxpr_as_fun(closed)(2.0) == [40.0]
    with pytest.raises(TypeError, match=r"The static argument number 1 of power must be hashable"):
        make_jaxpr(power, static_argnums=1)(2.0, [3], scale=5)


def test_shapes_of_states():
    v, w, out = sl.State(jnp.zeros(3) * u.mV), sl.State(jnp.float32(1.0)), sl.State(jnp.zeros(2))

    def f():
        out.reinit(jnp.ones((4, 5)))
        return v.value * w.value

    shapes, result = eval_shape(f, return_state_shapes=True)
    assert set(shapes) == {v, w, out}
    assert (shapes[v].mantissa.shape, shapes[v].unit) == ((3,), u.mV)
    assert shapes[out] == jax.ShapeDtypeStruct((4, 5), jnp.float32)
    assert (result.mantissa.shape, result.unit) == ((3,), u.mV)
    assert out.value.shape == (2,)


class TestStateFinder:
    @pytest.fixture
    def used(self):
        read, both = sl.ParamState(jnp.ones(2), name="read"), sl.ShortTermState(jnp.ones(2), name="both", tag="t")
        over = sl.ShortTermState(jnp.ones(2), name="over")

        def f(x):
            both.value = both.value + read.value * x
            over.value = both.value

        return f, read, both, over

    def test_usage(self, used):
        f, read, both, over = used
        assert StateFinder(f)(1.0) == {0: both, 1: read, 2: over}
        assert StateFinder(f, usage="read", return_type="list")(1.0) == [read]
        assert StateFinder(f, usage="write", return_type="tuple").find(1.0) == (both, over)
        found = StateFinder(f, usage="both", return_type="list")(1.0)
        assert found == {"read": [read], "write": [both, over]}
        assert both.value.sum() == 2.0

    def test_filters(self, used):
        f, read, both, _ = used
        assert StateFinder(f, sl.ParamState, return_type="list")(1.0) == [read]
        assert StateFinder(f, sl.util.Any("t", sl.ParamState), return_type="list", usage="write")(1.0) == [both]

    def test_keys(self, used):
        f, _, both, over = used
        found = StateFinder(f, usage="write", key_fn=lambda i, state: f"{i} {state.name}")(1.0)
        assert found == {"0 both": both, "1 over": over}
        over.name = both.name = "v"
        assert StateFinder(f, usage="write", key_fn=lambda i, state: None)(1.0) == {"v": both, "v_1": over}
        assert StateFinder(f, usage="write", key_fn=lambda i, state: state.name)(1.0) == {"v": both, "v_1": over}

    @pytest.mark.parametrize("options", [{"usage": "some"}, {"return_type": "set"}])
    def test_choices(self, options):
        with pytest.raises(ValueError, match=r"StateFinder: .* must be one of \('.*'\); given"):
            StateFinder(lambda: None, **options)
