import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import (
    checkpoint,
    for_loop,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    value_and_grad,
    vector_grad,
    vmap,
)


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


@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["alone", "in jit"])
class TestWhatGradReturns:
    def test_one_state(self, net, wrap):
        assert wrap(grad(_loss(net), net.w))() == 12.0
        assert net.calls.value == 1.0

    def test_a_list_of_states(self, net, wrap):
        assert wrap(grad(_loss(net), [net.w, net.b]))() == [12.0, 1.0]

    def test_the_states_of_a_model(self, net, wrap):
        assert wrap(grad(_loss(net), net.states(sl.ParamState)))() == {("w",): 12.0, ("b",): 1.0}

    def test_states_and_arguments(self, net, wrap):
        f = wrap(grad(_loss(net), {"w": net.w}, argnums=0))
        assert f(3.0) == ({"w": 12.0}, 4.0)
        f = wrap(grad(_loss(net), net.w, argnums=(1, 0)))
        assert f(3.0, 1.0) == (12.0, (5.0, 4.0))

    def test_arguments(self, net, wrap):
        assert wrap(grad(_loss(net)))(3.0) == 4.0
        assert wrap(grad(_loss(net), argnums=1))(3.0, 2.0) == 5.0
        assert wrap(grad(_loss(net), argnums=(0, 1)))(3.0, 2.0) == (4.0, 5.0)

    def test_every_parameter_if_the_loss_takes_no_argument(self, net, wrap):
        assert wrap(grad(_loss(net)))() == {"net.w": 12.0, "net.b": 1.0}

    def test_value_and_aux(self, net, wrap):
        loss = _loss(net)
        with_aux = lambda x: (loss(x), {"x": x, "none": None})  # noqa: E731
        aux = {"x": 3.0, "none": None}
        assert wrap(grad(loss, net.w, return_value=True))() == (12.0, 17.0)
        assert wrap(grad(with_aux, net.w, has_aux=True))(3.0) == (12.0, aux)
        assert wrap(grad(with_aux, net.w, has_aux=True, return_value=True))(3.0) == (12.0, 17.0, aux)
        assert wrap(value_and_grad(loss, net.w))() == (17.0, 12.0)
        assert wrap(value_and_grad(with_aux, net.w, has_aux=True))(3.0) == ((17.0, aux), 12.0)
        assert net.calls.value == 5.0

    def test_decorator(self, net, wrap):
        @wrap
        @grad(grad_states=net.w)
        def f():
            return net.w.value**2

        @wrap
        @value_and_grad(argnums=0)
        def g(x):
            return x * x

        assert f() == 4.0
        assert g(3.0) == (9.0, 6.0)


def test_any_kind_of_state_has_a_gradient(net):
    v = sl.HiddenState(jnp.ones(2))
    np.testing.assert_array_equal(grad(lambda: (v.value**2).sum(), v)(), [2.0, 2.0])


def test_a_state_that_is_written_first_has_the_gradient_of_its_first_value(net):
    def loss():
        net.w.value = net.w.value * 3
        return net.w.value**2

    assert grad(loss, net.w)() == 36.0
    assert net.w.value == 6.0


def test_unread_states(net):
    other = sl.ParamState(jnp.ones(2) * u.mV, "other")
    with pytest.raises(ValueError, match=r"grad: loss does not read other. Remove them .* check_states=False"):
        grad(_loss(net), [net.w, other])()
    assert net.calls.value == 0.0
    g = grad(_loss(net), [net.w, other], check_states=False)()
    assert g[0] == 12.0
    np.testing.assert_array_equal(g[1].to_decimal(u.mV), [0.0, 0.0])


def test_what_is_not_a_state_is_refused():
    with pytest.raises(
        TypeError, match=r"grad: grad_states holds 1.0; give States, such as model.states\(ParamState\)"
    ):
        grad(lambda: 1.0, [1.0])


def test_nothing_to_differentiate(net):
    with pytest.raises(ValueError, match=r"takes no argument and reads no ParamState"):
        grad(lambda: net.calls.value)()
    with pytest.raises(ValueError, match=r"argnums=2 is out of range; the function got 1 positional"):
        grad(lambda x: x, argnums=2)(1.0)


