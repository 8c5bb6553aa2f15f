"""The checkpoint of a stored run: the number of steps done, and the States after them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import _mesh
from .._state import State
from .._trace import spec_of
from ._durable import replace
from ._metadata import damaged

FILE = "checkpoint.npz"


def write(folder: Path, run: str, done: int, states: Sequence[State]) -> None:
    """Replace the checkpoint in `folder` of the run with the identity `run`."""
    values = [_mesh.whole(state) for state in states]
    if not _mesh.writes():
        return
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(values)]
    raw = {f"leaf{k}": np.frombuffer(leaf.tobytes(), np.uint8) for k, leaf in enumerate(leaves)}
    keep = {"run": run, "done": done, "states": json.dumps(_specs(states, values)), **raw}
    replace(folder / FILE, lambda file: np.savez(file, **keep))


def steps_done(folder: Path, run: str) -> int:
    """The steps that are done."""
    file = folder / FILE
    whose, done = _read(file, ["run", "done"])
    if str(whose) != run:
        raise damaged(file, f"it belongs to another run than {folder / 'zarr.json'}")
    return int(done)


def restore(folder: Path, states: Sequence[State]) -> None:
    """Give the States their values; all of them, or none if the checkpoint is not whole or of another model."""
    file = folder / FILE
    values = [_mesh.whole(state) for state in states]
    saved, here = json.loads(str(_read(file, ["states"])[0])), _specs(states, values)
    if saved != here:
        pairs = zip(saved, here, strict=False)
        a, b = next(((a, b) for a, b in pairs if a != b), (f"{len(saved)} States", f"{len(here)} States"))
        raise ValueError(
            f"{folder} was written by another model: it holds {a}, this model has {b}. "
            "Build the model as before, or choose another path."
        )
    leaves, tree = jax.tree.flatten(values)
    raw = _read(file, [f"leaf{k}" for k in range(len(leaves))])
    like = [(jnp.shape(leaf), np.dtype(jnp.result_type(leaf))) for leaf in leaves]
    if any(found.nbytes != np.prod(shape) * dtype.itemsize for found, (shape, dtype) in zip(raw, like, strict=True)):
        raise damaged(file, "a State has another size than it says")
    new = [jnp.asarray(found.view(dtype).reshape(shape)) for found, (shape, dtype) in zip(raw, like, strict=True)]
    for state, value in zip(states, jax.tree.unflatten(tree, new), strict=True):
        _mesh.assign(state, value)


def _read(file: Path, names: list[str]) -> list[np.ndarray]:
    """Arrays of the file, each checked by its checksum before it is looked at."""
    try:
        with zipfile.ZipFile(file) as found:
            raw = (found.read(f"{name}.npy") for name in names)
            return [np.lib.format.read_array(io.BytesIO(data), allow_pickle=False) for data in raw]
    except (FileNotFoundError, MemoryError):
        raise
    except Exception as error:  # whatever the bytes of a file can do to a parser
        raise damaged(file, error) from error


def _specs(states: Sequence[State], values: Sequence[Any]) -> list[str]:
    return [f"{state.path}: {spec_of(value, state.path)}" for state, value in zip(states, values, strict=True)]
