"""Models, connections and results are pickled and copied; a forked process refuses to compute instead of hanging."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

WORKERS = Path(__file__).parents[1] / "helpers" / "workers.py"
DT = 0.1 * u.ms
HOW = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy}


def learning():
    net = sl.nn.Module("net")
    net.N = sl.LIF(6, V_th=1.0 * u.mV)
    net.P = sl.AlignPostProj(
        comm=sl.connect.FixedProb(0.5, 1 * u.mS, seed=1),
        syn=sl.Expon.desc(6, g_initializer=sl.init.ZeroInit(unit=u.mS)),
        out=sl.CUBA.desc(scale=1 * u.volt),
        pre=net.N,
        post=net.N,
        delay=1 * u.ms,
        plasticity=sl.plasticity.STDP(w_max=2 * u.mS),
    )
    return net


def own_delays():
    net = sl.nn.Module("net")
    net.N = sl.LIF(6)
    delay = sl.init.Uniform(1 * u.ms, 3 * u.ms)
    net.P = sl.DeltaProj(comm=sl.connect.FixedProb(0.5, 2 * u.mV, seed=1, delay=delay), pre=net.N, post=net.N)
    return net


MODELS = {
    "LIF": lambda: sl.LIF(3, tau=sl.ParamState(5.0 * u.ms)),
    "HH": lambda: sl.HH(3),
    "Connection": lambda: sl.connect.FixedProb(0.5, 1 * u.mV, seed=1)(9, 9),
    "Procedural": lambda: sl.connect.Procedural(sl.connect.FixedProb(0.5, 1 * u.mV, seed=1))(9, 9),
    "Linear": lambda: sl.nn.Sequential(sl.nn.Linear(3, 2), sl.LIF(2)),
    "STDP": learning,
    "own delays": own_delays,
    "Delay": lambda: sl.nn.Delay(jnp.zeros(3), entries={"a": 1 * u.ms}),
    "inputs": lambda: sl.nn.Sequential(sl.PoissonSpike(3, 10 * u.Hz), sl.SpikeTime(3, times=[1] * u.ms, indices=[1])),
    "recorder": lambda: sl.record.Events(sl.LIF(3), 10),
    **{
        name: lambda name=name: getattr(sl.networks, name)(40)
        for name in ("COBANetwork", "CUBANetwork", "COBAHHNetwork", "BrunelSTDP")
    },
}


@pytest.fixture(autouse=True)
def time_step():
    with sl.environ.context(dt=DT):
        yield


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", MODELS)
def test_a_copy_has_the_values_the_paths_and_nothing_in_common(name, how):
    model = MODELS[name]()
    sl.nn.init_all_states(model)
    new = HOW[how](model)
    before, after = ({s.path: s for s in m.states().values()} for m in (model, new))
    assert list(before) == list(after)
    assert not {*before.values()} & {*after.values()}
    for path, state in before.items():
        assert jax.tree.structure(state.value) == jax.tree.structure(after[path].value)
        for a, b in zip(jax.tree.leaves(state.value), jax.tree.leaves(after[path].value), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("make", [learning, own_delays])
def test_a_copy_goes_on_as_the_original(make, how):
    net = sl.nn.init_all_states(make())

    def steps(net):
        return sl.transform.for_loop(lambda: (net.P(net.N.get_spike()), net.N(2.0 * u.mA))[1], length=100)

    steps(net)
    new = HOW[how](net)
    np.testing.assert_array_equal(steps(net), steps(new))
    weights = [n.P.comm.weight.value.mantissa for n in (net, new)]
    np.testing.assert_array_equal(*weights)


def test_a_shared_state_is_shared_in_the_copy_and_a_shallow_copy_shares_all():
    net = sl.nn.Module("net")
    net.a = sl.LIF(2, tau=sl.ParamState(5.0 * u.ms))
    net.b = sl.LIF(2, tau=net.a.tau)
    for copied in HOW.values():
        assert (new := copied(net)).a.tau is new.b.tau is not net.a.tau
    assert copy.copy(net).a is net.a
    assert net.a.tau.path == "net.a.tau"


def test_a_receptor_is_found_again_in_a_copy():
    net = learning()
    new = HOW["pickle"](net)
    more = {"syn": sl.Expon.desc(6, g_initializer=sl.init.ZeroInit(unit=u.mS)), "out": sl.CUBA.desc(scale=1 * u.volt)}
    sl.AlignPostProj(comm=sl.nn.Linear(6, 6, w_init=1 * u.mS), post=new.N, **more)
    assert len(new.N.receptors) == 1


def test_models_from_text(tmp_path):
    """A class from text is itself in a copy, and is made anew from its text in another process."""
    Leaky = sl.Neuron.from_equations("dv/dt = (R*I - v)/tau : mV", threshold="v > V_th", reset="v = 0*mV",
                                     R=1 * u.ohm, tau=20 * u.ms, V_th=10 * u.mV)  # fmt: skip
    Falling = sl.Synapse.from_equations("w : mV", on_pre="w -= 0.1*mV")
    net = sl.nn.Module("net")
    net.cells = Leaky(3, tau=10 * u.ms)
    net.synapses = sl.project(net.cells, net.cells, sl.connect.AllToAll(1 * u.mV), plasticity=Falling())
    sl.nn.init_all_states(net)
    for copied in HOW.values():
        assert type(copied(net).cells) is Leaky
        assert type(copied(net).synapses.plasticity) is Falling
    (tmp_path / "net").write_bytes(pickle.dumps(net))
    code = """if True:
        import pickle, sys
        import brainunit as u, spikeloop as sl
        net = pickle.load(open(sys.argv[1], "rb"))
        assert type(net.cells) is type(pickle.loads(pickle.dumps(net)).cells)
        assert net.cells.tau == 10 * u.ms
        sl.environ.set(dt=0.1 * u.ms)
        print(sl.transform.for_loop(lambda: net.cells(20 * u.mA), length=300).sum(0))
    """
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "net"], capture_output=True, text=True)
    assert run.stdout == "[4. 4. 4.]\n", run.stderr


class Net(sl.nn.Module):
    """A model with compiled methods and functions."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIF(2)
        self.go = sl.transform.jit(self.step)

    def step(self):
        return self.N(1.0 * u.mA)

    @sl.transform.jit
    def compiled(self):
        return self.N.V.value


