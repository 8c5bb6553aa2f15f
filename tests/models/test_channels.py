"""Neurons with channels and oscillators: spikes on the rising edge, no reset, start values of the gates."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl

EDGE = [sl.HH, sl.TraubMilesHH, sl.WangBuzsakiHH, sl.MorrisLecar, sl.FitzHughNagumo, sl.HindmarshRose]
DRIVE = dict(zip(EDGE, [10.0, 500.0, 2.0, 100.0, 0.6, 3.0], strict=True))


@pytest.fixture(autouse=True)
def settings_of_this_file():
    sl.environ.set(precision=64, dt=0.05 * u.ms)
    sl.random.seed(0)


def number(unit, x):
    return x if unit.is_unitless else u.Quantity(x, unit=unit)


@pytest.mark.parametrize("cls", EDGE)
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_one_spike_for_each_rise_above_threshold(cls, reset):
    model = sl.nn.init_all_states(cls(3, spk_reset=reset))

    def step():
        return model(number(cls.current_unit, DRIVE[cls])), u.get_mantissa(model.V.value)

    spikes, V = map(np.asarray, sl.transform.for_loop(step, length=8000))
    above = model.number("V_th") <= V
    rises = np.concatenate([above[:1], above[1:] & ~above[:-1]])
    assert np.array_equal(spikes > 0, rises)
    assert above.sum() > spikes.sum() > 3


def test_a_start_above_threshold_is_no_spike():
    model = sl.nn.init_all_states(sl.HH(2, V_initializer=30.0 * u.mV))
    assert not np.asarray(model.get_spike()).any()
    assert not np.asarray(model()).any()
    assert np.asarray(model.get_spike(30.0 * u.mV)) == 1  # of a potential: whether it is above


@pytest.mark.parametrize("cls", [sl.HH, sl.TraubMilesHH])
def test_gates_start_in_their_steady_state(cls):
    model = cls(4, C=1e9 * cls.params["C"].unit)  # so that V stays
    sl.nn.init_all_states(model, batch_size=2)
    before = [np.asarray(getattr(model, k).value) for k in "mhn"]
    assert all(x.shape == (2, 4) for x in before)
    sl.transform.for_loop(lambda: model(), length=200)
    for k, x in zip("mhn", before, strict=True):
        np.testing.assert_allclose(getattr(model, k).value, x, rtol=1e-6)
    given = sl.nn.init_all_states(cls(4, m_initializer=0.25))
    assert (np.asarray(given.m.value) == 0.25).all()


def rate(x):
    return x / np.expm1(x)


PUBLISHED = {  # (α, β) of the gates
    sl.HH: lambda V: {
        "m": (rate(-(V + 40) / 10), 4 * np.exp(-(V + 65) / 18)),
        "h": (0.07 * np.exp(-(V + 65) / 20), 1 / (1 + np.exp(-(V + 35) / 10))),
        "n": (0.1 * rate(-(V + 55) / 10), 0.125 * np.exp(-(V + 65) / 80)),
    },
    sl.TraubMilesHH: lambda V: {  # with V_T = -63 mV
        "m": (1.28 * rate(-(V + 50) / 4), 1.4 * rate((V + 23) / 5)),
        "h": (0.128 * np.exp(-(V + 46) / 18), 4 / (1 + np.exp(-(V + 23) / 5))),
        "n": (0.16 * rate(-(V + 48) / 5), 0.5 * np.exp(-(V + 53) / 40)),
    },
    sl.WangBuzsakiHH: lambda V: {
        "m": (rate(-(V + 35) / 10), 4 * np.exp(-(V + 60) / 18)),
        "h": (5 * 0.07 * np.exp(-(V + 58) / 20), 5 / (1 + np.exp(-(V + 28) / 10))),
        "n": (5 * 0.1 * rate(-(V + 34) / 10), 5 * 0.125 * np.exp(-(V + 44) / 80)),
    },
}


@pytest.mark.parametrize("cls", PUBLISHED)
def test_rates_are_the_published_ones(cls):
    V = np.linspace(-150.0, 100.0, 1001) + 1e-3  # between the points of 0/0
    ours, wanted = cls.rates(cls(1).numbers(), jnp.asarray(V)), PUBLISHED[cls](V)
    assert ours.keys() == wanted.keys()
    for gate in wanted:
        np.testing.assert_allclose(ours[gate], wanted[gate], rtol=1e-13)


def test_hh_fires_at_the_rate_of_1952():
    # With the leak of 1952, 10 µA/cm² make the squid axon fire at 68 Hz at 6.3 °C.
    sl.environ.set(dt=0.01 * u.ms)
    model = sl.nn.init_all_states(sl.HH(1, gL=0.3 * u.mS, V_initializer=-65.0 * u.mV))
    spikes = np.flatnonzero(sl.transform.for_loop(lambda: model(10.0 * u.uA)[0], length=30_000))
    assert 1000 / (np.diff(spikes)[-1] * 0.01) == pytest.approx(68.3, abs=0.7)


def test_receptors_drive_channels_in_their_units():
    # a constant conductance to E is an addition to the leak
    args = {"V_initializer": -65.0 * u.mV, "EL": -65.0 * u.mV}
    plain = sl.nn.init_all_states(sl.TraubMilesHH(1, **{**args, "gL": 15.0 * u.nS}))
    fed = sl.TraubMilesHH(1, **args)
    sl.AlignPostProj(comm=lambda x: x, post=fed, out=sl.COBA.desc(E=-65.0 * u.mV),
                     syn=sl.Expon.desc((1,), tau=1e9 * u.ms, g_initializer=5.0 * u.nS))  # fmt: skip
    sl.nn.init_all_states(fed)
    V = [sl.transform.for_loop(lambda m=m: (m(400.0 * u.pA), m.V.value.to_decimal(u.mV))[1], length=2000)
         for m in (plain, fed)]  # fmt: skip
    np.testing.assert_allclose(V[0][:1500], V[1][:1500], atol=1e-3)
    assert np.asarray(V[0]).max() > 0


def test_delta_input_into_a_potential_without_unit():
    model = sl.FitzHughNagumo(2)
    proj = sl.DeltaProj(comm=lambda x: x * 0.5, post=model)
    sl.nn.init_all_states(model)
    alone = sl.nn.init_all_states(sl.FitzHughNagumo(2))
    proj(jnp.array([0.0, 1.0]))
    model()
    alone()
    np.testing.assert_allclose(np.asarray(model.V.value - alone.V.value), [0.0, 0.5], atol=1e-12)
