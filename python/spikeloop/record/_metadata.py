"""What a stored run consists of: attributes of its zarr group, with a checksum."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from .._errors import DamagedStoreError

FILE = "zarr.json"
_KEY = "spikeloop"
_FORMAT = 2


def damaged(file: Path, reason: Any) -> DamagedStoreError:
    """The error of a file that cannot be used, and what to do."""
    text = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else reason
    return DamagedStoreError(
        f"{file} is damaged ({text}). Nothing was changed. Put a copy of the file back, choose another path, or begin "
        "the run again with record.run(..., overwrite=True), which deletes its records."
    )


def attributes(meta: dict[str, Any]) -> dict[str, Any]:
    """The attributes that keep `meta`, which must be plain JSON."""
    body = json.loads(json.dumps({"format": _FORMAT, **meta}))
    return {_KEY: {**body, "check": _checksum(body)}}


def read(folder: Path) -> dict[str, Any]:
    """What `attributes` were made of."""
    file = folder / FILE
    try:
        found = json.loads(file.read_bytes())["attributes"][_KEY]
        body = {key: value for key, value in found.items() if key != "check"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FileNotFoundError) as error:
        raise damaged(file, error) from error
    if "check" not in found:
        raise ValueError(
            f"{folder} was written by another version of spikeloop, in the format {body.get('format')}; this one reads "
            f"format {_FORMAT}. Read it with that version, choose another path, or delete it by overwrite=True."
        )
    if found["check"] != _checksum(body):
        raise damaged(file, "its checksum is another one")
    return {key: value for key, value in body.items() if key != "format"}


def is_ours(folder: Path) -> bool:
    """Whether the folder is that of a run, even of a damaged one."""
    file = folder / FILE
    return file.is_file() and f'"{_KEY}"'.encode() in file.read_bytes()


def _checksum(body: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