@sl.transform.jit
def double(x):
    return 2 * x


def test_compiled_functions():
    net = sl.nn.init_all_states(Net())
    net.go()
    net.compiled()
    for copied in HOW.values():
        new = copied(net)
        sl.nn.init_all_states(new)
        new.go()
        np.testing.assert_array_equal(new.compiled().mantissa, net.compiled().mantissa)
    assert pickle.loads(pickle.dumps(double)) is double


@pytest.mark.parametrize("on_disk", [False, True])
def test_records(on_disk, tmp_path):
    neuron = sl.nn.init_all_states(sl.LIF(3, V_th=0.1 * u.mV))
    record = [sl.record.Spikes(neuron), sl.record.States(neuron, "V"), sl.record.Rate(neuron)]
    path = tmp_path / "run" if on_disk else None
    run = sl.record.run(lambda t: neuron(5 * u.mA), 10 * u.ms, record=record, path=path)
    for copied in HOW.values():
        new = copied(run)
        assert (list(new), new.steps, new.dt) == (list(run), run.steps, run.dt)
        np.testing.assert_array_equal(new["spikes"].times.mantissa, run["spikes"].times.mantissa)
        np.testing.assert_array_equal(new["spikes"].select([1]).counts, run["spikes"].select([1]).counts)
        np.testing.assert_array_equal(new["V"].values.mantissa, run["V"].values.mantissa)


@pytest.mark.parametrize("how", HOW)
def test_random_states(how):
    rng = sl.random.RandomState(5)
    new = HOW[how](rng)
    np.testing.assert_array_equal(rng.normal(size=3), new.normal(size=3))


def workers(method):
    done = subprocess.run([sys.executable, WORKERS, method], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_spawned_workers_receive_models_and_send_results_back():
    assert workers("spawn") == "COBANetwork.N.V mV\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
class TestFork:
    def test_after_jax_has_started_an_error_comes_in_place_of_a_hang(self):
        assert workers("fork").startswith("ForkedError This process was forked from one in which JAX had started.")

    def test_before_jax_has_started_the_child_computes(self):
        code = (
            "import os, sys, brainunit as u, spikeloop as sl\n"
            "if (child := os.fork()) == 0:\n"
            "    sl.environ.set(dt=0.1 * u.ms)\n"
            "    N = sl.nn.init_all_states(sl.LIF(3, V_th=0.1 * u.mV))\n"
            "    os._exit(int(sl.transform.for_loop(lambda: N(9 * u.mA), length=9).sum()))\n"
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        )
        spikes = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode
        assert spikes == 3 * 9