def test_parameters_of_one_name_are_told_apart():
    a, b = sl.ParamState(jnp.float32(1.0), "w"), sl.ParamState(jnp.float32(2.0), "w")
    assert grad(lambda: a.value * b.value)() == {"w#0": 2.0, "w#1": 1.0}


def test_a_loss_is_one_number(net):
    with pytest.raises(TypeError, match=r"grad needs a function that returns one number; it returns .*\(2,\)"):
        grad(lambda x: x)(jnp.ones(2))
    with pytest.raises(TypeError, match="returns one number"):
        grad(lambda x: (x, x))(1.0)
    with pytest.raises(TypeError, match=r"with has_aux=True the function must return \(value, aux\)"):
        grad(lambda x: x, has_aux=True)(1.0)


def test_a_whole_number_is_refused():
    with pytest.raises(TypeError, match="int"):
        grad(lambda x: x * 2.0)(3)
    assert grad(lambda x: x * 2.0, allow_int=True)(3).dtype == jax.dtypes.float0


class TestUnits:
    def test_a_loss_with_a_unit_is_refused(self):
        with pytest.raises(TypeError, match=r"grad: the function returns a value in ms.*unit_aware=True"):
            grad(lambda x: x)(3.0 * u.ms)

    def test_gradients_have_the_unit_of_their_parameter(self):
        tau = sl.ParamState(jnp.float32(3.0) * u.ms)
        g = grad(lambda: (tau.value / u.ms) ** 2, tau)()
        assert g.unit == u.ms
        assert g.to_decimal(u.ms) == 6.0

    def test_unit_aware_gradients(self):
        tau = sl.ParamState(jnp.float32(3.0) * u.ms)
        g, value = grad(lambda: tau.value**2, tau, unit_aware=True, return_value=True)()
        assert (g.unit, value.unit) == (u.ms, u.ms**2)
        assert (g.to_decimal(u.ms), value.to_decimal(u.ms**2)) == (6.0, 9.0)
        g = grad(lambda x, y: x / u.ms * y, argnums=(0, 1), unit_aware=True)(2.0 * u.ms, 3.0)
        assert g[0].unit.has_same_dim(u.kHz)
        assert (g[0].to_decimal(u.kHz), g[1]) == (3.0, 2.0)

    def test_jacobians_have_the_unit_of_output_per_input(self):
        for jac in (jacrev, jacfwd):
            g = jac(lambda x: x**2)(jnp.array([1.0, 2.0]) * u.ms)
            assert g.unit == u.ms
            np.testing.assert_array_equal(g.to_decimal(u.ms), [[2.0, 0.0], [0.0, 4.0]])

    def test_hessian(self):
        h = hessian(lambda x: x**3)(2.0 * u.ms)
        assert h.unit == u.ms
        assert h.to_decimal(u.ms) == 12.0

    def test_vector_grad(self):
        g = vector_grad(lambda x: x**2, unit_aware=True)(jnp.array([1.0, 2.0]) * u.mV)
        assert g.unit == u.mV
        np.testing.assert_array_equal(g.to_decimal(u.mV), [2.0, 4.0])


def test_vector_grad_is_the_gradient_of_the_sum(net):
    x = jnp.array([1.0, 2.0])
    np.testing.assert_array_equal(vector_grad(lambda x: x**2 * net.w.value)(x), 4 * x)
    assert vector_grad(lambda: x * net.w.value, net.w)() == 3.0
    _, value = vector_grad(lambda x: x**2, return_value=True)(x)
    np.testing.assert_array_equal(value, x**2)


