"""`spikeloop launch`: several processes of one script on this machine."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from ._processes import COORDINATOR, PROCESS, PROCESSES

_LAST_SECONDS = 60  # for the others to end, once one process has failed


def launch(number: int, command: Sequence[str]) -> int:
    """Run `python *command` in so many processes, which `sl.parallel.initialize` brings together; the exit status.

    If one fails, the others have a minute to end by themselves; then they are stopped.
    """
    common = {**os.environ, COORDINATOR: f"127.0.0.1:{_free_port()}", PROCESSES: str(number)}
    processes = [subprocess.Popen([sys.executable, *command], env={**common, PROCESS: str(k)}) for k in range(number)]
    ended: queue.Queue[int] = queue.Queue()
    for process in processes:
        threading.Thread(target=lambda p=process: ended.put(p.wait()), daemon=True).start()
    failed = 0
    try:
        for _ in processes:
            failed = failed or ended.get(timeout=_LAST_SECONDS if failed else None)
    except queue.Empty:
        print("spikeloop launch: one process has failed; the others are stopped.", file=sys.stderr)
    finally:
        for process in processes:
            process.terminate()
    return abs(failed)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
