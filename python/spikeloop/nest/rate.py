"""Rate neurons: linear dynamics with noise, and a nonlinear function of the summed input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exp, exprel, normal
from ..kernels import Drive
from ._nest_neuron import NestNeuron
from ._ports import Port


class _Rate(NestNeuron):
    """Base of models that send their rate in each step; `phi` is the nonlinear function of the input."""

    holds = ()
    current_unit: ClassVar[Any] = u.UNITLESS
    ports: ClassVar[dict[str, Port]] = {"rate": Port("rate", u.UNITLESS)}

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        """The function of the summed input."""
        raise NotImplementedError

    @classmethod
    def received_rate(cls, p: SimpleNamespace, drive: Drive) -> Any:
        """`phi` of the summed input."""
        return cls.phi(p, p.arrived.get("rate", 0.0) + drive.current + drive.synaptic)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return s.rate


class _InputNoise(_Rate):
    r"""Base of rate neurons with noise in their input, integrated exactly between steps (exponential Euler)."""

    tau = param(10.0 * u.ms, positive=True)
    lambda_ = param(1.0)
    sigma = param(1.0)
    mu = param(0.0)
    rectify_rate = param(0.0)
    rate = variable(0.0)

    draws = True
    options: ClassVar[dict[str, Any]] = {"rectify_output": False}

    def numbers(self) -> SimpleNamespace:
        """The numbers of the constants; nothing is cut off unless `rectify_output`."""
        p = super().numbers()
        if not self.rectify_output:
            p.rectify_rate = -jnp.inf
        return p

    @staticmethod
    def strength(p: SimpleNamespace) -> tuple[Any, Any]:
        """The constant input and the strength of the noise."""
        return p.mu, p.sigma

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        mu, sigma = cls.strength(p)
        decay, step = p.lambda_ * p.dt / p.tau, p.dt / p.tau
        noise = sigma * jnp.sqrt(step * exprel(-2 * decay)) * normal(p.uniform(0), p.uniform(1))
        rate = s.rate * exp(-decay) + step * exprel(-decay) * (mu + cls.received_rate(p, drive)) + noise
        s.rate = jnp.maximum(rate, p.rectify_rate)


class _OutputNoise(_Rate):
    """Base of rate neurons that send their rate with white noise added, `noisy_rate`."""

    tau = param(10.0 * u.ms, positive=True)
    sigma = param(1.0)
    mu = param(0.0)
    rate = variable(0.0)
    noisy_rate = variable(0.0)

    draws = True

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        step = p.dt / p.tau
        s.noisy_rate = s.rate + p.sigma * jnp.sqrt(1 / step) * normal(p.uniform(0), p.uniform(1))
        s.rate = s.rate * exp(-step) + step * exprel(-step) * (p.mu + cls.received_rate(p, drive))

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return s.noisy_rate


class _Transformer(_Rate):
    """Base of nodes that send, at once, the nonlinear function of the rates they receive."""

    rate = variable(0.0)

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        s.rate = cls.received_rate(p, drive) + 0.0 * s.rate


class _Linear(_Rate):
    """Base of models with a linear function."""

    g = param(1.0)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        return p.g * h


class _Tanh(_Rate):
    """Base of models with a hyperbolic tangent."""

    g = param(1.0)
    theta = param(0.0)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        return jnp.tanh(p.g * (h - p.theta))


class _ThresholdLinear(_Rate):
    """Base of models with a function that is linear between two bounds."""

    g = param(1.0)
    theta = param(0.0)
    alpha = param(1e30)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        return jnp.minimum(jnp.maximum(p.g * (h - p.theta), 0.0), p.alpha)


class _Sigmoid(_Rate):
    """Base of models with a sigmoid."""

    g = param(1.0)
    beta = param(1.0)
    theta = param(0.0)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        return p.g / (1 + jnp.exp(-p.beta * (h - p.theta)))


class _SigmoidGG1998(_Rate):
    """Base of models with the sigmoid of Gancarz and Grossberg."""

    g = param(1.0)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        x = p.g * h
        return x**4 / (0.1**4 + x**4)


class _Gauss(_Rate):
    """Base of models with a Gaussian."""

    g = param(1.0)
    mu = param(0.0)
    sigma = param(1.0, positive=True)

    @staticmethod
    def phi(p: SimpleNamespace, h: Any) -> Any:
        return p.g * jnp.exp(-((h - p.mu) ** 2) / (2 * p.sigma**2))


class lin_rate_ipn(_Linear, _InputNoise):
    r"""Rate neuron with a linear function of its input and noise in the input.

    $$\tau \dot X = -\lambda X + \mu + \phi(h) + \sqrt{\tau}\, \sigma\, \xi(t), \qquad \phi(h) = g h, \qquad
    h = \sum_j w_j X_j$$

    It sends its rate in each step; a projection without a delay is NEST's `rate_connection_instantaneous`, one with a
    delay its `rate_connection_delayed`. Projections need to name no port. With `rectify_output=True` the rate is at
    least `rectify_rate`. NEST's `lambda` is `lambda_`. Its `mult_coupling` and `linear_summation=False` are left out.

    >>> neurons = sl.nest.lin_rate_ipn(10, sigma=0.1)
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(3, -0.2))
    >>> loop.comm.num_synapses
    30

    Hahne J et al. (2017) Front. Neuroinform. 11:34.
    """


class lin_rate_opn(_Linear, _OutputNoise):
    r"""`lin_rate_ipn` with noise in the rate that it sends instead of noise in its input.

    $$\tau \dot X = -X + \mu + \phi(h), \qquad \text{sent: } X + \sqrt{\tau}\, \sigma\, \xi(t)$$

    As in NEST, it sends the rate as it was at the start of the step.

    Hahne J et al. (2017) Front. Neuroinform. 11:34.
    """


class tanh_rate_ipn(_Tanh, _InputNoise):
    r"""`lin_rate_ipn` with $\phi(h) = \tanh(g (h - \theta))$."""


class tanh_rate_opn(_Tanh, _OutputNoise):
    r"""`lin_rate_opn` with $\phi(h) = \tanh(g (h - \theta))$."""


class threshold_lin_rate_ipn(_ThresholdLinear, _InputNoise):
    r"""`lin_rate_ipn` with $\phi(h) = \min(\max(g (h - \theta), 0), \alpha)$."""


class threshold_lin_rate_opn(_ThresholdLinear, _OutputNoise):
    r"""`lin_rate_opn` with $\phi(h) = \min(\max(g (h - \theta), 0), \alpha)$."""


class sigmoid_rate_ipn(_Sigmoid, _InputNoise):
    r"""`lin_rate_ipn` with $\phi(h) = g / (1 + e^{-\beta (h - \theta)})$."""


class sigmoid_rate_gg_1998_ipn(_SigmoidGG1998, _InputNoise):
    r"""`lin_rate_ipn` with $\phi(h) = (g h)^4 / (0.1^4 + (g h)^4)$.

    Gancarz G, Grossberg S (1998) Neural Netw. 11:1159.
    """


class gauss_rate_ipn(_Gauss, _InputNoise):
    r"""`lin_rate_ipn` with $\phi(h) = g\, e^{-(h - \mu)^2 / 2 \sigma^2}$.

    The input is `mean`, and its noise has the strength `std`; in NEST mu and sigma are the names of both.
    """

    mean = param(0.0)
    std = param(1.0)

    @staticmethod
    def strength(p: SimpleNamespace) -> tuple[Any, Any]:
        return p.mean, p.std


class rate_transformer_lin(_Linear, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = g h$."""


class rate_transformer_tanh(_Tanh, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = \tanh(g (h - \theta))$."""


class rate_transformer_threshold_lin(_ThresholdLinear, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = \min(\max(g (h - \theta), 0), \alpha)$."""


class rate_transformer_sigmoid(_Sigmoid, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = g / (1 + e^{-\beta (h - \theta)})$."""


class rate_transformer_sigmoid_gg_1998(_SigmoidGG1998, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = (g h)^4 / (0.1^4 + (g h)^4)$."""


class rate_transformer_gauss(_Gauss, _Transformer):
    r"""Node that sends a function of the rates that it receives, $\phi(h) = g\, e^{-(h - \mu)^2 / 2 \sigma^2}$."""
