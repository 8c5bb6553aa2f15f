"""What the benchmark scenes say of the package."""

import importlib
from pathlib import Path

import brainunit as u
import pytest
import spikeloop as sl


@pytest.fixture
def scenes(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return importlib.import_module("benches.scenes")


def test_every_neuron_model_has_an_update_scene(scenes):
    neurons = {x for x in vars(sl).values() if isinstance(x, type) and issubclass(x, sl.Neuron) and x is not sl.Neuron}
    by_hand = {"LIF"}
    names = {cls.__name__ for cls in neurons if not cls.__name__.endswith("Ref")} - by_hand
    assert {f"{name.lower()}_update" for name in names} <= set(scenes.SCENES)
    assert set(importlib.import_module("benches.scenes.neuron_update").MODELS) == names


def test_peers_run_the_brunel_networks_that_we_run(scenes):
    p = importlib.import_module("benches.scenes.brunel_stdp").PARAMS
    net = sl.networks.BrunelSTDP()
    given = {name: float(u.get_mantissa(value)) for name, value in net.neuron.items() if name != "spk_reset"}
    assert given == {"V_rest": 0, "V_th": p.V_th, "V_reset": p.V_reset, "tau": p.tau, "tau_ref": p.t_ref}
    assert (net.J.to_decimal(u.mV), net.g) == (p.J, p.g)
    assert (net.delay + 0.1 * u.ms).to_decimal(u.ms) == pytest.approx(p.delay)
    assert (net.sources, net.out_degree - net.sources) == (p.excitatory_inputs, p.inhibitory_inputs)
    assert (net.rate * net.sources).to_decimal(u.Hz) == pytest.approx(p.external_rate)
    rule = net.E.plasticity
    assert (rule.A_plus, rule.w_max.to_decimal(u.mV)) == (p.rate, p.w_max)
    assert rule.A_minus == pytest.approx(p.asymmetry * p.rate)
    assert {rule.tau_plus.to_decimal(u.ms), rule.tau_minus.to_decimal(u.ms)} == {p.tau_stdp}
    assert rule.delay_in == "axon"


def test_each_round_of_a_learning_network_starts_with_the_first_weights(scenes):
    loop = importlib.import_module("benches.peers._loop")
    scene = scenes.Scene("small", (), (), lambda api, n, count: Small(n))
    session = loop.LoopSession(sl, scene, 20, (200,))
    rates = [session.check().rate_hz, *(session.run(200).rate_hz for _ in range(3))]
    assert rates[0] > 0
    assert rates == rates[:1] * 4


def test_the_figure_of_scaling_has_the_floor(scenes, tmp_path):
    scaling = importlib.import_module("benches.scaling")
    rows = [{"n": n, "us_per_step": 1e-3 * n, "events": 0.2 * n, **scaling.floor(n, 0.2 * n)} for n in (1000, 4000)]
    assert 0 < rows[0]["floor_us"] < rows[1]["floor_us"]
    scaling.draw(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 0


class Small(sl.nn.Module):
    """Noisy neurons whose synapses learn so fast that a round which went on from the last weights would differ."""

    def __init__(self, n):
        super().__init__()
        self.n = n
        self.N = sl.LIFRef(n, V_rest=0.0 * u.mV, V_th=20.0 * u.mV, V_reset=0.0 * u.mV)
        rule = sl.plasticity.STDP(A_plus=0.2, A_minus=0.1, w_max=4.0 * u.mV)
        self.E = sl.DeltaProj(comm=sl.connect.AllToAll(0.2 * u.mV), pre=n, post=self.N, plasticity=rule)

    def init_state(self, batch_size=None):
        self.n_spk = sl.ShortTermState(u.math.zeros(self.n))

    def update(self, t):
        self.E(self.N.get_spike())
        self.n_spk.value += self.N(60.0 * sl.random.rand(self.n) * u.mA)
