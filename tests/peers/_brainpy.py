"""Run in an environment with brainpy.state: the traces that `test_brainpy_state.py` compares with, as an .npz file."""

import sys

import brainpy
import brainstate
import braintools
import brainunit as u
import jax.numpy as jnp
import numpy as np

SPIKE_FUN = braintools.surrogate.ReluGrad()


def lif(cls, spk_reset, current, **kwargs):
    neuron = cls(current.shape[1], R=1.0 * u.ohm, tau=10.0 * u.ms, V_th=15.0 * u.mV, V_reset=-2.0 * u.mV,
                 V_rest=1.0 * u.mV, V_initializer=braintools.init.Constant(1.0 * u.mV), spk_reset=spk_reset,
                 spk_fun=SPIKE_FUN, **kwargs)  # fmt: skip
    brainstate.nn.init_all_states(neuron)

    def step(i, x):
        with brainstate.environ.context(t=i * 0.1 * u.ms, i=i):
            spike = neuron(x * u.mA)
        return neuron.V.value.to_decimal(u.mV), spike

    return brainstate.transform.for_loop(step, jnp.arange(current.shape[0]), current)


class Coba(brainstate.nn.Module):
    def __init__(self, n, weights):
        super().__init__()
        self.N = brainpy.state.LIFRef(
            n, V_rest=-60.0 * u.mV, V_th=-50.0 * u.mV, V_reset=-60.0 * u.mV, tau=20.0 * u.ms, tau_ref=4.95 * u.ms,
            V_initializer=braintools.init.Constant(-60.0 * u.mV), spk_reset="hard", spk_fun=SPIKE_FUN,
        )  # fmt: skip
        zero = braintools.init.Constant(0.0 * u.siemens)
        for name, E, tau in (("E", 0.0, 5.0), ("I", -80.0, 10.0)):
            matrix = jnp.asarray(weights[name])
            proj = brainpy.state.AlignPostProj(
                comm=lambda s, m=matrix: (s @ m) * u.siemens,
                syn=brainpy.state.Expon.desc(n, tau=tau * u.ms, g_initializer=zero),
                out=brainpy.state.COBA.desc(E=E * u.mV), post=self.N,
            )  # fmt: skip
            setattr(self, name, proj)

    def update(self, i, spikes):
        with brainstate.environ.context(t=i * 0.1 * u.ms, i=i):
            self.E(spikes[0])
            self.I(spikes[1])
            spike = self.N(12.0 * u.mA)
        return self.N.V.value.to_decimal(u.mV), spike


def main(given, out):
    brainstate.environ.set(precision=64, dt=0.1 * u.ms)
    data = np.load(given)
    results = {}
    for reset in ("soft", "hard"):
        results[f"lif_{reset}"] = lif(brainpy.state.LIF, reset, jnp.asarray(data["current"]))
    # The peer compares times, where rounding decides at whole steps: half a step less is 30 and 50 steps for certain.
    results["lifref_hard"] = lif(brainpy.state.LIFRef, "hard", jnp.asarray(data["current"]), tau_ref=2.95 * u.ms)
    net = Coba(data["E"].shape[1], data)
    brainstate.nn.init_all_states(net)
    spikes = jnp.asarray(data["spikes"])
    results["coba"] = brainstate.transform.for_loop(net.update, jnp.arange(len(spikes)), spikes)
    np.savez(
        out, **{f"{k}_{part}": x for k, pair in results.items() for part, x in zip(("V", "spike"), pair, strict=True)}
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
