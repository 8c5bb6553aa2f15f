"""Networks whose loops keep something from step to step, and programs with other forms of loops."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import spikeloop as sl
from spikeloop.kernels.plan import _loop

N = 131
STEPS = 150


class Net(sl.nn.Module):
    """A population that excites and inhibits itself, or two that do so to each other."""

    def __init__(self, tau_ref=1.0, n=N, populations=1):
        super().__init__()
        start = sl.init.Uniform(0.0 * u.mV, 20.0 * u.mV)
        options = {"V_th": 20.0 * u.mV, "tau_ref": tau_ref * u.ms, "V_initializer": start}
        self.N = [sl.LIFRef(n, **options) for _ in range(populations)]
        self.P = [self._projection(post, n, seed) for seed, post in enumerate(self.N)]
        self.count = sl.State(jnp.zeros(n))

    def _projection(self, post, n, seed):
        comm = sl.connect.FixedOutDegree(min(10, n), 0.5 * u.mV, seed=seed)
        return sl.DeltaProj(comm=comm, pre=n, post=post)

    def update(self, current):
        spikes = [population.get_spike() for population in self.N]
        for projection, arriving in zip(self.P, reversed(spikes), strict=True):
            projection(arriving)
        for population in self.N:
            new = population(current * u.mA)
            self.count.value += new


def build(**kwargs):
    sl.environ.set(dt=0.1 * u.ms)
    sl.random.seed(1)
    return sl.nn.init_all_states(Net(**kwargs))


CURRENTS = jnp.linspace(20.0, 60.0, STEPS)


def with_part(monkeypatch, name, part, function):
    """What a function returns with this `part` of how loops are planned; programs compiled before are forgotten."""
    sl.transform.clear_caches()
    with monkeypatch.context() as patch:
        patch.setattr(_loop, name, part)
        result = function()
    sl.transform.clear_caches()
    return result


def with_and_without(monkeypatch, name, nothing, function):
    """What a function returns as it is, which must be the same bits with `nothing` in place of a part of planning.

    Also what the part itself returned.
    """
    made, plain = [], getattr(_loop, name)

    def noted(*args):
        made.append(plain(*args))
        return made[-1]

    found, expected = (with_part(monkeypatch, name, part, function) for part in (noted, nothing))
    for a, b in zip(expected, found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    return found, made
