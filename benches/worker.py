"""One simulator in one process: a JSON request a line on stdin, one JSON line back on stdout.

`python -m benches.worker PEER CORES`, for example `python -m benches.worker brainpy_state 1`, then
{"do": "prepare", "scene": "coba", "n": 4000, "steps": [10000], "threads": 1}
{"do": "check"}
{"do": "run", "steps": 10000}
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import resource
import sys
import time
import traceback
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

from benches.peers import ADAPTERS
from benches.scenes import SCENES


def pin(cores: str) -> None:
    """Before anything starts a thread: thread pools are as large as the affinity mask."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {int(c) for c in cores.split(",")})


def versions(adapter: ModuleType) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in adapter.VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


class Server:
    def __init__(self, adapter: ModuleType):
        self.adapter = adapter
        self.session: Any = None

    def prepare(self, scene: str, n: int, steps: list[int], threads: int) -> dict[str, Any]:
        start = time.perf_counter()
        self.session = self.adapter.prepare(SCENES[scene], n, tuple(steps), threads)
        return {"build_s": time.perf_counter() - start, "versions": versions(self.adapter)}

    def check(self) -> dict[str, Any]:
        return self._report(self.session.check())

    def run(self, steps: int) -> dict[str, Any]:
        return self._report(self.session.run(steps))

    def _report(self, run: Any) -> dict[str, Any]:
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used = max(resource.getrusage(w).ru_maxrss for w in who)
        kib = 1024 if sys.platform == "linux" else 1024**2
        return dataclasses.asdict(run) | {"rss_mb": used / kib}

    def answer(self, line: str) -> dict[str, Any]:
        request = json.loads(line)
        handlers = {"prepare": self.prepare, "check": self.check, "run": self.run}
        try:
            return handlers[request.pop("do")](**request)
        except Exception as error:  # the harness reports it; the trace goes to stderr
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    peer, cores = sys.argv[1:3]
    pin(cores)
    # Simulators print while they build; only answers may reach the real stdout.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        server = Server(import_module(ADAPTERS[peer]))
    except ImportError as error:
        print(json.dumps({"absent": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"ready": peer}), file=answers)
    for line in sys.stdin:
        print(json.dumps(server.answer(line)), file=answers)


if __name__ == "__main__":
    main()
