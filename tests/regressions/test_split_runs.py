"""A run in two parts gives what one run gives, to the bit: every input, recorder and delay counts from t0."""

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl
from brainunit import Hz, mA, ms, mV

N = 3
INPUTS = {
    "SectionInput": lambda: sl.SectionInput(N, [0 * mA, 3 * mA, 1 * mA], [3 * ms, 5 * ms, 4 * ms]),
    "ConstantInput": lambda: sl.ConstantInput(N, 2 * mA, 8 * ms),
    "StepInput": lambda: sl.StepInput(N, [1 * mA, 2 * mA], [2 * ms, 7 * ms]),
    "RampInput": lambda: sl.RampInput(N, 0 * mA, 1 * mA, 7 * ms, t_start=1 * ms),
    "SinusoidalInput": lambda: sl.SinusoidalInput(N, 1 * mA, 130 * Hz, duration=8 * ms),
    "OUProcessInput": lambda: sl.OUProcessInput(N, 0 * mA, 1 * mA, 2 * ms, duration=8 * ms),
    "WienerProcessInput": lambda: sl.WienerProcessInput(N, 1 * mA, duration=8 * ms),
    "SpikeTime": lambda: sl.SpikeTime(N, [0, 1, 2, 2], [0.3, 4.9, 5.0, 9.7] * ms),
    "PoissonSpike": lambda: sl.PoissonSpike(N, 1500 * Hz),
    "PoissonEncoder": lambda: Encoder(),
    "PoissonInput": lambda: Driven(),
}


class Encoder(sl.nn.Module):
    """An encoder whose rate is a function of time."""

    def __init__(self):
        super().__init__()
        self.encoder, self.rate = sl.PoissonEncoder(N), sl.SectionInput(N, [200 * Hz, 3 * u.kHz], [5 * ms, 6 * ms])

    def update(self):
        return self.encoder(self.rate())


class Driven(sl.nn.Module):
    """A synapse with Poisson input."""

    def __init__(self):
        super().__init__()
        self.synapse = sl.Expon(N, tau=5 * ms)
        self.noise = sl.PoissonInput(self.synapse.prefetch("g"), None, 10, 100 * Hz, 1 * u.mS)

    def update(self):
        self.noise()
        return self.synapse(np.zeros(N) * u.mS)


class Probe(sl.nn.Module):
    """Keeps what an input gives, and gave 0.7 ms ago, for recorders."""

    def __init__(self, source):
        super().__init__()
        self.in_size = self.out_size = N
        self.source = source
        self.past = sl.nn.Delay(np.zeros(N, np.float32), 1 * ms)

    def init_state(self, batch_size=None, **_):
        self.given, self.earlier = (sl.HiddenState(np.zeros(N, np.float32)) for _ in range(2))

    def update(self, t):
        given = self.source()
        given = self.source.synapse.g.value if given is None else given
        self.given.value = u.get_mantissa(given).astype(np.float32)
        self.past(self.given.value)
        self.earlier.value = self.past.retrieve_at_time(t - 0.7 * ms)


class Net(sl.nn.Module):
    """All inputs, and neurons driven by one of them."""

    def __init__(self):
        super().__init__()
        self.probes = {name: Probe(make()) for name, make in INPUTS.items()}
        self.N = sl.LIFRef(N, tau=5 * ms, V_th=0.5 * mV, V_reset=0 * mV, V_rest=0 * mV, tau_ref=0.4 * ms)

    def update(self, t):
        for probe in self.probes.values():
            probe(t)
        self.N(self.probes["SectionInput"].given.value * mA)


@pytest.fixture(scope="module")
def records():
    """(net, records of one run of 12 ms, of its parts up to 4 ms and from there on)."""
    with sl.environ.context(dt=0.1 * ms):
        found = []
        for parts in ([(0, 12)], [(0, 4), (4, 8)]):
            sl.random.seed(3)
            net = sl.nn.init_all_states(Net())
            record = {
                "spikes": sl.record.Spikes(net.N),
                "events": sl.record.Events(net.N, 1000),
                "rate": sl.record.Rate(net.N, bin=0.5 * ms),
                "V": sl.record.States(net.N, "V", every=0.2 * ms),
                **{f"{state}_{k}": sl.record.States(probe, state)
                   for k, probe in net.probes.items() for state in ("given", "earlier")},
            }  # fmt: skip
            found += [
                sl.record.run(net.update, length * ms, t0=t0 * ms, record=record, chunk=15) for t0, length in parts
            ]
        return found


def test_all_inputs_are_here():
    public = {n for n, x in vars(sl.inputs).items() if isinstance(x, type) and issubclass(x, sl.nn.Module)}
    assert public == set(INPUTS)


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_goes_on(records, name):
    for state in ("given", "earlier"):
        whole, *parts = (np.asarray(r[f"{state}_{name}"]) for r in records)
        assert len(np.unique(whole)) > 1
        np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("name", ["spikes", "events"])
def test_spikes_go_on(records, name):
    whole, *parts = (r[name] for r in records)
    assert len(whole) > 5
    np.testing.assert_array_equal(whole.times.mantissa, np.concatenate([p.times.mantissa for p in parts]))
    np.testing.assert_array_equal(whole.indices, np.concatenate([p.indices for p in parts]))


@pytest.mark.parametrize("name", ["rate", "V"])
def test_rows_go_on(records, name):
    whole, *parts = (r[name] for r in records)
    np.testing.assert_array_equal(whole.times.mantissa, np.concatenate([p.times.mantissa for p in parts]))
    np.testing.assert_array_equal(
        u.get_mantissa(whole.values), np.concatenate([u.get_mantissa(p.values) for p in parts])
    )
