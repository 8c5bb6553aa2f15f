"""Where a run keeps its entries: in memory, or on disk with a checkpoint after each chunk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._state import State
from .._trace import spec_of
from ._convert import need
from ._durable import replace, zarr_store

_FORMAT = 1
_CHECKPOINT = "checkpoint.npz"


class Memory:
    """Entries in memory."""

    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = {}

    def write(self, name: str, first: int, entries: np.ndarray) -> None:
        """Add entries; they come in order."""
        del first
        self._parts.setdefault(name, []).append(entries)

    def commit(self, done: int) -> None:
        """Nothing is left to do."""

    def entries(self, name: str, first: int, last: int) -> Any:
        """The entries of a record."""
        del first, last
        return np.concatenate(self._parts[name])


class Disk:
    """Entries in a zarr group, each array made at its full length and written in whole chunks.

    A chunk of the run counts from the moment its checkpoint is there, which holds the number of steps done and the
    States after them. Entries are on the disk before; what was written beyond the checkpoint is written again.
    """

    def __init__(self, path: Path, group: Any, states: Sequence[State]):
        self.path, self._group, self._states = path, group, states

    @classmethod
    def create(cls, path: Path, meta: dict[str, Any], shapes: dict[str, Any], states: Sequence[State]) -> Disk:
        """A new store; `shapes` {name: (shape, entries of a chunk, dtype)}."""
        zarr = need("zarr")
        if (path / _CHECKPOINT).exists():
            raise FileExistsError(
                f"{path} holds a run. Go on with it by resume=True, choose another path, or remove it first."
            )
        if path.exists():
            if not _is_unfinished(path):
                raise FileExistsError(f"{path} exists and holds no run; choose another path.")
            shutil.rmtree(path)
        group = zarr.create_group(zarr_store(path), attributes=_attributes(meta))
        for name, (shape, entries, dtype) in shapes.items():
            chunks = tuple(max(n, 1) for n in (entries, *shape[1:]))
            group.create_array(name, shape=shape, chunks=chunks, dtype=dtype)
        store = cls(path, group, states)
        store.commit(0)
        return store

    @classmethod
    def open(cls, path: Path, states: Sequence[State] = ()) -> Disk:
        """The store that lies there."""
        zarr = need("zarr")
        if not (path / _CHECKPOINT).exists():
            raise FileNotFoundError(f"{path} holds no run.")
        group = zarr.open_group(zarr_store(path), mode="r+") if states else zarr.open_group(path, mode="r")
        if group.attrs["spikeloop"]["format"] != _FORMAT:
            raise ValueError(f"{path} was written by another version of spikeloop.")
        return cls(path, group, states)

    @property
    def meta(self) -> dict[str, Any]:
        """What the store was made with."""
        return {k: v for k, v in self._group.attrs["spikeloop"].items() if k != "format"}

    def extend(self, meta: dict[str, Any], shapes: dict[str, Any]) -> None:
        """Make place for a run to another end."""
        for name, (shape, _, _) in shapes.items():
            self._group[name].resize(shape)
        self._group.attrs.update(_attributes(meta))

    def write(self, name: str, first: int, entries: np.ndarray) -> None:
        """Put entries from place `first` on."""
        self._group[name][first : first + len(entries)] = entries

    def entries(self, name: str, first: int, last: int) -> Part:
        """A part of an array, read when it is asked for."""
        return Part(self._group[name], first, last)

    def commit(self, done: int) -> None:
        """So many steps are done; the States are those after them."""
        leaves = [np.asarray(leaf) for state in self._states for leaf in jax.tree.leaves(state.kept)]
        raw = {f"leaf{k}": np.frombuffer(leaf.tobytes(), np.uint8) for k, leaf in enumerate(leaves)}
        keep = {"done": done, "states": json.dumps(self._specs()), **raw}
        replace(self.path / _CHECKPOINT, lambda file: np.savez(file, **keep))

    def done(self) -> int:
        """The steps that are done."""
        with np.load(self.path / _CHECKPOINT) as found:
            return int(found["done"])

    def restore(self) -> int:
        """Give the States their values of the checkpoint; returns the steps done."""
        with np.load(self.path / _CHECKPOINT) as found:
            saved, here = json.loads(str(found["states"])), self._specs()
            if saved != here:
                pairs = zip(saved, here, strict=False)
                a, b = next(((a, b) for a, b in pairs if a != b), (f"{len(saved)} States", f"{len(here)} States"))
                raise ValueError(
                    f"{self.path} was written by another model: it holds {a}, this model has {b}. "
                    "Build the model as before, or choose another path."
                )
            k = 0
            for state in self._states:
                leaves, tree = jax.tree.flatten(state.kept)
                like = [(jnp.shape(leaf), np.dtype(jnp.result_type(leaf))) for leaf in leaves]
                values = [np.frombuffer(found[f"leaf{k + j}"].tobytes(), d).reshape(s) for j, (s, d) in enumerate(like)]
                state.kept = jax.tree.unflatten(tree, [jnp.asarray(value) for value in values])
                k += len(leaves)
            return int(found["done"])

    def _specs(self) -> list[str]:
        return [f"{state.path}: {spec_of(state.kept, state.path)}" for state in self._states]


def _attributes(meta: dict[str, Any]) -> dict[str, Any]:
    return {"spikeloop": {"format": _FORMAT, **meta}}


def _is_unfinished(path: Path) -> bool:
    """Whether the folder is empty, or that of a run that was killed before its first checkpoint."""
    form = path / "zarr.json"
    if not form.exists():
        return path.is_dir() and not any(path.iterdir())
    return "spikeloop" in json.loads(form.read_text()).get("attributes", {})


class Part:
    """Entries `first` to `last` of an array on disk."""

    def __init__(self, array: Any, first: int, last: int):
        self._array, self._first, self._last = array, first, last
        self.shape = (last - first, *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, part: Any) -> np.ndarray:
        if isinstance(part, int):
            return np.asarray(self._array[self._first + range(self.shape[0])[part]])
        if isinstance(part, slice) and part.step is None:
            start, stop, _ = part.indices(self.shape[0])
            return np.asarray(self._array[self._first + start : self._first + max(start, stop)])
        return np.asarray(self._array[self._first : self._last])[part]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def __reduce__(self) -> Any:
        """In another process the part is read from the same place on the disk."""
        return _reopened, (self._array.store.root.resolve(), self._array.path, self._first, self._last)


def _reopened(root: Path, name: str, first: int, last: int) -> Part:
    return Part(need("zarr").open_group(root, mode="r")[name], first, last)
