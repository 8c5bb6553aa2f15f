"""The surrogate gradients: parameters with their defaults, and the derivative."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ._base import Surrogate, function_form


class Sigmoid(Surrogate):
    """α s (1 − s) with s = sigmoid(α x).

    >>> spike = sl.surrogate.Sigmoid(alpha=4.0)
    >>> spike(jnp.array(0.0)).item(), sl.transform.grad(spike)(0.0).item()
    (1.0, 1.0)
    """

    alpha: float = 4.0

    def derivative(self, x: Any) -> Any:
        return _sigmoid_slope(self.alpha, x)

    def surrogate_fun(self, x: Any) -> Any:
        return jax.nn.sigmoid(self.alpha * x)


class ReluGrad(Surrogate):
    """max(α (width − |x|), 0); a triangle, α·width high (Neftci et al., 2019)."""

    alpha: float = 0.3
    width: float = 1.0

    def derivative(self, x: Any) -> Any:
        return jnp.maximum(self.alpha * self.width - self.alpha * jnp.abs(x), 0)

    def surrogate_fun(self, x: Any) -> Any:
        y = jnp.clip(x, -self.width, self.width)
        return self.alpha * (self.width * (self.width / 2 + y) - y * jnp.abs(y) / 2)


class InvSquareGrad(Surrogate):
    """1 / (α|x| + 1)²; SuperSpike (Zenke and Ganguli, 2018)."""

    alpha: float = 100.0

    def derivative(self, x: Any) -> Any:
        return 1 / (self.alpha * jnp.abs(x) + 1) ** 2

    def surrogate_fun(self, x: Any) -> Any:
        return x / (self.alpha * jnp.abs(x) + 1) + 1 / self.alpha


class Arctan(Surrogate):
    """(α/2) / (1 + (π α x / 2)²) (Fang et al., 2021)."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x) ** 2)

    def surrogate_fun(self, x: Any) -> Any:
        return jnp.arctan(math.pi / 2 * self.alpha * x) / math.pi + 0.5


class GaussianGrad(Surrogate):
    """α N(x; 0, σ) with N the normal density (Yin, Corradi and Bohté, 2021)."""

    sigma: float = 0.5
    alpha: float = 0.5

    def derivative(self, x: Any) -> Any:
        return self.alpha * _normal(x, self.sigma)

    def surrogate_fun(self, x: Any) -> Any:
        return self.alpha * jax.scipy.stats.norm.cdf(x / self.sigma)


class PiecewiseQuadratic(Surrogate):
    """max(α − α²|x|, 0); a triangle of area 1."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return jnp.maximum(self.alpha - self.alpha**2 * jnp.abs(x), 0)

    def surrogate_fun(self, x: Any) -> Any:
        y = jnp.clip(self.alpha * x, -1, 1)
        return 0.5 + y - y * jnp.abs(y) / 2


class PiecewiseExp(Surrogate):
    """(α/2) exp(−α|x|)."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return self.alpha / 2 * jnp.exp(-self.alpha * jnp.abs(x))

    def surrogate_fun(self, x: Any) -> Any:
        tail = jnp.exp(-self.alpha * jnp.abs(x)) / 2
        return jnp.where(x < 0, tail, 1 - tail)


class S2NN(Surrogate):
    """α s (1 − s) with s = sigmoid(α x) for x < 0, else β / (x + 1) (Suetake et al., 2022).

    `epsilon` belongs to the integral of the derivative, which a spike does not need.
    """

    alpha: float = 4.0
    beta: float = 1.0
    epsilon: float = 1e-8

    def derivative(self, x: Any) -> Any:
        above = jnp.maximum(x, 0)  # so that the branch not taken has finite derivatives too
        return jnp.where(x < 0, _sigmoid_slope(self.alpha, x), self.beta / (above + 1))

    def surrogate_fun(self, x: Any) -> Any:
        above = jnp.maximum(x, 0)
        return jnp.where(x < 0, jax.nn.sigmoid(self.alpha * x), 0.5 + self.beta * jnp.log(above + 1 + self.epsilon))


class LeakyRelu(Surrogate):
    """α for x < 0, else β."""

    alpha: float = 0.1
    beta: float = 1.0

    def derivative(self, x: Any) -> Any:
        return jnp.where(x < 0, _full(x, self.alpha), _full(x, self.beta))

    def surrogate_fun(self, x: Any) -> Any:
        return jnp.where(x < 0, self.alpha * x, self.beta * x)


class MultiGaussianGrad(Surrogate):
    """scale ((1 + h) N(x; 0, σ) − h N(x; σ, sσ) − h N(x; −σ, sσ)), N the normal density (Yin et al., 2021)."""

    h: float = 0.15
    s: float = 6.0
    sigma: float = 0.5
    scale: float = 0.5

    def derivative(self, x: Any) -> Any:
        wide = self.s * self.sigma
        sides = _normal(x - self.sigma, wide) + _normal(x + self.sigma, wide)
        return self.scale * ((1 + self.h) * _normal(x, self.sigma) - self.h * sides)

    def surrogate_fun(self, x: Any) -> Any:
        cdf, wide = jax.scipy.stats.norm.cdf, self.s * self.sigma
        sides = cdf((x - self.sigma) / wide) + cdf((x + self.sigma) / wide)
        return self.scale * ((1 + self.h) * cdf(x / self.sigma) - self.h * sides)


