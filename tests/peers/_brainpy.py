"""Run in an environment with brainpy.state: traces of neurons, synapses and a network."""

import brainpy
import brainstate
import braintools
import brainunit as u
import jax.numpy as jnp

brainstate.environ.set(precision=64)
SPIKE_FUN = braintools.surrogate.ReluGrad()


def neuron(model, current, unit, dt, params, start):
    """V and spikes of each step with the current (steps, n).

    `params` are constants and `start` initial values, both as {name: [number or array, unit]}; texts are options.
    """
    current = jnp.asarray(current)
    made = getattr(brainpy.state, model)(current.shape[1], spk_fun=SPIKE_FUN, **quantities(params))
    _begin(made, dt, start)

    def step(i, x):
        with brainstate.environ.context(t=i * dt * u.ms, i=i):
            spike = made(x * unit_of(unit))
        return u.get_mantissa(made.V.value), spike

    V, spikes = brainstate.transform.for_loop(step, jnp.arange(len(current)), current)
    return {"V": V, "spikes": spikes}


def synapse(model, spikes, unit, dt, params):
    """What the synapse gives in each step for the spikes (steps, n), one `unit` each."""
    spikes = jnp.asarray(spikes)
    made = getattr(brainpy.state, model)(spikes.shape[1], **quantities(params))
    _begin(made, dt, {})

    def step(i, x):
        with brainstate.environ.context(t=i * dt * u.ms, i=i):
            return u.get_mantissa(made(x * unit_of(unit)))

    return {"g": brainstate.transform.for_loop(step, jnp.arange(len(spikes)), spikes)}


def mg_block(g, V):
    return {"I": brainpy.state.MgBlock().update(jnp.asarray(g), jnp.asarray(V))}


def coba(spikes, weights, dt):
    """V and spikes of LIFRef neurons driven by excitatory and inhibitory sources, (steps, 2, sources)."""
    spikes = jnp.asarray(spikes)
    net = Coba(weights)
    _begin(net, dt, {})

    def step(i, x):
        with brainstate.environ.context(t=i * dt * u.ms, i=i):
            return net.update(x)

    V, fired = brainstate.transform.for_loop(step, jnp.arange(len(spikes)), spikes)
    return {"V": V, "spikes": fired}


class Coba(brainstate.nn.Module):
    def __init__(self, weights):
        super().__init__()
        n = len(weights["E"][0])
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

    def update(self, spikes):
        self.E(spikes[0])
        self.I(spikes[1])
        spike = self.N(12.0 * u.mA)
        return self.N.V.value.to_decimal(u.mV), spike


def _begin(module, dt, start):
    brainstate.environ.set(dt=dt * u.ms)
    brainstate.nn.init_all_states(module)
    for name, value in quantities(start).items():
        getattr(module, name).value = value


def quantities(given):
    return {k: v if isinstance(v, (str, bool)) else jnp.asarray(v[0]) * unit_of(v[1]) for k, v in given.items()}


def unit_of(name):
    return eval(name, vars(u)) if name else 1.0
