"""Brian2's example of STDP (Song, Miller and Abbott 2000): 1,000 Poisson sources compete for one neuron in 100 s."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from scipy.stats import ks_2samp

DT, N, DURATION, PIECE = 0.1, 1000, 100_000.0, 50_000
STEPS = round(DURATION / DT)


def by_hand():
    return sl.plasticity.STDP(A_plus=0.01, A_minus=0.0105, w_max=0.01 * u.mS)


def from_text():
    """The text of Brian2's example, with the delivery after the change as in the peer's run of our order."""
    return sl.Synapse.from_equations(
        """
        w : msiemens
        dApre/dt = -Apre / taupre : msiemens (event-driven)
        dApost/dt = -Apost / taupost : msiemens (event-driven)
        """,
        on_pre="Apre += dApre\nw = clip(w + Apost, 0*msiemens, gmax)\nge_post += w",
        on_post="Apost += dApost\nw = clip(w + Apre, 0*msiemens, gmax)",
        taupre=20.0 * u.ms, taupost=20.0 * u.ms, gmax=0.01 * u.mS, dApre=1e-4 * u.mS, dApost=-1.05e-4 * u.mS,
    )()  # fmt: skip


class Song(sl.nn.Module):
    """The neuron, whose weights are in units of its leak."""

    def __init__(self, weights, rule):
        super().__init__()
        self.neuron = sl.LIFRef(1, V_rest=-74.0 * u.mV, V_th=-54.0 * u.mV, V_reset=-60.0 * u.mV, tau=10.0 * u.ms,
                                tau_ref=0.0 * u.ms, V_initializer=sl.init.Constant(-74.0 * u.mV), spk_reset="hard",
                                R=1.0 * u.kohm)  # fmt: skip
        comm = sl.connect.Connection(np.zeros(N, int), np.arange(N + 1), weights * u.mS, N, 1)
        self.synapses = sl.AlignPostProj(comm=comm, syn=sl.Expon.desc(1, tau=5.0 * u.ms), post=self.neuron,
                                         out=sl.COBA.desc(E=0.0 * u.mV), plasticity=rule)  # fmt: skip

    def update(self, spikes):
        self.synapses(spikes)
        return self.neuron()

    @property
    def weights(self):
        return np.asarray(self.synapses.comm.weight.value.to_decimal(u.mS))


@pytest.fixture(scope="module")
def theirs(brian2_stdp, tmp_path_factory):
    path = tmp_path_factory.mktemp("brian2") / "learned.npz"
    brian2_stdp("learn", path=str(path), n=N, duration=DURATION, dt=DT, start=first(), seed=1)
    return np.load(path)


def first():
    return 0.01 * np.random.default_rng(0).random(N)


@pytest.mark.parametrize("rule", [by_hand, from_text])
def test_weights_on_the_same_spikes(theirs, settings, rule):
    """A spike of a Brian2 source reaches the neuron in the next step."""
    settings(DT)
    net = sl.nn.init_all_states(Song(first(), rule()))
    run = sl.transform.jit(lambda spikes: sl.transform.for_loop(net, spikes))
    fired = []
    for begin in range(0, STEPS, PIECE):
        here = slice(*np.searchsorted(theirs["steps"] + 1, [begin, begin + PIECE]))
        spikes = np.zeros((PIECE, N), bool)
        spikes[theirs["steps"][here] + 1 - begin, theirs["sources"][here]] = True
        fired += list(begin + np.flatnonzero(run(jnp.asarray(spikes))))
    last = np.isin(np.arange(N), theirs["sources"][theirs["steps"] == STEPS - 1])
    net.synapses(jnp.asarray(last))
    assert len(fired) > 1000
    np.testing.assert_array_equal(fired, theirs["fired"])
    np.testing.assert_allclose(net.weights, theirs["ours"], rtol=0, atol=1e-10)


def test_distribution_of_weights(theirs, settings):
    settings(DT)
    sl.random.seed(3)
    net = sl.nn.init_all_states(Song(first(), by_hand()))
    sources = sl.PoissonSpike(N, freqs=15.0 * u.Hz)
    sl.transform.for_loop(lambda: net(sources()).sum(), length=STEPS)
    assert ks_2samp(first(), net.weights).statistic > 0.1
    assert ks_2samp(theirs["example"], net.weights).statistic < 0.06
