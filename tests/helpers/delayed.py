"""A population that given spikes reach after a delay, and the same in a loop over a dense matrix."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from spikeloop.connect import Connection

N = 5
EDGES = [
    (0, 1, 2),
    (0, 3, 4),
    (1, 1, 1),
    (1, 4, 3),
    (2, 0, 2),
    (2, 0, 5),
    (4, 2, 0),
    (4, 2, 3),
]  # source, target, steps


def connection(unit, delay="each", weight=None, order=EDGES):
    sources, targets, steps = np.array(order).T
    weight = np.arange(1.0, len(order) + 1) if weight is None else weight
    delay = steps if isinstance(delay, str) else delay
    return Connection(targets, np.searchsorted(sources, range(N + 1)), weight * unit, N, N, delay=delay)


class Net(sl.nn.Module):
    """Given spikes reach a population through one projection."""

    def __init__(self, kind, order="before", steps="each", **kwargs):
        super().__init__()
        self.order, self.kind = order, kind
        self.N = sl.LIF(N, tau=20.0 * u.ms, V_th=1e6 * u.mV, spk_fun=sl.surrogate.ReluGrad(width=0.5))
        if kind == "delta":
            self.proj = sl.DeltaProj(comm=connection(u.mV, steps), post=self.N, **kwargs)
        else:
            self.proj = sl.AlignPostProj(comm=connection(u.mS, steps), syn=sl.Expon.desc(N, tau=5.0 * u.ms),
                                         out=sl.CUBA.desc(), post=self.N, **kwargs)  # fmt: skip

    def update(self, spikes):
        if self.order == "before":
            self.proj(spikes)
        self.N()
        if self.order == "after":
            self.proj(spikes)
        return self.N.V.value.mantissa


def run(net, spikes, **kwargs):
    sl.environ.set(dt=0.1 * u.ms)
    sl.nn.init_all_states(net, **kwargs)
    return np.asarray(sl.transform.for_loop(net.update, jnp.asarray(spikes)))


def dense(kind, spikes, steps, weight=None, late=0):
    """V when each synapse delivers its weight `steps` after the spike; a loop over a dense matrix."""
    weight = np.arange(1.0, len(EDGES) + 1) if weight is None else np.broadcast_to(weight, len(EDGES))
    T, batch = spikes.shape[0], spikes.shape[1:-1]
    arriving = np.zeros((T + 100, *batch, N))
    for (i, j, _), w, d in zip(EDGES, weight, np.broadcast_to(steps, len(EDGES)), strict=True):
        arriving[d + late : d + late + T, ..., j] += w * spikes[..., i]
    V, g, out = np.zeros((*batch, N)), np.zeros((*batch, N)), []
    for x in arriving[:T]:
        if kind == "delta":
            V = V * np.exp(-0.1 / 20) + x
        else:
            g = g + x
            V = g + (V - g) * np.exp(-0.1 / 20)  # R is 1 Ω and the scale 1 V: 1 mS drives by 1 mV
            g = g * np.exp(-0.1 / 5)
        out.append(V)
    return np.array(out)


def random_spikes(*shape, seed=0):
    return (np.random.default_rng(seed).random((*shape, N)) < 0.2).astype(np.float32)


STEPS = np.array(EDGES)[:, 2]
