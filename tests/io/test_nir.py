"""Graphs of NIR: models written and read again, graphs beside their equations, and what NIR cannot express."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn, snn

nir = pytest.importorskip("nir")
RNG = np.random.default_rng(0)
ZERO = {"reset_mechanism": "zero"}


@pytest.fixture(autouse=True)
def double():
    sl.random.seed(0)
    with sl.environ.context(precision=64):
        yield


def run(net, x):
    sl.nn.init_all_states(net, batch_size=x.shape[1])
    return np.asarray(sl.transform.for_loop(net, jnp.asarray(x)))


def each(low, high, *shape):
    return RNG.uniform(low, high, shape)


MODELS = {
    "chain": lambda: nn.Sequential(
        nn.Linear(5, 6),
        snn.Leaky(6, beta=each(0.5, 0.9, 6), **ZERO),
        nn.Sequential(nn.Linear(6, 6, b_init=None), nn.Dropout(6)),
        snn.LIF(6, tau=2.0, decay_input=False, threshold=0.4),
        nn.OneToOne(6, each(0.5, 1, 6)),
        snn.PLIF(6, tau=3.0, threshold=0.2),
        snn.EventPropLIF(6, threshold=0.1),
        snn.Leaky(6, beta=1.0, **ZERO),
        snn.LeakyIntegrator(6),
        snn.LeakyIntegrator(6, beta=1.0),
    ),
    "recurrent": lambda: nn.Sequential(
        nn.Linear(5, 6), snn.RecurrentLIF(6, cell=snn.CubaLIF(6, tau_syn=each(2, 5, 6), threshold=0.3, **ZERO))
    ),
    "images": lambda: nn.Sequential(
        nn.Conv2d((6, 8, 2), 4, 4, stride=(2, 1), padding=[(1, 1), (1, 1)]),
        snn.Leaky((3, 7, 4), beta=each(0.5, 0.9, 3, 7, 4), threshold=0.5, **ZERO),
        nn.Conv2d((3, 7, 4), 3, 3),
        nn.AvgPool2d((3, 7, 3)),
        nn.Flatten((1, 3, 3)),
        snn.Leaky(9, beta=each(0.5, 0.9, 9), threshold=0.1, **ZERO),
        nn.Linear(9, 4),
    ),
    "signals": lambda: nn.Sequential(
        nn.Conv1d((9, 2), 4, 3, padding="VALID", rhs_dilation=2),
        nn.Flatten((5, 4)),
        nn.Linear(20, 3),
        snn.LeakyIntegrator(3),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_written_and_read_computes_the_same(name, tmp_path):
    net = MODELS[name]()
    nir.write(tmp_path / "net.nir", sl.io.to_nir(net))
    x = RNG.normal(0.5, 1.0, (12, 2, *net.in_size))
    wanted = run(net, x)
    assert wanted.std() > 0.05
    np.testing.assert_allclose(run(sl.io.from_nir(tmp_path / "net.nir"), x), wanted, rtol=0, atol=1e-12)


def graph(shape, *nodes):
    return nir.NIRGraph.from_list(nir.Input({"input": np.array(shape)}), *nodes, nir.Output({"output": None}),
                                  type_check=False)  # fmt: skip


def test_graphs_compute_what_their_equations_say_by_euler_steps():
    dt, n, steps = 1e-3, 3, 40
    c = {name: each(2e-3, 9e-3, n) for name in ("tau", "tau_syn", "tau_mem", "tau_li")}
    c |= {name: each(1, 3, n) for name in ("r", "w_in", "r_cuba", "r_li")}
    zero, threshold = np.zeros(n), each(0.5, 1, n)
    net = sl.io.from_nir(
        graph(
            [n],
            nir.LIF(tau=c["tau"], r=c["r"], v_leak=zero, v_threshold=threshold),
            nir.CubaLIF(c["tau_syn"], c["tau_mem"], c["r_cuba"], zero, threshold, w_in=c["w_in"]),
            nir.CubaLI(c["tau_syn"], c["tau_mem"], c["r_cuba"], zero, w_in=c["w_in"]),
            nir.LI(c["tau_li"], c["r_li"], zero),
        ),
        dt,
    )
    x = each(0, 3, steps, 1, n)
    V, G, U, J, W, Y = np.zeros((6, n))
    wanted = []
    for now in x[:, 0]:
        V = V + dt / c["tau"] * (c["r"] * now - V)
        spike = (threshold < V) * 1.0
        V = V * (1 - spike)
        G = G - dt / c["tau_syn"] * (G - c["w_in"] * spike)
        U = U + dt / c["tau_mem"] * (c["r_cuba"] * G - U)
        spike = (threshold < U) * 1.0
        U = U * (1 - spike)
        J = J - dt / c["tau_syn"] * (J - c["w_in"] * spike)
        W = W + dt / c["tau_mem"] * (c["r_cuba"] * J - W)
        Y = Y + dt / c["tau_li"] * (c["r_li"] * W - Y)
        wanted.append(Y)
    assert wanted[-1].max() > 0
    np.testing.assert_allclose(run(net, x)[:, 0], wanted, rtol=1e-10)


def test_images_are_those_of_nir_with_channels_first():
    weight = each(-1, 1, 3, 2, 2, 2)
    net = sl.io.from_nir(
        graph(
            [2, 5, 4],
            nir.Conv2d((5, 4), weight, 1, 0, 1, 1, np.arange(3.0)),
            nir.SumPool2d(np.array([2, 1]), np.array([2, 1]), np.array([0, 0])),
            nir.Flatten({"input": np.array([3, 2, 3])}, 0, -1),
            nir.Scale(np.arange(18.0)),
            nir.Linear(np.eye(18)),
        )
    )
    x = each(-1, 1, 1, 2, 5, 4)
    windows = np.lib.stride_tricks.sliding_window_view(x[0, 0:2], (2, 2), (1, 2))
    image = np.einsum("cxyij,kcij->kxy", windows, weight) + np.arange(3.0)[:, None, None]
    pooled = image.reshape(3, 2, 2, 3).sum(2)
    ours = net(jnp.asarray(np.moveaxis(x, 1, -1)))
    np.testing.assert_allclose(ours[0], pooled.ravel() * np.arange(18.0), rtol=1e-12)


REFUSED = {
    r"layers\[1\]: neurons of NIR are reset to a value.*write reset_mechanism='zero'": lambda: snn.Leaky(4),
    r"layers\[1\]: NIR has no node for ALIF": lambda: snn.ALIF(4, **ZERO),
    r"layers\[1\]\.cell: NIR has no node for Synaptic": lambda: snn.RecurrentLIF(4, cell=snn.Synaptic(4, **ZERO)),
    "layers_1: NIR has no node for the function": lambda: jnp.tanh,
    r"layers\[1\]: what is left after a step must be below 1": lambda: snn.LeakyIntegrator(4, np.array([1, 1, 1, 0.5])),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_nir_cannot_express_is_refused_by_path(message):
    net = nn.Sequential(nn.Linear(3, 4), REFUSED[message]())
    with pytest.raises(ValueError, match=message):
        sl.io.to_nir(net)


def test_other_refusals_of_layers():
    image = nn.Conv2d((4, 4, 1), 2, 3, stride=2)
    with pytest.raises(ValueError, match="no padding 'SAME' with a stride"):
        sl.io.to_nir(image)
    with pytest.raises(ValueError, match=r"the package nir takes \(2, 4\) for \(1, 4\)"):
        sl.io.to_nir(nn.Conv1d((4, 2), 2, 3, groups=2))
    with pytest.raises(ValueError, match="padding does not count"):
        sl.io.to_nir(nn.AvgPool2d((4, 4, 1), padding=1))
    with pytest.raises(ValueError, match="add a Linear"):
        sl.io.to_nir(nn.Flatten((4, 4, 2)))
    with pytest.raises(ValueError, match="its weights have a unit"):
        sl.io.to_nir(nn.Linear(2, 2, w_init=sl.init.Constant(1.0 * u.mA)))


def test_graphs_that_have_no_counterpart_are_refused_by_name():
    one = np.ones(2)
    with pytest.raises(ValueError, match="from_nir: dt must be a positive number of seconds"):
        sl.io.from_nir(graph([2], nir.Scale(one)), dt=0.1 * u.ms)
    leak = nir.LIF(tau=one, r=one, v_leak=one, v_threshold=one)
    with pytest.raises(ValueError, match=r"v_leak of 'lif' must be 0; given \[1. 1.\]"):
        sl.io.from_nir(graph([2], leak))
    with pytest.raises(ValueError, match="the time constant of 'li' is not longer than dt = 2"):
        sl.io.from_nir(graph([2], nir.LI(one, one, 0 * one)), dt=2)
    with pytest.raises(ValueError, match="'threshold' is a Threshold"):
        sl.io.from_nir(graph([2], nir.Threshold(one)))
    fork = graph([2], nir.Scale(one), nir.Scale(one))
    fork.edges.append(("input", "scale_1"))
    with pytest.raises(ValueError, match=r"the nodes after 'input' are \['scale', 'scale_1'\]"):
        sl.io.from_nir(fork)
