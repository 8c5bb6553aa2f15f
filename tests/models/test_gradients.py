"""Gradients of models: trained constants and weights against finite differences, through loops and checkpoints."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.connect import Connection

STEPS = 60
# no spike and no surrogate: V stays further below the threshold than the surrogate reaches
SILENT = {"V_th": 100.0 * u.mV, "spk_fun": sl.surrogate.ReluGrad(width=0.2)}


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


class Net(sl.nn.Module):
    def __init__(self, neuron=None, synapse=None, output=None, weight=None, kind=sl.LIFRef):
        super().__init__()
        self.N = kind(4, **{**SILENT, **(neuron or {})})
        n = self.N.in_size[0]
        comm = Connection(np.arange(n)[::-1].copy(), np.zeros(0, int), 0.3 * u.mS if weight is None else weight, n, n)
        out = sl.COBA.desc(**{"E": 90.0 * u.mV, **(output or {})})
        self.proj = sl.AlignPostProj(comm=comm, syn=sl.Expon.desc(n, **(synapse or {})), out=out, post=self.N)

    def update(self, spikes):
        self.proj(spikes)
        self.N(2.0 * u.mA)
        return self.N.V.value.mantissa


SPIKES = (np.random.default_rng(0).random((STEPS, 4)) < 0.3).astype(np.float64)


def loss_of(net, loop=None):
    def loss():
        sl.nn.init_all_states(net)
        V = (loop or sl.transform.for_loop)(net.update, SPIKES)
        return (V * jnp.arange(1.0, 5.0)).mean()

    return loss


TRAINED = {
    "tau": lambda p: {"neuron": {"tau": p}},
    "R": lambda p: {"neuron": {"R": p}},
    "V_rest": lambda p: {"neuron": {"V_rest": p}},
    "synapse tau": lambda p: {"synapse": {"tau": p}},
    "E": lambda p: {"output": {"E": p}},
    "weight": lambda p: {"weight": p},
}
START = {"tau": 8.0 * u.ms, "R": 1.3 * u.ohm, "V_rest": -3.0 * u.mV, "synapse tau": 4.0 * u.ms, "E": 70.0 * u.mV,
         "weight": 0.4 * u.mS}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("each", [False, True])
def test_a_trained_constant_has_the_gradient_of_finite_differences(name, each):
    each = each and name != "E"  # an output has one E
    start = START[name].mantissa * (np.array([1.0, 1.1, 0.9, 1.2]) if each else 1.0)
    unit = START[name].unit
    state = sl.ParamState(u.Quantity(jnp.asarray(start), unit=unit))
    if name == "weight":  # the connection makes its own State
        net = Net(weight=state.value)
        state = net.proj.comm.weight
    else:
        net = Net(**TRAINED[name](state))
    loss = loss_of(net)
    assert state in net.states(sl.ParamState).values()
    (gradient,) = jax.tree.leaves(sl.transform.grad(loss, [state])())
    run = sl.transform.jit(loss)
    assert float(run()) != 0
    h, value = 1e-5, np.atleast_1d(state.value.mantissa).copy()
    slopes = []
    for k in range(value.size):
        ends = []
        for sign in (1, -1):
            moved = value.copy()
            moved[k] += sign * h * value[k]
            state.value = u.Quantity(jnp.asarray(moved.reshape(np.shape(start))), unit=unit)
            ends.append(float(run()))
        slopes.append((ends[0] - ends[1]) / (2 * h * value[k]))
    # rounding of the difference: 10·2⁻⁵²/h ≈ 2e-10; truncation: h² ≈ 1e-10, both relative to a slope of order 0.1
    np.testing.assert_allclose(np.ravel(gradient), slopes, rtol=1e-6, atol=1e-8)
    assert np.abs(slopes).min() > 1e-6


@pytest.mark.parametrize("name", ["tau", "V_th", "V_reset", "tau_ref"])
def test_every_constant_of_a_neuron_may_be_a_param_state(name):
    default = {"tau": 8.0 * u.ms, "V_th": 2.0 * u.mV, "V_reset": -1.0 * u.mV, "tau_ref": 0.5 * u.ms}[name]
    state = sl.ParamState(default)
    neuron = sl.LIFRef(4, **{"V_th": 2.0 * u.mV, name: state})
    plain = sl.LIFRef(4, **{"V_th": 2.0 * u.mV, name: default})

    def spikes(n):
        sl.nn.init_all_states(n)
        return sl.transform.for_loop(lambda: n(5.0 * u.mA), length=200)

    assert np.array_equal(spikes(neuron), spikes(plain))
    assert spikes(plain).sum() > 0
    (gradient,) = jax.tree.leaves(sl.transform.grad(lambda: spikes(neuron).sum(), [state])())
    assert np.isfinite(gradient).all()
    assert (gradient == 0).all() == (name == "tau_ref")  # a number of steps has no derivative


LOOPS = {
    "for_loop": lambda f, xs: sl.transform.for_loop(f, xs),
    "unrolled": lambda f, xs: sl.transform.for_loop(f, xs, unroll=4),
    "checkpointed": lambda f, xs: sl.transform.checkpointed_for_loop(f, xs, base=4),
    "python": lambda f, xs: jnp.stack([f(x) for x in xs[:20]]),
}


def spiking_gradient(loop, reference=False):
    tau = sl.ParamState(8.0 * u.ms)
    net = Net(neuron={"tau": tau, "V_th": 0.5 * u.mV, "spk_fun": sl.surrogate.Arctan()})
    if reference:  # a surrogate that the library does not know, with the same derivative
        net.N.spk_fun = OwnArctan()
    states = [tau, net.proj.comm.weight]

    def loss():
        sl.nn.init_all_states(net)

        def step(x):
            net.update(x)
            return net.N.get_spike() * jnp.arange(1.0, 5.0)

        return loop(step, SPIKES).sum()

    value = loss()
    return float(value), [np.asarray(g) for g in jax.tree.leaves(sl.transform.grad(loss, states)())]


# The surrogate without native code is what makes the reference run.
pytestmark = pytest.mark.filterwarnings("ignore:Kernel 'lif with OwnArctan'")


class OwnArctan(sl.surrogate.Surrogate):
    alpha: float = 1.0

    def derivative(self, x):
        return self.alpha / 2 / (1 + (jnp.pi / 2 * self.alpha * x) ** 2)


@pytest.mark.parametrize("loop", ["for_loop", "unrolled", "checkpointed"])
def test_gradients_with_spikes_equal_those_of_the_reference(loop):
    value, ours = spiking_gradient(LOOPS[loop])
    same, wanted = spiking_gradient(LOOPS["for_loop"], reference=True)
    assert value == same > 0
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)  # 60 steps, each with rounding of 1e-16 amplified by the spikes
        assert (b != 0).all()


def test_a_loop_in_python_has_the_same_gradient():
    short = lambda f, xs: sl.transform.for_loop(f, xs[:20])  # noqa: E731
    (value, ours), (same, wanted) = spiking_gradient(LOOPS["python"]), spiking_gradient(short)
    assert value == same
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_forward_mode_equals_reverse_mode():
    tau = sl.ParamState(8.0 * u.ms)
    net = Net(neuron={"tau": tau})

    def V_of(x):
        tau.value = u.Quantity(x, unit=u.ms)
        sl.nn.init_all_states(net)
        return sl.transform.for_loop(net.update, SPIKES)[-1]

    forward = sl.transform.jacfwd(V_of)(jnp.asarray(8.0))
    reverse = sl.transform.jacrev(V_of)(jnp.asarray(8.0))
    assert forward.shape == (4,)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10)


def test_second_derivatives_equal_finite_differences():
    tau = sl.ParamState(8.0 * u.ms)
    net = Net(neuron={"tau": tau})

    def loss(x):
        tau.value = u.Quantity(x, unit=u.ms)
        sl.nn.init_all_states(net)
        return sl.transform.for_loop(net.update, SPIKES[:20]).mean()

    second = sl.transform.hessian(loss)(jnp.asarray(8.0))
    slope, h = sl.transform.jit(sl.transform.grad(loss, argnums=0)), 1e-4
    wanted = (slope(jnp.asarray(8.0 + h)) - slope(jnp.asarray(8.0 - h))) / (2 * h)
    np.testing.assert_allclose(second, wanted, rtol=1e-5)
    assert abs(float(second)) > 1e-6


def test_gradient_of_each_sample_of_a_batch():
    net = sl.LIF(4, V_th=2.0 * u.mV)

    def loss(current):
        sl.nn.init_all_states(net, batch_size=current.shape[0])
        spikes = sl.transform.for_loop(lambda: net(u.Quantity(current, unit=u.mA)), length=40)
        return (spikes * jnp.arange(40.0)[:, None, None]).sum()

    current = jnp.linspace(2.5, 6.0, 12).reshape(3, 4)
    batch = sl.transform.grad(loss, argnums=0)(current)
    alone = [sl.transform.grad(loss, argnums=0)(row[None])[0] for row in current]
    np.testing.assert_allclose(batch, jnp.stack(alone), rtol=1e-12)
    assert (jnp.abs(batch) > 0).any()


def test_weights_train():
    # gradient descent reaches a target rate
    net = Net(neuron={"V_th": 0.6 * u.mV, "spk_fun": sl.surrogate.Sigmoid()}, weight=1.0 * u.mS, kind=sl.LIF)
    weight = net.proj.comm.weight

    def loss():
        sl.nn.init_all_states(net)

        def step(x):
            net.update(x)
            return net.N.get_spike()

        return (sl.transform.for_loop(step, SPIKES).mean() - 0.1) ** 2

    step = sl.transform.jit(lambda: sl.transform.grad(loss, [weight], return_value=True)())
    losses = []
    for _ in range(40):
        gradients, value = step()
        losses.append(float(value))
        (g,) = jax.tree.leaves(gradients)
        weight.value = u.Quantity(weight.value.mantissa - 0.5 * jnp.sign(g), unit=weight.value.unit)
    assert min(losses) < losses[0] / 10
