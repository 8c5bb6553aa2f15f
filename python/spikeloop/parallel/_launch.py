"""`spikeloop launch`: several processes of one script on this machine."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from ._processes import COORDINATOR, PROCESS, PROCESSES

_LAST_SECONDS = 60  # for the others to end, once one process has failed


def launch(number: int, command: Sequence[str]) -> int:
    """Run `python *command` in so many processes, which `sl.parallel.initialize` brings together; the exit status.

    Each gets its share of the cores. If one fails, the others have a minute to end by themselves; then they are
    stopped.
    """
    common = {**os.environ, COORDINATOR: f"127.0.0.1:{_free_port()}", PROCESSES: str(number)}
    processes = []
    for k in range(number):
        with _on_share(k, number):
            processes.append(subprocess.Popen([sys.executable, *command], env={**common, PROCESS: str(k)}))
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


@contextlib.contextmanager
def _on_share(k: int, number: int) -> Iterator[None]:
    """What starts here runs on part `k` of the cores, out of so many, or on all if there are fewer cores."""
    cores = sorted(os.sched_getaffinity(0))
    own = cores[k * len(cores) // number : (k + 1) * len(cores) // number]
    os.sched_setaffinity(0, own if len(cores) >= number else cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