class SlayerGrad(Surrogate):
    """exp(−α|x|) (Shrestha and Orchard, 2018)."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return jnp.exp(-self.alpha * jnp.abs(x))

    def surrogate_fun(self, x: Any) -> Any:
        return jnp.sign(x) * (1 - jnp.exp(-self.alpha * jnp.abs(x))) / self.alpha


class SoftSign(Surrogate):
    """(α/2) / (1 + |α x|)²."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return self.alpha / 2 / (1 + jnp.abs(self.alpha * x)) ** 2

    def surrogate_fun(self, x: Any) -> Any:
        return self.alpha * x / (2 + 2 * jnp.abs(self.alpha * x)) + 0.5


class ERF(Surrogate):
    """α/√π exp(−α²x²) (Esser et al., 2015)."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return self.alpha / math.sqrt(math.pi) * jnp.exp(-((self.alpha * x) ** 2))

    def surrogate_fun(self, x: Any) -> Any:
        return (1 + jax.scipy.special.erf(self.alpha * x)) / 2


class PiecewiseLeakyRelu(Surrogate):
    """1/(2w) for |x| ≤ w, else c."""

    c: float = 0.01
    w: float = 1.0

    def derivative(self, x: Any) -> Any:
        return jnp.where(jnp.abs(x) > self.w, _full(x, self.c), _full(x, 1 / (2 * self.w)))

    def surrogate_fun(self, x: Any) -> Any:
        y = jnp.clip(x, -self.w, self.w)
        return 0.5 + y / (2 * self.w) + self.c * (x - y)


class SquarewaveFourierSeries(Surrogate):
    """4/T Σₖ cos((2k − 1) ω x), k = 1 … n, with ω = 2π/T; the first terms of a square wave's derivative."""

    n: int = 2
    t_period: float = 8.0

    def derivative(self, x: Any) -> Any:
        omega = 2 * math.pi / self.t_period
        return 4 / self.t_period * sum(jnp.cos((2 * k - 1) * omega * x) for k in range(1, self.n + 1))

    def surrogate_fun(self, x: Any) -> Any:
        omega = 2 * math.pi / self.t_period
        odd = range(1, 2 * self.n, 2)
        return 0.5 + 2 / math.pi * sum(jnp.sin(k * omega * x) / k for k in odd)


class NonzeroSignLog(Surrogate):
    """1 / (1/α + |x|)."""

    alpha: float = 1.0

    def derivative(self, x: Any) -> Any:
        return 1 / (1 / self.alpha + jnp.abs(x))

    def surrogate_fun(self, x: Any) -> Any:
        return jnp.sign(x) * jnp.log1p(self.alpha * jnp.abs(x))


class LogTailedRelu(Surrogate):
    """α for x ≤ 0, 1 for x ≤ 1, else 1/x (Cai et al., 2017)."""

    alpha: float = 0.0

    def derivative(self, x: Any) -> Any:
        return jnp.where(x > 0, 1 / jnp.maximum(x, 1), _full(x, self.alpha))

    def surrogate_fun(self, x: Any) -> Any:
        return jnp.where(x > 0, jnp.minimum(x, 1) + jnp.log(jnp.maximum(x, 1)), self.alpha * x)


class QPseudoSpike(Surrogate):
    """(1 + 2|x| / (α + 1))^(−α) (Herranz-Celotti and Rouat, 2022)."""

    alpha: float = 2.0

    def derivative(self, x: Any) -> Any:
        return (1 + 2 / (self.alpha + 1) * jnp.abs(x)) ** -self.alpha

    def surrogate_fun(self, x: Any) -> Any:
        rest, base = 1 - self.alpha, 1 + 2 / (self.alpha + 1) * jnp.abs(x)
        power = jnp.where(rest == 0, jnp.log(base), (base**rest - 1) / jnp.where(rest == 0, 1, rest))
        return 0.5 + jnp.sign(x) * (self.alpha + 1) / 2 * power


sigmoid = function_form(Sigmoid)
relu_grad = function_form(ReluGrad)
inv_square_grad = function_form(InvSquareGrad)
arctan = function_form(Arctan)
gaussian_grad = function_form(GaussianGrad)
piecewise_quadratic = function_form(PiecewiseQuadratic)
piecewise_exp = function_form(PiecewiseExp)
s2nn = function_form(S2NN)
leaky_relu = function_form(LeakyRelu)
multi_gaussian_grad = function_form(MultiGaussianGrad)
slayer_grad = function_form(SlayerGrad)
soft_sign = function_form(SoftSign)
erf = function_form(ERF)
piecewise_leaky_relu = function_form(PiecewiseLeakyRelu)
squarewave_fourier_series = function_form(SquarewaveFourierSeries)
nonzero_sign_log = function_form(NonzeroSignLog)
log_tailed_relu = function_form(LogTailedRelu)
q_pseudo_spike = function_form(QPseudoSpike)


def _sigmoid_slope(alpha: float, x: Any) -> Any:
    s = jax.nn.sigmoid(alpha * x)
    return alpha * s * (1 - s)


def _normal(x: Any, sigma: float) -> Any:
    return jnp.exp(-(x**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)


def _full(x: Any, value: float) -> Any:
    return jnp.full_like(x, value)
