"""The rate of a population of leaky neurons in mean-field theory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .._form import param, variable
from .._math import exp, exprel
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port

_ROOT_PI = np.sqrt(np.pi)
_SHIFT = 2.0652531522312172 / 2  # |ζ(1/2)|/√2, of the threshold with coloured noise
_LEAST = 1e-9  # of theta − V_reset: less noise than that makes no difference
# Chebyshev coefficients of ∫₀ʸ exp(x²) erfc(x) dx − log(1 + y)/√π, y = 2 (1 + t)/(1 − t); right to 1e-15.
_TAIL = (
    0.31562778287407485, 0.27528268675429292, -0.039292599349554745, 0.0017824742524166917, 0.00061406937652281505,
    -0.00011869162721692791, -1.6389018073714319e-6, 1.5885883471469468e-6, 3.7376501101414269e-7,
    -8.306114434434081e-8, -1.2658737743052236e-8, 1.0432108874682949e-9, 8.9767973343677084e-10,
    2.5621929964484018e-11, -3.5880017361312053e-11, -7.8678940489337692e-12, 8.5352814014331492e-13,
    5.8179177305812889e-13, 6.4337631674595715e-14, -2.4117865152697074e-14, -9.159177114330532e-15,
)  # fmt: skip
_SPACING, _TERMS = 0.2, 33  # of the sum for Dawson's integral; right to 1e-16


class siegert_neuron(NestNeuron):
    r"""Rate of a population of leaky integrate-and-fire neurons whose input is Gaussian noise.

    $$\tau \dot r = -r + \mathrm{mean} + \Phi(\mu, \sigma), \qquad \frac{1}{\Phi} = t_\mathrm{ref} + \tau_m \sqrt{\pi}
    \int_{(V_\mathrm{reset} - \mu)/\sigma}^{(\theta - \mu)/\sigma} e^{x^2} (1 + \mathrm{erf}\, x)\, dx$$

    The ports `drift` and `diffusion` take the same rates, with weights that make μ in mV and σ² in mV² of them: NEST's
    `diffusion_connection` with its `drift_factor` and `diffusion_factor` is two projections. It sends its rate in each
    step. With exponential synapses, tau_syn > 0, both bounds of the integral grow by 1.03 √(tau_syn/tau_m). θ and
    V_reset are relative to the resting potential. Integrated by exponential Euler.

    >>> population = sl.nest.siegert_neuron(1, mean=5.0 * u.Hz)
    >>> drift = sl.AlignPostProj(comm=lambda r: r * (0.8 * u.mV), post=population, **population.port("drift"))
    >>> noise = sl.AlignPostProj(comm=lambda r: r * (2.0 * u.mV**2), post=population, **population.port("diffusion"))

    Siegert AJF (1951) Phys. Rev. 81:617; Fourcaud N, Brunel N (2002) Neural Comput. 14:2057; Hahne J et al. (2017)
    Front. Neuroinform. 11:34.
    """

    tau = param(1.0 * u.ms, positive=True)
    tau_m = param(5.0 * u.ms, positive=True)
    tau_syn = param(0.0 * u.ms)
    t_ref = param(2.0 * u.ms)
    theta = param(15.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    mean = param(0.0 * u.Hz)
    rate = variable(0.0 * u.Hz, u.Hz)

    period = ""
    holds = ()
    current_unit: ClassVar[Any] = u.mV
    ports: ClassVar[dict[str, Port]] = {"drift": Port("rate", u.mV), "diffusion": Port("rate", u.mV**2)}

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        mu = p.arrived.get("drift", 0.0) + drive.current + drive.synaptic
        step = p.dt / p.tau
        gain = _gain(p, mu, p.arrived.get("diffusion", 0.0) + 0.0 * s.rate)
        s.rate = s.rate * exp(-step) + step * exprel(-step) * (p.mean + gain)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return s.rate


def _gain(p: Any, mu: Any, variance: Any) -> Any:
    """The stationary rate in Hz."""
    least = _LEAST * (p.theta - p.V_reset)
    sigma, shift = jnp.sqrt(jnp.maximum(variance, least**2)), _SHIFT * jnp.sqrt(p.tau_syn / p.tau_m)
    high, low = (p.theta - mu) / sigma + shift, (p.V_reset - mu) / sigma + shift
    # Both parts of the integral are those above and below 0; exp(−high²) is taken out of the one above.
    below = _tail(jnp.maximum(-low, 0.0)) - _tail(jnp.maximum(-high, 0.0))
    top, bottom = jnp.maximum(high, 0.0), jnp.maximum(low, 0.0)
    scale = jnp.exp(-top * top)
    rises = 2 * (_dawson(top) - jnp.exp(bottom * bottom - top * top) * _dawson(bottom))
    above = rises - scale * (_tail(top) - _tail(bottom))
    return 1e3 * scale / (p.t_ref * scale + p.tau_m * _ROOT_PI * (scale * below + above))


def _tail(y: Any) -> Any:
    """∫₀ʸ exp(x²) erfc(x) dx for y ≥ 0, by Clenshaw's recurrence."""
    t = (y - 2) / (y + 2)
    last = before = 0.0 * t
    for coefficient in _TAIL[:0:-1]:
        last, before = coefficient + 2 * t * last - before, last
    return jnp.log1p(y) / _ROOT_PI + _TAIL[0] + t * last - before


def _dawson(y: Any) -> Any:
    """Dawson's integral exp(−y²) ∫₀ʸ exp(x²) dx for y ≥ 0, by the sum of Rybicki GB (1989) Comput. Phys. 3:85."""
    nearest = 2 * jnp.round(y / (2 * _SPACING))
    rest = jnp.clip(y - nearest * _SPACING, -_SPACING, _SPACING)  # beyond that by rounding alone, of very large y
    grow = jnp.exp(2 * _SPACING * rest)
    rising, falling, total = grow, 1 / grow, 0.0 * y
    for n in range(1, _TERMS, 2):
        total = total + np.exp(-((n * _SPACING) ** 2)) * (rising / (nearest + n) + falling / (nearest - n))
        rising, falling = rising * grow * grow, falling / grow / grow
    return jnp.exp(-rest * rest) / _ROOT_PI * total
