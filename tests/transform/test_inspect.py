import brainunit as u
import jax
import jax.extend
import jax.numpy as jnp
import spikeloop as sl
from spikeloop.transform import eval_shape, for_loop, make_jaxpr


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
