"""sl.Network and sl.project: populations and projections in one object."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

JUMP = sl.connect.OneToOne(3.0 * u.mV)


@pytest.fixture(autouse=True)
def _dt():
    with sl.environ.context(dt=0.1 * u.ms):
        yield


def chain(**options):
    """A population that a strong input makes fire, and one behind it that only spikes reach."""
    a, b = sl.LIF(3, tau=1.0 * u.ms), sl.LIF(3, tau=20.0 * u.ms, V_th=2.0 * u.mV)
    return sl.Network(a=a, b=b, ab=sl.project(a, b, JUMP, **options), inputs={"a": 2.0 * u.mA})


def spikes_of(net, steps=60):
    return sl.transform.for_loop(sl.nn.init_all_states(net), length=steps)


def first(spikes):
    return int(np.argmax(np.asarray(spikes).any(axis=1)))


def test_a_spike_acts_one_step_later():
    found = spikes_of(chain())
    assert set(found) == {"a", "b"}
    assert first(found["b"]) == first(found["a"]) + 1


def test_a_delay_adds_to_it():
    found = spikes_of(chain(delay=0.5 * u.ms))
    assert first(found["b"]) == first(found["a"]) + 6


def test_it_does_what_the_same_network_written_out_does():
    class WrittenOut(sl.nn.Module):
        def __init__(self):
            super().__init__()
            self.N = sl.LIF(20, tau=5.0 * u.ms)
            self.E = sl.AlignPostProj(
                pre=15,
                comm=sl.connect.FixedOutDegree(5, 0.2 * u.mS, seed=1),
                syn=sl.Expon.desc(20, tau=3.0 * u.ms),
                out=sl.COBA.desc(E=4.0 * u.mV),
                post=self.N,
            )

        def update(self):
            self.E(self.N.get_spike()[:15])
            return self.N(jnp.linspace(1.0, 2.0, 20) * u.mA)

    N = sl.LIF(20, tau=5.0 * u.ms)
    syn, out = sl.Expon.desc(tau=3.0 * u.ms), sl.COBA.desc(E=4.0 * u.mV)
    E = sl.project(N[:15], N, sl.connect.FixedOutDegree(5, 0.2 * u.mS, seed=1), syn, out)
    net = sl.Network(N=N, E=E, inputs={"N": jnp.linspace(1.0, 2.0, 20) * u.mA})
    spikes = spikes_of(net, 300)["N"]
    assert spikes.sum() > 50
    assert (spikes == spikes_of(WrittenOut(), 300)).all()


def test_equal_synapses_share_a_receptor_and_parts_have_their_path():
    N, syn, out = sl.LIF(4), sl.Expon.desc(tau=3.0 * u.ms), sl.COBA.desc(E=4.0 * u.mV)
    rule = sl.connect.AllToAll(1.0 * u.mS)
    net = sl.Network(N=N, one=sl.project(N[:2], N, rule, syn, out), two=sl.project(N[2:], N, rule, syn, out))
    assert len(N.receptors) == 1
    assert (net.N.path, net.one.path) == ("Network.N", "Network.one")
    assert (list(net.populations), list(net.projections)) == (["N"], ["one", "two"])


def test_inputs_may_be_functions_and_modules():
    N = sl.LIF(5, tau=1.0 * u.ms)
    assert spikes_of(sl.Network(N=N, inputs={"N": lambda: 2.0 * u.mA}))["N"].sum() > 0
    noise = sl.OUProcessInput(5, 2.0 * u.mA, 0.1 * u.mA, tau=5.0 * u.ms)
    net = sl.Network(N=N, inputs={"N": noise})
    assert noise in net.nodes().values()
    assert spikes_of(net)["N"].sum() > 0


def test_poisson_sources_project():
    N = sl.LIF(50, tau=20.0 * u.ms)
    source = sl.PoissonSpike(50, 100.0 * u.Hz)
    net = sl.Network(N=N, external=sl.project(source, N, JUMP))
    assert spikes_of(net, 300)["N"].sum() > 0
    twice = {"one": sl.project(source, N, JUMP), "two": sl.project(source, N, JUMP)}
    with pytest.raises(ValueError, match="one and two call the same PoissonSpike, which would advance twice"):
        sl.Network(N=N, **twice)


def test_a_network_takes_the_time_and_learns():
    N = sl.LIF(4, tau=1.0 * u.ms)
    seen = []
    net = sl.Network(N=N, inputs={"N": lambda: seen.append(sl.environ.get("t")) or 2.0 * u.mA})
    sl.nn.init_all_states(net)(3.0 * u.ms)
    assert seen == [3.0 * u.ms]
    rule = sl.plasticity.STDP(tau_plus=20.0 * u.ms, tau_minus=20.0 * u.ms, A_plus=0.1, A_minus=0.1, w_max=2.0 * u.mV)
    learning = sl.project(N, N, sl.connect.OneToOne(1.0 * u.mV, param_type=sl.ParamState), plasticity=rule)
    assert learning.plasticity is rule


MISTAKES = {
    "a part": (lambda N: sl.Network(N=N, M=sl.PoissonSpike(3, 1.0 * u.Hz)), TypeError, "M must be a population, such"),
    "no source": (
        lambda N: sl.Network(N=N, p=sl.DeltaProj(comm=JUMP, pre=N, post=N)),
        TypeError,
        r"p does not know where its spikes come from. Make it by sl.project\(pre, post",
    ),
    "a taken name": (lambda N: sl.Network(update=N), ValueError, "a part cannot be called 'update'"),
    "inputs as a name": (
        lambda N: sl.Network(N=N, inputs={"n": 1.0}),
        KeyError,
        "inputs names 'n', but the populations are 'N'",
    ),
    "no out": (lambda N: sl.project(N, N, JUMP, sl.Expon.desc()), TypeError, "missing is out, such as sl.COBA.desc"),
    "no syn": (lambda N: sl.project(N, N, JUMP, out=sl.COBA.desc()), TypeError, "missing is syn, such as sl.Expon"),
    "a wrong source": (lambda N: sl.project(4, N, JUMP), TypeError, "pre must be a population, a part of one"),
    "a wrong target": (lambda N: sl.project(N, 4, JUMP), TypeError, "post must be a neuron population"),
    "a weight without unit": (lambda N: sl.project(N, N, sl.connect.OneToOne(1.0)), sl.errors.UnitError, "mV"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    make, kind, message = MISTAKES[mistake]
    with pytest.raises(kind, match=message):
        make(sl.LIF(3))
