"""The check of a model's operands and its threshold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import brainunit as u
import numpy as np

from .. import environ
from .._errors import ShapeError
from .._jax import is_tracer
from .._shapes import fits


def check_threshold(neuron: Any, is_usual: bool) -> None:
    """Refuse a model without a threshold, operands of another size, and known constants for which it divides by 0.

    `is_usual`: it is that of `Neuron`, (V − V_th)/(V_th − V_reset).
    """
    name = neuron.path
    if not neuron.state_vars and neuron.has_own_update:
        return  # its `init_state` makes the States
    if next(iter(neuron.state_vars), None) != "V":
        raise TypeError(f"{name}: a neuron model declares its potential V as its first variable.")
    if is_usual and not {"V_th", "V_reset"} <= {*neuron.operands}:
        raise TypeError(f"{name}: a neuron model declares V_th and V_reset, or defines threshold(p, s).")
    with environ.context(t=0.0 * u.ms, i=0, dt=1.0 * u.ms):  # which an equation may contain
        operands = neuron.derive(neuron.numbers(), 1.0)
    for key, value in zip(neuron.operands, operands, strict=True):
        if not fits(np.shape(value), neuron.varshape):
            raise ShapeError(
                f"{name}: {key} of shape {np.shape(value)} does not fit neurons of shape {neuron.varshape}."
            )
    p = neuron.operand_space(operands)
    if any(map(is_tracer, vars(p).values())):
        return
    rest = dict.fromkeys(neuron.state_vars, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (neuron.threshold(p, SimpleNamespace(**{**rest, "V": np.float64(V)})) for V in (0, 1))
        slope = np.asarray(high) - np.asarray(low)
    if not np.isfinite(slope).all():
        raise ValueError(
            f"{name}: V_th must differ from V_reset, or from what takes its place in this model: "
            "the distance from threshold is measured in units of their difference."
        )
