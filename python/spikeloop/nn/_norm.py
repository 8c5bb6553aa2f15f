"""Normalisation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .. import environ
from .._module import Module, as_size
from .._state import LongTermState, ParamState
from ._layer import plain_input


class BatchNorm(Module):
    r"""Normalises each feature over all other axes: batch, time if it is there, height and width.

    $$y = \gamma \frac{x - \mathrm{mean}}{\sqrt{\mathrm{var} + \epsilon}} + \beta$$

    In training, `environ.context(fit=True)`, mean and variance are those of the input, and running ones follow them;
    else the running ones are used. In a loop each step is normalised by itself; call the layer on an array
    (time, batch, ...) before the loop to normalise over time as well.

    | name | meaning | default |
    |---|---|---|
    | `in_size` | shape of the input, its last axis are the features | |
    | `momentum` | part of the running mean and variance that stays at each call | 0.99 |
    | `epsilon` | added to the variance | 1e-5 |
    | `affine` | whether γ and β are there, and trained | True |

    Ioffe S, Szegedy C (2015) ICML. Over time: Zheng H et al. (2021) AAAI.
    """

    def __init__(
        self, in_size: Any, momentum: float = 0.99, epsilon: float = 1e-5, affine: bool = True, name: str | None = None
    ):
        super().__init__(name)
        self.in_size = self.out_size = size = as_size(in_size, "in_size")
        self.momentum, self.epsilon = momentum, epsilon
        features, dtype = size[-1:], environ.dftype()
        self.running_mean = LongTermState(jnp.zeros(features, dtype))
        self.running_var = LongTermState(jnp.ones(features, dtype))
        ones = {"scale": jnp.ones(features, dtype), "bias": jnp.zeros(features, dtype)}
        self.weight = ParamState(ones) if affine else None

    def update(self, x: Any) -> Any:
        """The normalised input."""
        x = _plain(self, x)
        if environ.get("fit", False):
            axes = tuple(range(x.ndim - 1))
            mean, var = x.mean(axes), x.var(axes)
            for state, new in ((self.running_mean, mean), (self.running_var, var)):
                state.value = self.momentum * state.value + (1 - self.momentum) * jax.lax.stop_gradient(new)
        else:
            mean, var = self.running_mean.value, self.running_var.value
        return _affine((x - mean) / jnp.sqrt(var + self.epsilon), self.weight)


class LayerNorm(Module):
    r"""Normalises the last axis of each sample.

    $$y = \gamma \frac{x - \mathrm{mean}}{\sqrt{\mathrm{var} + \epsilon}} + \beta$$

    | name | meaning | default |
    |---|---|---|
    | `in_size` | shape of the input, its last axis are the features | |
    | `epsilon` | added to the variance | 1e-6 |
    | `affine` | whether γ and β are there, and trained | True |

    Ba JL, Kiros JR, Hinton GE (2016) arXiv:1607.06450.
    """

    def __init__(self, in_size: Any, epsilon: float = 1e-6, affine: bool = True, name: str | None = None):
        super().__init__(name)
        self.in_size = self.out_size = size = as_size(in_size, "in_size")
        self.epsilon = epsilon
        ones = {"scale": jnp.ones(size[-1:], environ.dftype()), "bias": jnp.zeros(size[-1:], environ.dftype())}
        self.weight = ParamState(ones) if affine else None

    def update(self, x: Any) -> Any:
        """The normalised input."""
        x = _plain(self, x)
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return _affine((x - mean) / jnp.sqrt(var + self.epsilon), self.weight)


def _plain(layer: Module, x: Any) -> Any:
    """The input as floats; it has no unit after normalisation, whatever it has before."""
    x, _ = plain_input(layer, x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(environ.dftype())


def _affine(x: Any, weight: ParamState | None) -> Any:
    return x if weight is None else x * weight.value["scale"] + weight.value["bias"]