@pytest.mark.parametrize("jac", [jacrev, jacfwd, jacobian])
class TestJacobians:
    def test_arguments(self, jac):
        x, f = jnp.array([1.0, 2.0, 3.0]), lambda x: jnp.stack([x.sum(), (x**2).sum()])
        np.testing.assert_allclose(jac(f)(x), jax.jacrev(f)(x))

    def test_states_arguments_and_both(self, jac):
        w = sl.ParamState(jnp.array([1.0, 2.0]))
        f = lambda x: w.value * x  # noqa: E731
        np.testing.assert_array_equal(jac(f, w)(3.0), 3 * np.eye(2))
        by_state, by_argument = jac(f, [w], argnums=0)(3.0)
        np.testing.assert_array_equal(by_state[0], 3 * np.eye(2))
        np.testing.assert_array_equal(by_argument, [1.0, 2.0])

    def test_several_results_and_aux(self, jac):
        f = lambda x: ({"a": x, "b": 2 * x}, x + 1)  # noqa: E731
        g, value, aux = jac(f, has_aux=True, return_value=True)(jnp.ones(2))
        np.testing.assert_array_equal(g["b"], 2 * np.eye(2))
        np.testing.assert_array_equal(value["b"], [2.0, 2.0])
        np.testing.assert_array_equal(aux, [2.0, 2.0])

    def test_several_results_of_several_states(self, jac):
        a, b = sl.ParamState(jnp.float32(2.0)), sl.ParamState(jnp.float32(3.0))
        g = jac(lambda: {"p": a.value * b.value, "s": a.value}, {"a": a, "b": b})()
        assert jax.tree.map(float, g) == {"a": {"p": 3.0, "s": 1.0}, "b": {"p": 2.0, "s": 0.0}}


def test_hessian_of_states():
    a, b = sl.ParamState(jnp.float32(2.0)), sl.ParamState(jnp.float32(3.0))
    h = hessian(lambda: a.value**2 * b.value, [a, b])()
    assert jax.tree.map(float, h) == [[6.0, 4.0], [4.0, 0.0]]


def test_states_are_written_once_by_forward_mode(net):
    jacfwd(_loss(net), net.w)()
    hessian(_loss(net), net.w)()
    assert net.calls.value == 2.0


@pytest.mark.parametrize("transform", [grad, jacrev, value_and_grad])
def test_keyword_arguments_are_passed(transform):
    f = transform(lambda x, *, scale: x * x * scale)
    result = f(3.0, scale=2.0)
    assert (result[1] if transform is value_and_grad else result) == 12.0


def test_gradient_of_gradient(net):
    assert grad(lambda: grad(lambda: net.w.value**3, net.w)(), net.w)() == 12.0
    assert grad(grad(lambda x: x**3))(2.0) == 12.0


def test_gradient_through_a_loop_equals_that_of_jax(net):
    v = sl.State(jnp.float32(0.1))

    def step(x):
        v.value = jnp.tanh(v.value * net.w.value + x)
        return v.value

    xs = jnp.linspace(0.0, 1.0, 10)

    def plain(w):
        return jax.lax.scan(lambda c, x: (jnp.tanh(c * w + x),) * 2, jnp.float32(0.1), xs)[1].sum()

    np.testing.assert_allclose(grad(lambda: for_loop(step, xs).sum(), net.w)(), jax.grad(plain)(2.0), rtol=1e-5)


def test_gradients_inside_a_loop_update_parameters(net):
    def train():
        g = grad(lambda: (net.w.value - 7.0) ** 2, net.w)()
        net.w.value = net.w.value - 0.1 * g

    jit(lambda: for_loop(train, length=100))()
    np.testing.assert_allclose(net.w.value, 7.0, rtol=1e-5)


def test_gradients_of_a_jitted_a_mapped_and_a_checkpointed_function(net):
    f = lambda x: net.w.value**2 * x  # noqa: E731
    assert grad(jit(f), net.w)(3.0) == 12.0
    assert grad(checkpoint(f), net.w)(3.0) == 12.0
    assert grad(lambda xs: vmap(f)(xs).sum(), net.w)(jnp.ones(3)) == 12.0
    np.testing.assert_array_equal(vmap(grad(f))(jnp.ones(3)), [4.0] * 3)


def test_debug_nan():
    f = grad(lambda x: jnp.sqrt(x) * jnp.sqrt(x), debug_nan=True)
    with pytest.raises(FloatingPointError):
        f(-1.0)
    assert f(4.0) == 1.0


def test_holomorphic():
    assert grad(lambda z: z * z, holomorphic=True)(1.0 + 2.0j) == 2.0 + 4.0j


def test_repr():
    assert repr(grad(_loss)) == "<grad of _loss>"
