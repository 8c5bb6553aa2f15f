"""Resets, adaptation and own synapses of the integrate-and-fire models, against closed forms."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64, dt=0.1 * u.ms)


def states(model, names, step, length):
    def one():
        spike = step()
        return {"spike": spike[0], **{k: u.get_mantissa(getattr(model, k).value)[0] for k in names}}

    return {k: np.asarray(x) for k, x in sl.transform.for_loop(one, length=length).items()}


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("cls", [sl.ExpIF, sl.AdExIF, sl.QuaIF, sl.AdQuaIF, sl.Izhikevich])
def test_a_runaway_potential_is_cut_off_and_reset_to_v_reset(cls, reset):
    model = sl.nn.init_all_states(cls(1, spk_reset=reset))
    unit = cls.current_unit
    out = states(model, ["V"], lambda: model(u.Quantity(90.0, unit=unit)), 2000)
    assert out["spike"].sum() > 3
    top = {sl.Izhikevich: 125.0, sl.AdExIF: -42.0}.get(cls, 8.0)
    assert out["V"].max() <= top
    p = model.numbers()
    after = np.flatnonzero(out["spike"])[:-1] + 1
    V_reset = p.c if cls is sl.Izhikevich else p.V_reset
    np.testing.assert_array_less(out["V"][after], V_reset + 12)  # one step from the reset value, whatever the overshoot


@pytest.mark.parametrize(("cls", "jump"), [(sl.AdExIF, 1.0), (sl.AdQuaIF, 0.1)])
def test_w_jumps_by_b_and_relaxes(cls, jump):
    model = sl.nn.init_all_states(cls(1, a=0.0 * u.siemens))
    out = states(model, ["w"], lambda: model(70.0 * u.mA), 1500)
    decay = np.exp(-0.1 / model.tau_w.to_decimal(u.ms))
    w = 0.0
    for k in range(1, 1500):
        w = (w + jump * out["spike"][k - 1]) * decay
        assert out["w"][k] == pytest.approx(w, abs=1e-12)
    assert out["spike"].sum() > 5


def test_alif_raises_its_threshold():
    model = sl.nn.init_all_states(sl.ALIF(1, beta=2.0 * u.mV, spk_reset="hard"))
    out = states(model, ["V", "a"], lambda: model(5.0 * u.mA), 1000)
    at = np.flatnonzero(out["spike"])
    assert (out["V"][at] >= 1 + 2 * out["a"][at]).all()
    quiet = np.flatnonzero(out["spike"] == 0)
    assert (out["V"][quiet] < 1 + 2 * out["a"][quiet]).all()
    assert np.diff(at)[-1] > 3 * np.diff(at)[0]
    assert out["a"][at[0] + 1] == pytest.approx(np.exp(-0.1 / 100), abs=1e-12)


def test_gif_resets_its_currents_and_threshold():
    model = sl.nn.init_all_states(
        sl.Gif(1, R1=0.5, A1=0.2 * u.mA, A2=-0.1 * u.mA, a=0.005 / u.ms, V_th_reset=-45.0 * u.mV, spk_reset="hard")
    )
    out = states(model, ["V", "I1", "I2", "V_th"], lambda: model(2.5 * u.mA), 1000)
    at = np.flatnonzero(out["spike"])[1:-1]
    assert len(at) > 2
    np.testing.assert_allclose(out["I1"][at + 1], (0.5 * out["I1"][at] + 0.2) * np.exp(-0.02), rtol=1e-12)
    np.testing.assert_allclose(out["I2"][at + 1], (out["I2"][at] - 0.1) * np.exp(-0.002), rtol=1e-12)
    start = np.maximum(out["V_th"][at], -45.0)
    np.testing.assert_allclose(out["V_th"][at + 1], -50 + (start + 50) * np.exp(-0.001), rtol=1e-12)


def test_izhikevich_fires_as_in_the_paper():
    regular = sl.nn.init_all_states(sl.Izhikevich(1, u_initializer=-13.0 * u.mV / u.ms))
    bursting = sl.nn.init_all_states(sl.Izhikevich(1, c=-50.0 * u.mV, d=2.0 * u.mV / u.ms))
    gaps = {}
    for name, model in (("regular", regular), ("chattering", bursting)):
        spikes = sl.transform.for_loop(lambda m=model: m(10.0 * u.mV / u.ms)[0], length=5000)
        gaps[name] = np.diff(np.flatnonzero(spikes)) * 0.1
    assert gaps["regular"][1:].std() < 0.2 * gaps["regular"].mean()
    assert 15 < gaps["regular"][-1] < 60
    assert gaps["chattering"].max() > 5 * gaps["chattering"].min()


@pytest.mark.parametrize("cls", [sl.CubaLIF, sl.CobaLIF])
def test_own_synapse_is_that_of_a_projection(cls):
    unit = u.mA if cls is sl.CubaLIF else u.siemens
    out = sl.CUBA.desc(scale=1.0) if cls is sl.CubaLIF else sl.COBA.desc(E=4.0 * u.mV)
    extra = {} if cls is sl.CubaLIF else {"E": 4.0 * u.mV}
    own, plain = cls(1, tau_syn=3.0 * u.ms, V_th=50.0 * u.mV, **extra), sl.LIF(1, V_th=50.0 * u.mV)
    sl.AlignPostProj(comm=lambda x: x, post=plain, out=out,
                     syn=sl.Expon.desc((1,), tau=3.0 * u.ms, g_initializer=0.5 * unit))  # fmt: skip
    sl.nn.init_all_states(own)
    sl.nn.init_all_states(plain)
    own.add_delta_input("", jnp.full(1, 0.5) * unit)
    traces = [states(m, ["V"], m, 100)["V"] for m in (own, plain)]
    np.testing.assert_allclose(*traces, rtol=0, atol=1e-13)
    if cls is sl.CubaLIF:
        t = 0.1 * np.arange(1, 101)
        exact = 0.5 * 3 / (3 - 5) * (np.exp(-t / 3) - np.exp(-t / 5))
        np.testing.assert_allclose(traces[0], exact, atol=0.01)  # first order in dt
    with pytest.raises(sl._errors.UnitError, match="g_initializer"):
        cls(1, g_initializer=1.0 * u.mV)


def test_delta_projection_into_g():
    neuron = sl.CubaLIF(2)
    proj = sl.DeltaProj(comm=lambda x: x * 2.0 * u.mA, post=neuron)
    sl.nn.init_all_states(neuron)
    proj(jnp.array([0.0, 1.0]))
    assert np.allclose(neuron.g.value.to_decimal(u.mA), [0.0, 2.0])
    neuron()
    assert np.allclose(neuron.g.value.to_decimal(u.mA), [0.0, 2.0 * np.exp(-0.1 / 5)])
    V = neuron.V.value.to_decimal(u.mV)
    assert V[1] > 0
    assert V[0] == 0
