"""A projection between given spike trains, and the same synapses one spike at a time in NumPy."""

from types import SimpleNamespace

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

N_PRE, N_POST, STEPS, DT = 7, 5, 400, 0.5


class Trains(sl.nn.Module):
    """One projection whose source and target fire as they are told; the weights after each step."""

    def __init__(self, rule, weight, delay=None, projection=sl.DeltaProj, dense=None, **more):
        super().__init__()
        dense = np.random.default_rng(3).random((N_PRE, N_POST)) < 0.6 if dense is None else dense
        self.sources, self.targets = (np.asarray(x) for x in np.nonzero(dense))
        indptr = np.append(0, dense.sum(1).cumsum())
        self.post = sl.LIF(dense.shape[1])
        comm = sl.connect.Connection(self.targets, indptr, weight, *dense.shape, delay=more.pop("own_delay", None))
        self.projection = projection(comm=comm, post=self.post, plasticity=rule, delay=delay, **more)

    def fire(self, pre, post):
        """A step in which nobody looks at the weights."""
        self.post.spike.value = post
        self.projection(pre)

    def update(self, pre, post):
        self.fire(pre, post)
        return self.projection.comm.weight.value


def trains(rate=0.06, seed=0, steps=STEPS):
    """Spikes of source and target, among them many in the same step."""
    rng = np.random.default_rng(seed)
    pre, post = (rng.random((steps, n)) < rate for n in (N_PRE, N_POST))
    return jnp.asarray(pre, sl.environ.dftype()), jnp.asarray(post, sl.environ.dftype())


def run(net, pre, post):
    sl.environ.set(dt=DT * u.ms)
    sl.nn.init_all_states(net)
    return u.get_mantissa(sl.transform.for_loop(net, pre, post))


def replay(net, pre, post, weight, on_post, on_pre, low, high, taus, pairs="all"):
    """The weights after each step. `taus` are those of traces, {name: (side, tau)}."""
    pre, post = np.asarray(pre), np.asarray(post)
    w = np.full(net.sources.size, weight, float)
    n_pre, n_post = pre.shape[1], post.shape[1]
    traces = {name: np.zeros(n_pre if side == "pre" else n_post) for name, (side, _) in taus.items()}
    out = []
    for s, r in zip(pre, post, strict=True):
        for name, (_, tau) in taus.items():
            traces[name] = traces[name] * np.exp(-DT / tau)
        for k, (i, j) in enumerate(zip(net.sources, net.targets, strict=True)):
            t = SimpleNamespace(**{name: x[i if taus[name][0] == "pre" else j] for name, x in traces.items()})
            if r[j]:
                w[k] = np.clip(w[k] + on_post(w[k], t), low, high)
            if s[i]:
                w[k] = np.clip(w[k] + on_pre(w[k], t), low, high)
        for name, (side, _) in taus.items():
            spikes = s if side == "pre" else r
            traces[name] = traces[name] + spikes if pairs == "all" else np.where(spikes, 1.0, traces[name])
        out.append(w.copy())
    return np.array(out)


@pytest.fixture(autouse=True)
def wide():
    sl.environ.set(precision=64)


@pytest.fixture
def tools():
    return SimpleNamespace(
        Trains=Trains, trains=trains, run=run, replay=replay, N_PRE=N_PRE, N_POST=N_POST, STEPS=STEPS, DT=DT
    )
