"""e-prop beside backpropagation through time whose path through recurrent weights is cut, and its memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.extend.core import jaxpr_as_fun
from spikeloop import nn, snn

STEPS, BATCH, N_IN, N, N_OUT = 30, 2, 3, 4, 2
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.random((STEPS, BATCH, N_IN)) < 0.5)
TARGETS = RNG.normal(size=(STEPS, BATCH, N_OUT))


@pytest.fixture(autouse=True)
def double():
    sl.random.seed(0)
    with sl.environ.context(precision=64):
        yield


class Cut(snn.RecurrentLIF):
    """Recurrent neurons whose spikes are constants to each other."""

    def update(self, x):
        return self.cell(x + self.recurrent(jax.lax.stop_gradient(self.cell.spike.value)))


def loss(y, wanted):
    return ((y - wanted) ** 2).sum()


CELLS = {
    "ALIF": lambda: snn.ALIF(N, beta=jnp.linspace(0.7, 0.9, N), rho=0.9, strength=0.4),
    "CubaLIF": lambda: snn.CubaLIF(N, tau_syn=3.0, tau=4.0, threshold=0.3),
    "LIF": lambda: snn.LIF(N, tau=3.0, reset_mechanism="subtract"),
}


def network(hidden):
    mask = np.ones((N_IN, N))
    mask[0, 0] = 0
    into = nn.Linear(N_IN, N, sl.init.Normal(std=1.5), w_mask=mask)
    return nn.Sequential(into, hidden, nn.Linear(N, N_OUT), snn.LeakyIntegrator(N_OUT, beta=0.8))


@pytest.mark.parametrize("name", CELLS)
def test_equals_backpropagation_with_the_recurrent_path_cut(name):
    net = network(Cut(N, cell=CELLS[name](), w_init=sl.init.Normal(std=0.7)))
    trained = {".".join(map(str, path)): state for path, state in net.states(sl.ParamState).items()}

    def backpropagated():
        sl.nn.init_all_states(net, batch_size=BATCH)
        outputs = sl.transform.for_loop(net, X)
        return loss(outputs, TARGETS), outputs

    wanted, value, outputs = sl.transform.grad(backpropagated, trained, return_value=True, has_aux=True)()
    sl.nn.init_all_states(net, batch_size=BATCH)
    found, total, ours = sl.train.eprop(net, loss, X, TARGETS)
    assert found.keys() == trained.keys()
    np.testing.assert_allclose(ours, outputs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(total, value, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10), found, wanted)
    assert all(np.abs(x).max() > 1e-3 for x in jax.tree.leaves(found))


def test_memory_does_not_grow_with_the_steps():
    net = network(snn.RecurrentLIF(N))

    def temporary(steps, gradients):
        sl.nn.init_all_states(net, batch_size=BATCH)
        shapes = jnp.zeros((steps, BATCH, N_IN)), jnp.zeros((steps, BATCH, N_OUT))
        closed = sl.transform.make_jaxpr(gradients)(*shapes)[0]
        compiled = jax.jit(jaxpr_as_fun(closed)).lower(*closed.in_avals).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    ours = [temporary(steps, lambda x, y: sl.train.eprop(net, loss, x, y)[0]) for steps in (100, 400)]
    whole = sl.transform.grad(lambda x, y: loss(sl.transform.for_loop(net, x), y), net.states(sl.ParamState))
    theirs = [temporary(steps, whole) for steps in (100, 400)]
    assert ours[1] <= 1.05 * ours[0]
    assert theirs[1] > 2 * theirs[0]


def test_fixed_feedback_takes_the_place_of_the_readouts_weights():
    net = network(snn.Leaky(N))
    results = []
    for feedback in (None, net.layers[2].weight.value["weight"], jnp.zeros((N, N_OUT))):
        sl.nn.init_all_states(net, batch_size=BATCH)
        results.append(sl.train.eprop(net, loss, X, TARGETS, feedback)[0]["layers.0.weight"]["weight"])
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0]).max() > 1e-3
    assert not np.any(results[2])
    with pytest.raises(sl.errors.ShapeError, match=r"of shape \(4, 2\); given \(2, 4\)"):
        sl.train.eprop(net, loss, X, TARGETS, np.ones((N_OUT, N)))


def test_other_networks_are_refused_by_path():
    with pytest.raises(TypeError, match="given Linear, Leaky"):
        sl.train.eprop(nn.Sequential(nn.Linear(2, 2), snn.Leaky(2)), loss, X, TARGETS)
    with pytest.raises(TypeError, match=r"layers\[1\]\.cell\.beta: eprop trains weights"):
        cell = snn.Leaky(N, beta=sl.ParamState(jnp.full(N, 0.9)))
        sl.train.eprop(network(snn.RecurrentLIF(N, cell=cell)), loss, X, TARGETS)
    with pytest.raises(TypeError, match=r"layers\[1\]: the gradients of EventProp belong to two steps"):
        sl.train.eprop(network(snn.EventPropLIF(N)), loss, X, TARGETS)
    net = nn.Sequential(nn.Linear(N_IN, N), snn.Leaky(N), nn.Linear(N, 2), snn.LeakyIntegrator(2, np.array([0.8, 0.9])))
    with pytest.raises(TypeError, match=r"beta: eprop takes one number for all outputs"):
        sl.train.eprop(net, loss, X, TARGETS)
