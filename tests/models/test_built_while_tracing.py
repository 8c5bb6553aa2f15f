"""Models that are built inside a compiled function, with constants that it is given."""

import inspect

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

N = 4
NEURONS = sorted(
    (x for x in vars(sl).values() if inspect.isclass(x) and issubclass(x, sl.Neuron) and x is not sl.Neuron),
    key=lambda cls: cls.__name__,
)
SYNAPSES = [sl.Expon, sl.DualExpon, sl.Alpha]
OUTPUTS = {
    "COBA": lambda a: sl.COBA.desc(E=a * u.mV),
    "CUBA": lambda a: sl.CUBA.desc(scale=a * u.volt),
    "MgBlock": lambda a: sl.MgBlock.desc(E=a * u.mV, alpha=0.05 * a / u.mV),
}


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(dt=0.1 * u.ms, precision=64)
    sl.random.seed(0)


def compare(run):
    """The same numbers as from a model that is built outside."""
    inside, outside = sl.transform.jit(run)(jnp.asarray(1.5)), run(1.5)
    np.testing.assert_allclose(inside, outside, rtol=1e-12, atol=1e-12)


def scaled(cls, a):
    names = [name for name in cls.params if name.startswith("tau") or name in ("C", "C_m", "t_ref")]
    return {name: cls.params[name].default * a for name in names}


@pytest.mark.parametrize("cls", NEURONS, ids=lambda cls: cls.__name__)
def test_neurons(cls):
    def run(a):
        sl.random.seed(0)
        neuron = sl.nn.init_all_states(cls(N, **scaled(cls, a)))
        sl.transform.for_loop(lambda: neuron(a * cls.current_unit), length=5)
        return u.get_mantissa(neuron.V.value)

    compare(run)


@pytest.mark.parametrize("synapse", SYNAPSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("output", OUTPUTS)
def test_receptors(synapse, output):
    def run(a):
        neuron, comm = sl.LIFRef(N, V_initializer=0.5 * a * u.mV), sl.nn.OneToOne(N, a * u.siemens)
        syn, out = synapse.desc(N, g_initializer=0.0 * u.siemens, **scaled(synapse, a)), OUTPUTS[output](a)
        proj = sl.AlignPostProj(comm=comm, syn=syn, out=out, post=neuron)
        net = sl.nn.Module()
        net.parts = [neuron, proj]
        sl.nn.init_all_states(net)

        def step():
            proj(neuron.get_spike())
            return neuron(a * 5.0 * u.mA), neuron.V.value.to_decimal(u.mV)

        return jnp.stack(sl.transform.for_loop(step, length=40))

    compare(run)


def test_all_else():
    def run(a):
        N1, N2 = sl.LIF(N, spk_fun=sl.surrogate.Sigmoid(a)), sl.LIF(N, V_initializer=0.1 * a * u.mV)
        parts = [N1, N2, sl.LeakyRateReadout(N, 2, w_init=np.ones((N, 2)), tau=a * u.ms), sl.STD(N, tau=a * u.ms)]
        gaps = [
            sl.SymmetryGapJunction((N1, N2), "V", [(0, 1), (1, 2)], a * u.mS),
            sl.AsymmetryGapJunction(N1, "V", N2, "V", [(0, 1)], a * jnp.ones((1, 2)) * u.mS),
        ]
        projections = [
            sl.DeltaProj(comm=sl.nn.OneToOne(N, a * u.mV), post=N2, delay=0.2 * u.ms),
            sl.CurrentProj(comm=sl.nn.OneToOne(N, a * u.mS), out=sl.COBA(E=a * u.mV), post=N2),
            sl.align_pre_projection(syn=sl.AMPA.desc(N), comm=sl.nn.OneToOne(N, a), out=sl.CUBA.desc(), post=N2,
                                    stp=sl.STP(N, U=0.1 * a)),
        ]  # fmt: skip
        net = sl.nn.Module()
        net.parts = [*parts, *gaps, *projections]
        sl.nn.init_all_states(net)

        def step():
            for gap in gaps:
                gap()
            for projection in projections:
                projection(N1.get_spike())
            spikes = N1(a * 5.0 * u.mA)
            N2()
            return parts[2](spikes).sum() + parts[3](spikes).sum() + N2.V.value.to_decimal(u.mV).sum()

        return sl.transform.for_loop(step, length=30)

    compare(run)
