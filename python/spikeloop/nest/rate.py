"""Rate neurons: linear dynamics with noise, and a nonlinear function of the summed input."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._math import exp, exprel, normal
from ..kernels import Drive
from ._nest_neuron import NestNeuron, arguments
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
    def received_rate(cls, p: SimpleNamespace, rate: Any, drive: Drive) -> Any:
        """`phi` of the summed input."""
        return cls.phi(p, p.arrived.get("rate", 0.0 * rate) + drive.current + drive.synaptic)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        del p
        return s.rate


class _Neuron(_Rate):
    """Base of rate neurons, which choose what becomes of their input when they are made.

    `of_each`: `phi` is a function of each rate, so a neuron sends `phi` of its own; `couples`: excitation and
    inhibition are multiplied by functions of the rate that receives them.
    """

    options: ClassVar[dict[str, Any]] = {"linear_summation": True, "mult_coupling": False}
    of_each: ClassVar[bool] = False
    couples: ClassVar[bool] = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A population of the class for these options."""
        given = arguments(cls, args, kwargs)
        of_each, couples = not given.get("linear_summation", True), bool(given.get("mult_coupling", False))
        return object.__new__(_variant(cls, of_each, couples) if of_each or couples else cls)

    def _check(self) -> None:
        super()._check()
        if (not self.linear_summation, bool(self.mult_coupling)) != (self.of_each, self.couples):
            raise ValueError(f"{self.path}: linear_summation and mult_coupling are chosen when the population is made.")

    @staticmethod
    def coupling(p: SimpleNamespace, rate: Any) -> tuple[Any, Any]:
        """The factors of excitation and inhibition."""
        del p, rate
        return 1.0, 1.0

    @classmethod
    def received_rate(cls, p: SimpleNamespace, rate: Any, drive: Drive) -> Any:
        f = (lambda h: h) if cls.of_each else (lambda h: cls.phi(p, h))
        excitation = p.arrived.get("ex" if cls.couples else "rate", 0.0 * rate) + drive.current + drive.synaptic
        if not cls.couples:
            return f(excitation)
        of_excitation, of_inhibition = cls.coupling(p, rate)
        return of_excitation * f(excitation) + of_inhibition * f(p.arrived.get("in", 0.0 * rate))

    @classmethod
    def sent(cls, p: SimpleNamespace, rate: Any) -> Any:
        """What is sent of a rate."""
        return cls.phi(p, rate) if cls.of_each else rate

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return cls.sent(p, s.rate)


@lru_cache(256)
def _variant(cls: Any, of_each: bool, couples: bool) -> Any:
    """The model with these options."""
    members = {"__doc__": cls.__doc__, "__module__": cls.__module__, "lengths": {}, "of_each": of_each}
    ports = {name: Port("rate", u.UNITLESS) for name in ("ex", "in")} if couples else cls.ports
    return type(cls.__name__, (cls,), {**members, "couples": couples, "ports": ports})


class _InputNoise(_Neuron):
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
        rate = s.rate * exp(-decay) + step * exprel(-decay) * (mu + cls.received_rate(p, s.rate, drive)) + noise
        s.rate = jnp.maximum(rate, p.rectify_rate)


class _OutputNoise(_Neuron):
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
        received = cls.received_rate(p, s.noisy_rate, drive)
        s.rate = s.rate * exp(-step) + step * exprel(-step) * (p.mu + received)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return cls.sent(p, s.noisy_rate)


class _Transformer(_Rate):
    """Base of nodes that send, at once, the nonlinear function of the rates they receive."""

    rate = variable(0.0)

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        s.rate = cls.received_rate(p, s.rate, drive)


class _Linear(_Rate):
    """Base of models with a linear function."""

    g = param(1.0)
    g_ex = param(1.0)
    g_in = param(1.0)
    theta_ex = param(0.0)
    theta_in = param(0.0)

    @staticmethod
    def coupling(p: SimpleNamespace, rate: Any) -> tuple[Any, Any]:
        """The factors of excitation and inhibition, with `mult_coupling`."""
        return p.g_ex * (p.theta_ex - rate), p.g_in * (p.theta_in + rate)

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
    least `rectify_rate`. NEST's `lambda` is `lambda_`.

    With `linear_summation=False` the function is one of each rate instead of their sum: a neuron sends φ of its own
    rate, where NEST's takes φ of each rate that it receives. With `mult_coupling=True` there are two ports, `ex` and
    `in` with negative weights, and the input is $g_\mathrm{ex} (\theta_\mathrm{ex} - X) \phi(h_\mathrm{ex}) +
    g_\mathrm{in} (\theta_\mathrm{in} + X) \phi(h_\mathrm{in})$; models with another function have no such factors, but
    still take it of both sums.

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
