import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import grad, jit, jvp, vjp

WRAPS = pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["alone", "in jit"])


@pytest.fixture
def net():
    net = sl.nn.Module("net")
    net.w = sl.ParamState(jnp.float32(2.0))
    net.b = sl.ParamState(jnp.float32(5.0))
    net.calls = sl.State(jnp.float32(0.0))
    return net


def _loss(net):
    def loss(x=3.0, y=1.0):
        net.calls.value = net.calls.value + 1
        return net.w.value**2 * x + net.b.value * y

    return loss


@WRAPS
class TestWhatVjpReturns:
    def test_one_argument(self, net, wrap):
        def run():
            out, pullback = vjp(_loss(net), 3.0, 1.0)
            return out, pullback(1.0), pullback(2.0)

        assert wrap(run)() == (17.0, 4.0, 8.0)
        assert net.calls.value == 1.0

    @pytest.mark.parametrize(("argnums", "expected"), [((0, 1), (4.0, 5.0)), ((-1,), (5.0,)), (-2, 4.0)])
    def test_argnums(self, net, wrap, argnums, expected):
        assert wrap(lambda: vjp(_loss(net), 3.0, 1.0, argnums=argnums)[1](1.0))() == expected

    @pytest.mark.parametrize("structure", [lambda w, b: [w, b], lambda w, b: {"b": {"b": b}, "w": w}])
    def test_states(self, net, wrap, structure):
        states, expected = structure(net.w, net.b), structure(12.0, 1.0)
        assert wrap(lambda: vjp(_loss(net), grad_states=states)[1](1.0))() == expected

    def test_states_and_arguments(self, net, wrap):
        assert wrap(lambda: vjp(_loss(net), 3.0, 1.0, grad_states=net.w)[1](1.0))() == (12.0, 4.0)
        assert wrap(lambda: vjp(_loss(net), 3.0, grad_states=net.w, argnums=None)[1](1.0))() == 12.0

    def test_aux(self, net, wrap):
        def run():
            out, pullback, aux = vjp(lambda x: (net.w.value * x, {"x": x}), 3.0, grad_states=net.w, has_aux=True)
            return out, pullback(1.0), aux

        assert wrap(run)() == (6.0, (3.0, 2.0), {"x": 3.0})


def test_the_pullback_is_that_of_jax():
    def f(d):
        return {"a": jnp.sin(d["x"]) * d["y"], "b": d["x"] ** 2}

    at = {"x": jnp.arange(3.0), "y": jnp.ones(3)}
    out, pullback = vjp(f, at)
    expected_out, expected = jax.vjp(f, at)
    cotangent = {"a": jnp.arange(3.0) + 1, "b": jnp.ones(3)}
    jax.tree.map(np.testing.assert_allclose, (out, pullback(cotangent)), (expected_out, expected(cotangent)[0]))
    (rows,) = jax.vmap(lambda ct: (vjp(jnp.cumsum, at["x"])[1](ct),))(jnp.eye(3))
    np.testing.assert_array_equal(rows, np.tril(np.ones((3, 3))))


def test_a_state_counts_with_its_value_before_the_call(net):
    def f():
        net.w.value = net.w.value * 3
        return net.w.value**2

    out, pullback = vjp(f, grad_states=net.w)
    assert (out, pullback(1.0), net.w.value) == (36.0, 36.0, 6.0)


def test_vjp_of_a_loss_is_its_gradient(net):
    assert vjp(_loss(net), grad_states=net.states(sl.ParamState))[1](1.0) == grad(_loss(net), net.parameters())()


def test_units_in_vjp():
    out, pullback = vjp(lambda x: x * x, 3.0 * u.ms)
    assert (out, pullback(1.0 * u.ms**2)) == (9.0 * u.ms**2, 6.0 * u.ms)


@pytest.mark.parametrize(
    ("run", "match"),
    [
        (lambda net: vjp(_loss(net), 1.0, argnums=1), r"vjp: argnums=1 is out of range; .* got 1 positional"),
        (lambda net: vjp(_loss(net), 1.0, argnums=-2), r"vjp: argnums=-2 is out of range"),
        (lambda net: vjp(_loss(net), 1.0, 2.0, argnums=(0, -2)), r"vjp: argnums=\(0, -2\) names an argument twice"),
        (lambda net: vjp(lambda: net.w.value), r"vjp: nothing to differentiate by\. Pass arguments"),
        (lambda net: vjp(lambda x: x, 1.0, grad_states=net.w), r"vjp: <lambda> does not read net\.w\. Remove them"),
    ],
)
def test_what_vjp_refuses(net, run, match):
    with pytest.raises(ValueError, match=match):
        run(net)


def test_vjp_takes_states_only(net):
    with pytest.raises(TypeError, match=r"vjp: grad_states holds 1\.0; give States"):
        vjp(_loss(net), 3.0, grad_states=[1.0])


@WRAPS
def test_jvp(net, wrap):
    out, slope = wrap(lambda: jvp(_loss(net), (3.0, 1.0), (1.0, 2.0)))()
    assert (out, slope, net.calls.value) == (17.0, 14.0, 1.0)
    out, slope = wrap(lambda: jvp(lambda x: {"a": x * x}, [3.0 * u.ms], [1.0 * u.ms]))()
    assert (out["a"], slope["a"]) == (9.0 * u.ms**2, 6.0 * u.ms**2)


@WRAPS
def test_jvp_with_aux(wrap):
    run = wrap(lambda: jvp(lambda x: (x * x, {"x": x}), (3.0,), (2.0,), has_aux=True))
    assert run() == (9.0, 12.0, {"x": 3.0})


@pytest.mark.parametrize(("primals", "tangents", "name"), [(1.0, (1.0,), "primals"), ((1.0,), 1.0, "tangents")])
def test_jvp_takes_tuples(primals, tangents, name):
    with pytest.raises(TypeError, match=rf"jvp: {name} must be a tuple or list, one entry for each argument; given 1"):
        jvp(lambda x: x, primals, tangents)
