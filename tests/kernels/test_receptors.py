"""Dynamics and outputs of receptors: their equations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop.kernels import ReceptorKind
from spikeloop.kernels._receptors import DYNAMICS, OUTPUTS

KINDS = [ReceptorKind(d, o) for d in DYNAMICS for o in OUTPUTS]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_slope_of_the_drive_is_its_derivative(kind):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        params = [jnp.asarray(rng.uniform(0.05, 2.0)) for _ in kind.params]
        states = [jnp.asarray(rng.uniform(0.1, 3.0, 7)) for _ in kind.states]
        V = jnp.asarray(rng.uniform(-90.0, 40.0, 7))
        drive, slope = kind.drive(params, states, V)
        _, wanted = jax.jvp(lambda V: kind.drive(params, states, V)[0], (V,), (jnp.ones_like(V),))
        np.testing.assert_allclose(slope, wanted, rtol=1e-12, atol=1e-15)
        assert drive.shape == slope.shape == (7,)


def test_a_cascade_is_a_linear_system_solved_over_the_step():
    tau_h, tau, k, dt = 1.3, 7.0, 2.5, 0.4
    # dh/dt = -h/tau_h, dg/dt = -g/tau + k (1/tau_h - 1/tau) h has the solution k (e^{-t/tau} - e^{-t/tau_h}) for h(0)=1
    decay_h, decay = np.exp(-dt / tau_h), np.exp(-dt / tau)
    h, g = 1.0, 0.0
    for step in range(1, 30):
        h, g = DYNAMICS["cascade"].decay((decay_h, decay, k * (decay - decay_h)), (h, g))
        t = step * dt
        np.testing.assert_allclose(
            (h, g), (np.exp(-t / tau_h), k * (np.exp(-t / tau) - np.exp(-t / tau_h))), rtol=1e-12
        )


def test_an_open_block_of_magnesium_is_an_ohmic_conductance():
    V = jnp.linspace(-80.0, 20.0, 5)
    params = 2.0, -10.0, 0.062
    ours, slope = OUTPUTS["mg"].drive((*params, 0.0), 3.0, V)
    wanted, flat = OUTPUTS["coba"].drive(params[:2], 3.0, V)
    np.testing.assert_allclose(ours, wanted, rtol=1e-6)
    np.testing.assert_allclose(slope, flat * jnp.ones(5), rtol=1e-6)
