"""A network that is built inside a traced function: the rules know their synapses while a program is traced."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import connect, init
from spikeloop.connect import Positions

N = 40
SPIKES = jnp.asarray(np.arange(N) % 3 == 0, jnp.float32)
RULES = {
    "one_to_one": lambda w: connect.OneToOne(w),
    "all_to_all": lambda w: connect.AllToAll(w, autapses=False),
    "prob": lambda w: connect.FixedProb(0.2, w, seed=1),
    "pair_prob": lambda w: connect.FixedProb(lambda d: jnp.exp(-d), w, seed=1, positions=Positions()),
    "out_degree": lambda w: connect.FixedOutDegree(5, w, seed=1),
    "in_degree": lambda w: connect.FixedInDegree(5, w, seed=1),
    "total": lambda w: connect.FixedTotalNumber(50, w, seed=1),
    "small_world": lambda w: connect.SmallWorld(4, 0.2, w, seed=1),
    "distance": lambda w: connect.DistanceDependent(connect.GaussianProfile(0.2), w, seed=1),
    "edges": lambda w: connect.Edges([0, 3, 3], [1, 2, 5], w),
    "procedural": lambda w: connect.Procedural(connect.FixedProb(0.2, w, seed=1)),
    "delays": lambda w: connect.FixedProb(0.2, w, seed=1, delay=init.Uniform(0.1 * u.ms, 2.0 * u.ms)),
    "own_delays": lambda w: connect.FixedProb(0.2, w, seed=1, delay=lambda i, j: (1 + (i + j) % 7) * 0.1 * u.ms),
}

WEIGHTS = {
    "one": 1.5,
    "of each source": np.full((N, 1), 1.5),
    "function": lambda i, j: i - 0.5 * j,
    "initializer": init.Constant(1.5),
}


@pytest.fixture(autouse=True)
def dt():
    sl.environ.set(dt=0.1 * u.ms)


class Net(sl.nn.Module):
    """Two projections between parts of a population, with delays."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIF(N)
        delay, syn = init.Uniform(0.1 * u.ms, 2.0 * u.ms), sl.Expon.desc(N, tau=5.0 * u.ms)
        self.E = sl.AlignPostProj(pre=self.N[:30], comm=connect.FixedProb(0.2, 2.0 * u.mS, seed=1, delay=delay),
                                  syn=syn, out=sl.CUBA.desc(), post=self.N)  # fmt: skip
        self.I = sl.DeltaProj(pre=self.N[30:], comm=connect.FixedOutDegree(5, -1.0 * u.mV, seed=2),
                              post=self.N[::2], delay=np.linspace(0.1, 1.0, 10) * u.ms)  # fmt: skip

    def update(self, _):
        spikes = self.N.get_spike()
        self.E(spikes[:30])
        self.I(spikes[30:])
        return self.N(30.0 * u.mA)


def simulated():
    net = sl.nn.init_all_states(Net())
    return sl.transform.for_loop(net.update, jnp.arange(200))


@pytest.mark.filterwarnings("ignore:.*no multiple of dt")
def test_a_network_inside_jit_spikes_as_one_outside():
    wanted = simulated()
    assert wanted.sum() > 1000
    np.testing.assert_array_equal(sl.transform.jit(simulated)(), wanted)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_every_rule_builds_inside_jit(rule, weight):
    weight = 1.5 if rule == "procedural" else WEIGHTS[weight]
    wanted = RULES[rule](weight)(N, N).undelayed(SPIKES)
    got = sl.transform.jit(lambda spikes: RULES[rule](weight)(N, N).undelayed(spikes))(SPIKES)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_traced_weight(rule):
    def delivered(weight):
        return RULES[rule](weight)(N, N).undelayed(SPIKES)

    one, state = delivered(1.0), sl.ParamState(jnp.asarray(2.0))
    np.testing.assert_allclose(sl.transform.jit(lambda: delivered(state.value))(), 2 * one, rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(delivered)(jnp.arange(3.0))[2], 2 * one, rtol=1e-6)
    slope = sl.transform.grad(lambda: delivered(state.value).sum(), state)()
    np.testing.assert_allclose(jax.tree.leaves(slope)[0], one.sum(), rtol=1e-5)


def test_traced_weights_of_each_synapse_follow_the_order_of_delays():
    def delivered(weight):
        return connect.from_coo(weight, [0, 0, 0], [0, 1, 2], (1, 3), delay=[3, 1, 2]).undelayed(jnp.ones(1))

    np.testing.assert_array_equal(sl.transform.jit(delivered)(jnp.array([1.0, 2.0, 3.0])), [1, 2, 3])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: connect.FixedProb(x, 1.0), "FixedProb: prob must lie in .* it must be known before tracing"),
        (lambda x: connect.FixedOutDegree(x, 1.0), "num must be a number of targets; .* must be known before tracing"),
        (lambda x: connect.SmallWorld(2, x, 1.0), "SmallWorld: prob .* must be known before tracing"),
        (lambda x: connect.GaussianProfile(x), "GaussianProfile: scale .* must be known before tracing"),
        (lambda x: connect.Positions(source=x * np.ones(3)), "Positions: source .* must be known before tracing"),
        (lambda x: connect.FixedProb(0.1, 1.0, seed=x)(3, 3), "A seed is a whole number; .* known before tracing"),
        (lambda x: connect.FixedProb(0.1, 1.0)(3, 3), r"keys of sl.random are not known.* Pass seed="),
        (lambda x: connect.FixedProb(lambda i, j: x * i, 1.0, seed=1)(3, 3), "prob must return known numbers"),
        (lambda x: connect.OneToOne(1.0, delay=x * u.ms)(3, 3), "OneToOne: delay .* known before tracing"),
        (lambda x: connect.OneToOne(1.0, delay=x)(3, 3), "OneToOne: delay .* known before tracing"),
        (lambda x: connect.OneToOne(1.0, delay=lambda i: x * u.ms)(3, 3), "OneToOne: delay .* known before tracing"),
        (lambda x: connect.OneToOne(1.0)(x, x), "source size must be known before tracing"),
        (lambda x: connect.from_coo(1.0, jnp.arange(2), [0, 1], (2, 2)), "Edges: sources must be known before tracing"),
        (lambda x: connect.from_csr(1.0, [0], x * jnp.arange(2), (1, 1)), "indptr must be known before tracing"),
        (lambda x: connect.Blocks([2], [2], {(0, 0): connect.OneToOne(x)})(2, 2), "Blocks: weights must be known"),
        (lambda x: sl.LIF(5)[x], "the neurons of a part must be known before tracing"),
    ],
)
def test_what_decides_which_synapses_there_are_must_be_known(build, message):
    with pytest.raises(TypeError, match=message):
        sl.transform.jit(lambda x: (build(x), 0)[1])(1)
