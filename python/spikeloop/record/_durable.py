"""Files that outlive a power cut."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._convert import need


def replace(path: Path, write: Callable[[Any], object]) -> None:
    """Put what `write(file)` writes at `path`: at any moment the old file is there or the new one, whole.

    On return the new one is on the disk, as far as fsync keeps its promise there.
    """
    make_folder(path.parent)
    aside = path.with_name(f"{path.name}.new")
    with aside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, on the disk when this returns."""
    made = [new for new in (folder, *folder.parents) if not new.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for new in made:
        sync(new.parent)


def sync(folder: Path) -> None:
    """Let the names in a folder be on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def zarr_store(root: Path) -> Any:
    """A store of zarr in a folder, whose files are written by `replace`."""
    local = need("zarr").storage.LocalStore

    class Durable(local):
        async def set(self, key: str, value: Any) -> None:
            from asyncio import to_thread  # takes 30 ms to import

            await to_thread(replace, self.root / key, lambda file: file.write(value.as_buffer_like()))

    return Durable(root)
