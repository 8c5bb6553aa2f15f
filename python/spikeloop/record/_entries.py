"""Entries of a record on disk, read when they are asked for."""

from __future__ import annotations

import itertools
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ._convert import need
from ._durable import zarr_store
from ._metadata import FILE, damaged


def open_array(place: Path, form: dict[str, Any], *, writes: bool = False) -> Any:
    """The array in the folder `place`, which must be as its description `form` says."""
    file, zarr = place / FILE, need("zarr")
    try:
        array = zarr.open_array(zarr_store(place), mode="r+") if writes else zarr.open_array(place, mode="r")
        found = {"shape": list(array.shape[1:]), "chunks": list(array.chunks), "dtype": str(array.dtype)}
        length = array.shape[0]
    except Exception as error:  # whatever the bytes of a file can do to a parser
        raise damaged(file, error) from error
    wanted = {**form, "shape": form["shape"][1:]}
    if found != wanted or length < form["shape"][0]:
        raise damaged(file, f"{length} entries, {found}; expected {form['shape'][0]} entries, {wanted}")
    return array.with_config({"write_empty_chunks": True})  # a file that is not there is one that is lost


class Entries:
    """Entries `first` to `last` of the array in the folder `place`."""

    def __init__(self, place: Path, form: dict[str, Any], first: int, last: int):
        self._place, self._form, self._first = place.absolute(), form, first
        self.shape = (last - first, *form["shape"][1:])
        self.dtype = np.dtype(form["dtype"])

    @cached_property
    def _array(self) -> Any:
        return open_array(self._place, self._form)

    def __getstate__(self) -> dict[str, Any]:
        """Where the entries lie; a copy in another process opens them there."""
        return {name: value for name, value in vars(self).items() if name != "_array"}

    def __getitem__(self, part: Any) -> np.ndarray:
        if isinstance(part, int):
            start = range(self.shape[0])[part]
            return self._read(start, start + 1)[0]
        if isinstance(part, slice) and part.step is None:
            start, stop, _ = part.indices(self.shape[0])
            return self._read(start, max(start, stop))
        return self._read(0, self.shape[0])[part]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    def _read(self, start: int, stop: int) -> np.ndarray:
        start, stop = self._first + start, self._first + stop
        self._check_whole(start, stop)
        try:
            return np.asarray(self._array[start:stop])
        except MemoryError:
            raise
        except Exception as error:  # a checksum, or whatever the bytes of a file can do to a decoder
            raise damaged(self._place, error) from error

    def _check_whole(self, start: int, stop: int) -> None:
        """Refuse entries whose file is gone, which zarr takes for zeros."""
        if stop <= start or 0 in self.shape:
            return
        long, parts = self._array.chunks[0], -(-self.shape[-1] // self._array.chunks[-1])
        for k, part in itertools.product(range(start // long, -(-stop // long)), range(parts)):
            key = self._array.metadata.encode_chunk_key((k, *(0 for _ in self.shape[1:-1]), part))
            if not (self._place / key).exists():
                which = f"part {part + 1} of {parts}" if parts > 1 else "it"
                raise damaged(self._place / key, f"{which} is not there")
