"""Weights in the layout and under the names of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from .. import nn, snn
from .._errors import ShapeError
from .._module import Module
from .._state import ParamState
from . import _channels

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def to_torch(model: Module) -> dict[str, np.ndarray]:
    """The weights of a `Sequential` or of a layer as the `state_dict` of a `torch.nn.Sequential` of the same layers.

    They are those of `Linear`, convolutions and `RecurrentLIF`, under the name that snnTorch's `RLeaky` gives them, as
    arrays of NumPy: `net.load_state_dict({k: torch.tensor(x) for k, x in sl.io.to_torch(model).items()})`. Channels
    come first in PyTorch; a `Linear` that follows a `Flatten` of images has its columns in that order. Raises
    ValueError, by path, for other layers with weights. Constants of neurons are not weights.

    >>> {name: x.shape for name, x in sl.io.to_torch(sl.nn.Sequential(sl.nn.Linear(3, 2), sl.snn.Leaky(2))).items()}
    {'0.weight': (2, 3), '0.bias': (2,)}
    """
    found = {}
    for prefix, layer, order in _layers(model, "", [None]):
        params = layer.weight.value
        if any(isinstance(x, u.Quantity) for x in params.values()):
            raise ValueError(f"{layer.path}: its weights have a unit; PyTorch takes plain numbers.")
        found[f"{prefix}weight"] = _to(layer, layer._effective(params["weight"]), order)
        if "bias" in params:
            found[f"{prefix}bias"] = np.asarray(params["bias"])
    return found


def from_torch(model: Module, state_dict: Mapping[str, Any], *, strict: bool = True) -> None:
    """Give the layers of `model` the weights in a `state_dict` of PyTorch, which `to_torch` names; all, or none.

    | name | meaning | default |
    |---|---|---|
    | `model` | a `Sequential` or a layer | |
    | `state_dict` | arrays or tensors of the CPU by name | |
    | `strict` | refuse names that the model lacks, such as snnTorch's constants of neurons | True |

    Raises ValueError for names that are missing, ShapeError for other shapes, by path.
    """
    wanted = to_torch(model)
    missing = sorted(wanted.keys() - state_dict.keys())
    unknown = sorted(state_dict.keys() - wanted.keys()) if strict else []
    if missing or unknown:
        raise ValueError(f"from_torch: the weights lack {missing}, and the model lacks {unknown}. Nothing was loaded.")
    new = []
    for prefix, layer, order in _layers(model, "", [None]):
        values = {}
        for key, old in layer.weight.value.items():
            given = np.asarray(state_dict[prefix + key])
            if given.shape != wanted[prefix + key].shape:
                raise ShapeError(f"{layer.path}: {prefix + key} has the shape {given.shape}; the model needs "
                                 f"{wanted[prefix + key].shape}. Nothing was loaded.")  # fmt: skip
            values[key] = jnp.asarray(_from(layer, given, order) if key == "weight" else given, old.dtype)
        new.append((layer, values))
    for layer, values in new:
        layer.weight.value = values


def _layers(layer: Any, prefix: str, order: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The layers with weights, what their names begin with, and our index of each of PyTorch's inputs.

    `order` holds the last of these: what a Flatten leaves and the next Linear takes.
    """
    if isinstance(layer, nn.Sequential):
        for k, part in enumerate(layer.layers):
            yield from _layers(part, f"{prefix}{k}.", order)
    elif isinstance(layer, snn.RecurrentLIF):
        yield f"{prefix}recurrent.", layer.recurrent, order[0]
    elif isinstance(layer, (nn.Linear, *_CONVOLUTIONS)):
        yield prefix, layer, order[0]
        order[0] = None
    elif isinstance(layer, nn.Flatten):
        order[0] = _channels.flat_order(layer.in_size or ())
    elif isinstance(layer, Module) and not isinstance(layer, snn.Cell) and layer.states(ParamState):
        raise ValueError(f"{layer.path}: PyTorch's names of the weights of {type(layer).__name__} are unknown.")


def _to(layer: Any, weight: Any, order: Any) -> np.ndarray:
    weight = np.asarray(weight)
    if isinstance(layer, _CONVOLUTIONS):
        return _channels.kernel_there(weight)
    return (weight if order is None else weight[order]).T.copy()


def _from(layer: Any, weight: np.ndarray, order: Any) -> np.ndarray:
    if isinstance(layer, _CONVOLUTIONS):
        return _channels.kernel_here(weight)
    return weight.T if order is None else weight.T[np.argsort(order)]
