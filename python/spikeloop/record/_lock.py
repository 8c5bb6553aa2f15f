"""One writer at a time: a lock file that the system releases when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from .._errors import StoreInUseError

FILE = "writer.lock"
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Nobody else writes to `folder` inside the block; raises StoreInUseError if somebody does."""
    file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _take(file, folder)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # also for processes that were forked meanwhile and hold the file open
    finally:
        os.close(file)


def _take(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreInUseError(f"{folder} is being written by {_owner(file)}") from None
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        warnings.warn(f"{folder} lies where files cannot be locked ({error.strerror}): make sure that only one run "
                      "writes to it.", stacklevel=7)  # fmt: skip
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(owner).encode(), 0)
    os.fsync(file)


def _owner(file: int) -> str:
    """Who holds the lock, and what to do."""
    try:
        owner = json.loads(os.pread(file, 1000, 0))
        pid, host, since = int(owner["pid"]), owner["host"], owner["since"]
    except (ValueError, KeyError, TypeError):  # the owner has not written it yet
        return "another run. Wait for its end, or choose another path."
    if host == socket.gethostname() and not Path("/proc", str(pid)).exists() and Path("/proc").exists():
        return f"a process that {pid} started, which has ended itself. End that one, or choose another path."
    return f"process {pid} on {host} since {since}. Wait for its end, or choose another path."
