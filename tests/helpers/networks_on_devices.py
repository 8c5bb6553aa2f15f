"""Networks whose parts a mesh cuts in each of its ways: delays of synapses, random input, samples."""

import brainunit as u
import numpy as np
import spikeloop as sl


class OwnDelays(sl.nn.Module):
    """Neurons whose synapses have a delay each, of `shortest` to `longest` ms, in two projections."""

    def __init__(self, out_degree, shortest, longest):
        super().__init__()
        self.N = sl.LIFRef(103, V_th=1 * u.mV, tau_ref=1 * u.ms, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV))
        drawn = {"weight": sl.init.Uniform(0 * u.mV, 0.02 * u.mV), "delay": sl.init.Uniform(shortest, longest)}
        self.P = sl.project(self.N, self.N, sl.connect.FixedOutDegree(out_degree, **drawn, seed=1))
        self.Q = sl.project(self.N, self.N, sl.connect.FixedOutDegree(10, **drawn, seed=2))

    def update(self):
        """One step."""
        self.P()
        self.Q()
        return self.N(1.5 * u.mA)


class Noisy(sl.nn.Module):
    """Neurons with random input of all kinds, and others with noise of their own."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIFRef(103, V_th=1 * u.mV, tau_ref=1 * u.ms, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV))
        text = "dV/dt = (2 - V)/(10*ms) + 0.3*xi*ms**-0.5 : 1"
        self.M = sl.Neuron.from_equations(text, threshold="V > 1", reset="V = 0.0")(103)
        self.few = sl.PoissonInput(self.N.prefetch("V"), None, 80, 30 * u.Hz, 0.05 * u.mV)
        self.many = sl.PoissonInput(self.N.prefetch("V"), None, 800, 300 * u.Hz, 0.005 * u.mV)
        self.sources = sl.inputs.PoissonSpike(103, 500 * u.Hz), sl.inputs.PoissonSpike(103, np.arange(103) * u.Hz)

    def update(self):
        """One step."""
        self.few()
        self.many()
        spikes = sum(source() for source in self.sources)
        noise = sl.random.normal(size=103) + sl.random.uniform(size=(2, 103)).sum(0)
        return self.N((1.2 + 0.2 * spikes + 0.1 * noise) * u.mA) + 2 * self.M()


class Sparse(sl.nn.Module):
    """Neurons with projections without a delay, with one for all, and with one for each synapse."""

    def __init__(self):
        super().__init__()
        self.N = sl.LIFRef(43, V_th=1 * u.mV, tau_ref=1 * u.ms, V_initializer=sl.init.Uniform(0 * u.mV, 1 * u.mV))
        delays = {"P": None, "Q": 0.2 * u.ms, "R": sl.init.Uniform(0.1 * u.ms, 0.3 * u.ms)}
        for seed, (name, delay) in enumerate(delays.items()):
            rule = sl.connect.FixedOutDegree(10, sl.init.Uniform(0 * u.mV, 0.2 * u.mV), delay=delay, seed=seed)
            setattr(self, name, sl.project(self.N, self.N, rule))

    def update(self, x):
        """One step."""
        for projection in (self.P, self.Q, self.R):
            projection()
        return self.N(x * u.mA)
