"""States of a model in a file of safetensors: one tensor for each array, units and a checksum in the header."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import _mesh
from .._errors import DamagedStoreError, ShapeError, UnitError
from .._init_states import join, load_states, save_states
from .._module import Module
from .._state import ParamState, State
from .._trace import stored
from ..record._convert import need
from ..record._durable import replace

_FORMAT = "spikeloop.states.1"


def save(model: Module, path: str | Path, *filters: Any) -> None:
    """Write the States of `model`, or those that pass the filters, to a file.

    At any moment the old file is there or the new one, whole. Needs the package safetensors: `spikeloop[train]`.

    | name | meaning |
    |---|---|
    | `model` | whose States |
    | `path` | the file, by custom with the ending `.safetensors` |
    | `*filters` | as in `Module.states`, such as `sl.ParamState`: only these States |

    >>> layer = sl.nn.Linear(3, 2)
    >>> sl.io.save(layer, "layer.safetensors")
    >>> sl.io.load(sl.nn.Linear(3, 2), "layer.safetensors")
    """
    tensors: dict[str, np.ndarray] = {}
    units: dict[str, list[Any]] = {}
    for name, value in save_states(model, *filters).items():
        for key, leaf in _leaves(name, value):
            tensors[key] = np.asarray(u.get_mantissa(leaf))
            units[key] = _unit_numbers(leaf)
    listed = json.dumps(units)
    header = {"format": _FORMAT, "units": listed, "sha256": _checksum(tensors, listed)}
    data = need("safetensors.numpy", "train").save(tensors, header)
    if _mesh.writes():
        replace(Path(path), lambda file: file.write(data))
    _mesh.wait()


def load(model: Module, path: str | Path, *, strict: bool = True) -> None:
    """Give the States of `model` the values in a file that `save` has written; all of them, or none.

    A value in another unit of the same dimension is converted.

    | name | meaning | default |
    |---|---|---|
    | `model` | a model of the same structure, after `init_all_states` if its States were saved after it | |
    | `path` | the file | |
    | `strict` | the file must hold every ParamState of the model, and nothing that the model lacks | True |

    Raises DamagedStoreError for a file that is damaged or not from `save`, ValueError for other States than the
    model's, ShapeError and UnitError for values that do not fit, by path.
    """
    tensors, units = _read(Path(path))
    states = {join(key): state for key, state in model.states().items()}
    values, used = {}, set()
    for name, state in states.items():
        present = _present(state)
        leaves = dict(_leaves(name, present))
        if leaves.keys() <= tensors.keys():
            used |= leaves.keys()
            new = [_fitting(key, state.path, leaf, tensors[key], units[key]) for key, leaf in leaves.items()]
            tree = jax.tree.structure(present, is_leaf=_is_quantity)
            values[name] = jax.tree.unflatten(tree, new)
    lacking = sorted(n for n, state in states.items() if isinstance(state, ParamState) and n not in values)
    unknown = sorted(tensors.keys() - used)
    if strict and (lacking or unknown):
        listed = _listed("it lacks", lacking) + _listed("the model lacks", unknown)
        raise ValueError(f"{path} is of another model: {listed}pass strict=False to load what both have.")
    load_states(model, values)


def _present(state: State) -> Any:
    """The value, whole."""
    mesh = _mesh.current()
    return stored(state) if mesh is None else mesh.read(state)


def _is_quantity(value: Any) -> bool:
    return isinstance(value, u.Quantity)


def _leaves(name: str, value: Any) -> list[tuple[str, Any]]:
    """The arrays and Quantities of a State, by names that extend its own."""
    found, _ = jax.tree_util.tree_flatten_with_path(value, is_leaf=_is_quantity)
    return [(".".join([name, *map(_part, path)]), leaf) for path, leaf in found]


def _part(key: Any) -> str:
    return str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key))))


def _unit_numbers(leaf: Any) -> list[Any]:
    """A unit as its name, its size in SI and its exponents of m, kg, s, A, K, mol, cd; [] for a plain number."""
    if not _is_quantity(leaf):
        return []
    unit = leaf.unit
    return [str(unit), float(unit.magnitude), [float(x) for x in unit.dim._dims]]


def _fitting(key: str, where: str, old: Any, new: np.ndarray, unit: list[Any]) -> Any:
    """The saved value in the unit of the present one."""
    numbers, dtype = u.get_mantissa(old), jnp.result_type(u.get_mantissa(old))
    if new.shape != jnp.shape(numbers) or new.dtype.kind != np.dtype(dtype).kind:
        raise ShapeError(f"{where}: the file holds {new.dtype}{list(new.shape)} for {key}; the model "
                         f"{dtype}{list(jnp.shape(numbers))}. Nothing was loaded.")  # fmt: skip
    here = _unit_numbers(old)
    if bool(here) != bool(unit) or (here and here[2] != unit[2]):
        raise UnitError(f"{where}: the file holds {key} in {unit[0] if unit else 'no unit'}; the model in "
                        f"{here[0] if here else 'no unit'}. Nothing was loaded.")  # fmt: skip
    if not here:
        return jnp.asarray(new, dtype)
    factor = unit[1] / here[1]
    return u.Quantity(jnp.asarray(new if factor == 1 else new * factor, dtype), unit=old.unit)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, list[Any]]]:
    data = path.read_bytes()
    safetensors = need("safetensors.numpy", "train")
    try:
        size = int.from_bytes(data[:8], "little")
        header: Mapping[str, str] = json.loads(data[8 : 8 + size]).get("__metadata__", {})
        tensors = safetensors.load(data)
    except Exception as error:  # whatever the bytes of a file can do to a parser
        raise DamagedStoreError(f"{path} is damaged, or no file of safetensors: {error}") from error
    if header.get("format") != _FORMAT:
        raise DamagedStoreError(f"{path} was not written by sl.io.save: its format is {header.get('format')!r}.")
    if header.get("sha256") != _checksum(tensors, header.get("units", "")):
        raise DamagedStoreError(f"{path} is damaged: its checksum is not that of its values.")
    return tensors, json.loads(header["units"])


def _checksum(tensors: Mapping[str, np.ndarray], units: str) -> str:
    digest = hashlib.sha256(units.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _listed(what: str, names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{what} {', '.join(names[:5])}{more}; " if names else ""
