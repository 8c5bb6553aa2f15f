"""Where a run keeps its entries: in memory, or on disk with a checkpoint after each chunk."""

from __future__ import annotations

import enum
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import _mesh
from .._state import State
from . import _checkpoint, _lock, _metadata
from ._convert import need
from ._durable import zarr_store
from ._entries import Entries, open_array
from ._memory import Shapes
from ._metadata import damaged


class Memory:
    """Entries in memory."""

    def __init__(self, shapes: Shapes) -> None:
        self._parts = {name: [np.zeros((0, *shape[1:]), dtype)] for name, (shape, _, dtype) in shapes.items()}

    def width(self, name: str) -> None:
        """Entries come whole."""

    def write(self, name: str, first: int, entries: np.ndarray, column: int = 0) -> None:
        """Add entries; they come in order."""
        del first, column
        self._parts[name].append(entries)

    def commit(self, done: int) -> None:
        """Nothing is left to do."""

    def entries(self, name: str, first: int, last: int) -> Any:
        """The entries of a record."""
        del first, last
        return np.concatenate(self._parts[name])


class Found(enum.Enum):
    """What lies at the path of a run."""

    NOTHING = enum.auto()
    BEGUN = enum.auto()  # killed before its first checkpoint
    RUN = enum.auto()
    RECORDS = enum.auto()  # of a run whose checkpoint is gone


class Disk:
    """Entries in a zarr group, each array made at its full length and written in whole chunks with a checksum each.

    Of several processes, each writes the values of its own neurons as files of its own, at a place that follows from
    the number of processes when the run began; together they are the array, for any number of processes that read it.

    A chunk of the run counts from the moment its checkpoint is there, which holds the number of steps done and the
    States after them. Entries are on the disk before; what was written beyond the checkpoint is written again.
    """

    def __init__(self, path: Path, group: Any, meta: dict[str, Any], states: Sequence[State] | None):
        self.path, self._group, self._all, self._states = path, group, meta, states
        self._open_arrays()

    @staticmethod
    def look(path: Path) -> Found:
        """What lies at `path`; refuses what is no run."""
        if not path.exists():
            return Found.NOTHING
        begun = (path / _checkpoint.FILE).is_file()
        if not path.is_dir() or not (begun or _metadata.is_ours(path) or _is_empty(path)):
            raise FileExistsError(f"{path} exists and holds no run; choose another path.")
        if begun:
            return Found.RUN
        if any(file.is_file() for file in path.glob("*/c/**/*")):
            return Found.RECORDS
        return Found.NOTHING if _is_empty(path) else Found.BEGUN

    @classmethod
    def create(cls, path: Path, meta: dict[str, Any], shapes: Shapes, states: Sequence[State]) -> Disk:
        """A new store, in the place of what `look` has found there."""
        if _mesh.writes():
            cls._make(path, meta, shapes)
        _mesh.wait()
        store = cls.open(path, states, begun=True)
        store.commit(0)
        return store

    @staticmethod
    def _make(path: Path, meta: dict[str, Any], shapes: Shapes) -> None:
        zarr = need("zarr")
        _clear(path)
        full = {**meta, "run": uuid.uuid4().hex, "arrays": _forms(shapes)}
        group = zarr.create_group(zarr_store(path), attributes=_metadata.attributes(full))
        codecs = [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]
        for name, form in full["arrays"].items():
            group.create_array(
                name, shape=form["shape"], chunks=tuple(form["chunks"]), dtype=form["dtype"], compressors=codecs
            )

    @classmethod
    def open(cls, path: Path, states: Sequence[State] | None = None, *, begun: bool = False) -> Disk:
        """The store that lies there; with the States of the run, to go on. `begun` says that no step is done yet."""
        zarr = need("zarr")
        if not begun and not (path / _checkpoint.FILE).exists():
            raise FileNotFoundError(
                f"{path} holds no run." if not _metadata.is_ours(path) else f"{path} has no {_checkpoint.FILE}, which "
                "holds the number of steps done and the States after them. Put it back to use the records."
            )  # fmt: skip
        meta = _metadata.read(path)
        try:
            reads = states is None
            group = zarr.open_group(path, mode="r") if reads else zarr.open_group(zarr_store(path), mode="r+")
        except Exception as error:  # whatever the bytes of a file can do to a parser
            raise damaged(path / _metadata.FILE, error) from error
        return cls(path, group, meta, states)

    @property
    def meta(self) -> dict[str, Any]:
        """What the store was made with."""
        return {k: v for k, v in self._all.items() if k not in ("run", "arrays")}

    def extend(self, meta: dict[str, Any], shapes: Shapes) -> None:
        """Make place for a run to another end; its files stay of the width that they have."""
        forms = _forms(shapes)
        for name, form in forms.items():
            form["chunks"][-1] = self.width(name)
        self._all = {**meta, "run": self._all["run"], "arrays": forms}
        if _mesh.writes():
            for name, (shape, _, _) in shapes.items():
                self._group[name].resize(shape)
            self._group.attrs.update(_metadata.attributes(self._all))
        _mesh.wait()
        self._open_arrays()

    def width(self, name: str) -> int:
        """How many of the values of an entry are in one file."""
        return self._all["arrays"][name]["chunks"][-1]

    def write(self, name: str, first: int, entries: np.ndarray, column: int = 0) -> None:
        """Put entries from place `first` on, or those of their values that begin with `column`."""
        self._arrays[name][first : first + len(entries), ..., column : column + entries.shape[-1]] = entries

    def entries(self, name: str, first: int, last: int) -> Entries:
        """A part of an array, read when it is asked for."""
        return Entries(self.path / name, self._all["arrays"][name], first, last)

    def commit(self, done: int) -> None:
        """So many steps are done; the States are those after them."""
        _mesh.wait()  # until all have written
        _checkpoint.write(self.path, self._all["run"], done, self._states or ())
        _mesh.wait()

    def done(self) -> int:
        """The steps that are done."""
        done = _checkpoint.steps_done(self.path, self._all["run"])
        if not 0 <= done <= self._all["steps"]:
            raise damaged(self.path / _checkpoint.FILE, f"{done} of {self._all['steps']} steps are done")
        return done

    def restore(self) -> None:
        """Give the States their values of the checkpoint."""
        _checkpoint.restore(self.path, self._states or ())

    def _open_arrays(self) -> None:
        forms, writes = self._all["arrays"], self._states is not None
        self._arrays = {name: open_array(self.path / name, form, writes=writes) for name, form in forms.items()}


def _forms(shapes: Shapes) -> dict[str, Any]:
    """What is remembered of arrays, as plain JSON."""
    return {
        name: {"shape": list(shape), "chunks": [max(n, 1) for n in file], "dtype": str(dtype)}
        for name, (shape, file, dtype) in shapes.items()
    }


def _is_empty(path: Path) -> bool:
    return path.is_dir() and all(entry.name == _lock.FILE for entry in path.iterdir())


def _clear(path: Path) -> None:
    """Delete a store but for its lock; last, what tells that it is one."""
    last = path / _metadata.FILE
    (path / _checkpoint.FILE).unlink(missing_ok=True)
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in (_lock.FILE, last.name):
            entry.unlink()
    last.unlink(missing_ok=True)
