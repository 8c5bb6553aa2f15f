"""EventProp beside its adjoint equations, a closed form, and spike times of an event-driven simulation."""

import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import nn, snn

RNG = np.random.default_rng(0)
TAU_SYN, TAU, THRESHOLD = 0.5, 1.0, 0.3  # in units of time


@pytest.fixture(autouse=True)
def double():
    with sl.environ.context(precision=64):
        yield


def adjoint(g, V, current, spikes, alpha, beta, tau, least):
    """Derivatives by the input: Wunderlich & Pehle (2021), Table 1, from those by the output `g`, in steps of one."""
    p, q, grads = np.zeros(V.shape[1:]), np.zeros(V.shape[1:]), np.zeros_like(g)
    later = np.zeros_like(p)
    for t in reversed(range(len(g))):
        slope = np.maximum((current[t] - 1) / tau, least)
        p = np.where(spikes[t] > 0, (p * (slope + 1 / tau) - (later - g[t])) / slope, p)
        q = q + (1 - beta) * p
        grads[t], p, q, later = q, beta * p, alpha * q, g[t]
    return grads


def test_backward_are_the_adjoint_equations_in_both_forms():
    x, g = RNG.normal(0.5, 1.0, (60, 2, 3)), RNG.normal(size=(60, 2, 3))
    tau = np.array([5.0, 8.0, 12.0])
    cell = snn.EventPropLIF(3, tau_syn=4.0, tau=tau)

    def loss(x, fused):
        sl.nn.init_all_states(cell, batch_size=2)
        outputs = sl.transform.for_loop(lambda x: (cell(x), cell.V.value, cell.I.value), x, fused=fused)
        return (outputs[0] * g).sum(), outputs

    for fused in (False, True):
        found, (spikes, V, current) = sl.transform.grad(lambda x, f=fused: loss(x, f), argnums=0, has_aux=True)(
            jnp.asarray(x)
        )
        assert spikes.sum() > 10
        wanted = adjoint(g, *map(np.asarray, (V, current, spikes)), np.exp(-1 / 4), np.exp(-1 / tau), tau, 1e-3)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def spike_times(arrivals, weights, end):
    """All spikes of a neuron before `end`, by bisection between its sorted `arrivals`."""
    factor = TAU_SYN / (TAU - TAU_SYN)

    def potential(t):
        return V * np.exp(-t / TAU) + I * factor * (np.exp(-t / TAU) - np.exp(-t / TAU_SYN))

    V, I, now, found, k = 0.0, 0.0, 0.0, [], 0  # noqa: E741
    while now < end:
        after = arrivals[k] if k < len(arrivals) else end
        ratio = I * factor * TAU / ((V + I * factor) * TAU_SYN) if I > 0 else 0.0
        top = min(after - now, np.log(ratio) / (1 / TAU_SYN - 1 / TAU) if ratio > 1 else 0.0)
        step = after - now
        if potential(top) >= THRESHOLD:
            low, step = 0.0, top
            for _ in range(60):
                middle = (low + step) / 2
                low, step = (middle, step) if potential(middle) < THRESHOLD else (low, middle)
            found.append(now + step)
            V, I, now = 0.0, I * np.exp(-step / TAU_SYN), now + step  # noqa: E741
            continue
        V, I, now = potential(step), I * np.exp(-step / TAU_SYN), after  # noqa: E741
        if k < len(arrivals):
            I, k = I + weights[k], k + 1  # noqa: E741
    return found


def layer_of(sources, W, end):
    """The spike times of every neuron that the `sources`, lists of times, reach by W (sources, neurons)."""
    events = sorted((t, i) for i, times in enumerate(sources) for t in times)
    return [spike_times([t for t, _ in events], [W[i, j] for _, i in events], end) for j in range(W.shape[1])]


INPUT = [[0.1, 0.9], [0.3], [0.5, 1.3]]
WEIGHTS = np.random.default_rng(2)
W1, W2 = WEIGHTS.uniform(0.4, 1.0, (3, 4)), WEIGHTS.uniform(0.1, 0.8, (4, 2))
END = 2.5


def event_driven_loss(W1, W2):
    """The sum of all spike times at the output, those of the second neuron twice."""
    out = layer_of(layer_of(INPUT, W1, END), W2, END)
    return sum((j + 1) * sum(times) for j, times in enumerate(out)), [len(times) for times in out]


def differences():
    """Finite differences of the event-driven loss by all weights."""
    slopes, eps = [], 1e-6
    for which, W in enumerate((W1, W2)):
        slope = np.zeros_like(W)
        for index in np.ndindex(W.shape):
            pair = []
            for sign in (1, -1):
                moved = [W1.copy(), W2.copy()]
                moved[which][index] += sign * eps
                pair.append(event_driven_loss(*moved)[0])
            slope[index] = (pair[0] - pair[1]) / (2 * eps)
        slopes.append(slope)
    return slopes


def gradients(steps):
    """Those of EventProp with `steps` in a unit of time."""
    cells = {"tau_syn": TAU_SYN * steps, "tau": TAU * steps, "threshold": THRESHOLD, "least_slope": 1e-6}
    hidden, out = snn.EventPropLIF(4, **cells), snn.EventPropLIF(2, **cells)
    net = nn.Sequential(nn.Linear(3, 4, W1, b_init=None), hidden, nn.Linear(4, 2, W2, b_init=None), out)
    x = np.zeros((int(END * steps), 3))
    for i, times in enumerate(INPUT):
        x[np.rint(np.array(times) * steps).astype(int), i] = 1
    times = np.arange(len(x))[:, None] / steps * np.array([1, 2])

    def loss():
        sl.nn.init_all_states(net)
        spikes = net.run_steps(jnp.asarray(x))
        return (spikes * times).sum(), spikes

    trained = net.states(sl.ParamState)
    found, spikes = sl.transform.grad(loss, trained, has_aux=True)()
    return [np.asarray(value["weight"]) for value in found.values()], np.asarray(spikes).sum(0)


def test_gradients_of_two_layers_converge_to_those_of_exact_spike_times():
    wanted = differences()
    counts = event_driven_loss(W1, W2)[1]
    assert min(counts) > 1
    errors = []
    for steps in (200, 1600):
        found, spikes = gradients(steps)
        assert spikes.tolist() == counts
        errors.append([np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, wanted, strict=True)])
    assert max(errors[1]) < 0.01
    assert max(errors[0]) / max(errors[1]) > 4  # first order in the step: 8


def test_only_the_reset_to_zero():
    with pytest.raises(ValueError, match="EventProp has the reset to 0; given reset_mechanism='subtract'"):
        snn.EventPropLIF(2).reset_mechanism = "subtract"
