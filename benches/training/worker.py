"""One library in one process: a JSON request a line on stdin, one JSON line back on stdout.

`python -m benches.training.worker LIBRARY CORES`, then
{"do": "prepare", "net": "linear, 2 % input spikes"}
{"do": "run"}
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib.metadata import version
from typing import Any

OURS = "spikeloop"


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Server:
    """The training step of one net."""

    def __init__(self, library: str):
        self.library = library
        if library == OURS:
            from benches.training import ours

            self.make, self.versions_of = ours.training_step, ours.VERSIONS_OF
        else:
            from benches.training import torch_nets

            self.make = lambda net, a: torch_nets.training_step(net, a, library)
            self.versions_of = (library, "torch")

    def prepare(self, net: str) -> dict[str, Any]:
        from benches.training.nets import NETS, arrays

        chosen = next(x for x in NETS if x.name == net)
        a = arrays(chosen)
        before, start = _rss_mb(), time.perf_counter()
        self.step = self.make(chosen, a)
        loss, spikes = self.step()
        seconds = time.perf_counter() - start
        self.step()
        versions = {name: version(name) for name in self.versions_of}
        memory = _rss_mb() - before
        return {"loss": loss, "spikes": spikes, "first_s": seconds, "memory_mb": memory, "versions": versions}

    def run(self) -> dict[str, Any]:
        wall, cpu = time.perf_counter(), time.process_time()
        loss, spikes = self.step()
        return {
            "wall_ms": 1e3 * (time.perf_counter() - wall), "cpu_ms": 1e3 * (time.process_time() - cpu),
            "loss": loss, "spikes": spikes,
        }  # fmt: skip


def main() -> None:
    library, cores = sys.argv[1:3]
    if sys.platform == "linux":
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # libraries print, and only answers may reach the real stdout
    os.dup2(2, 1)
    try:
        server = Server(library)
    except ImportError as error:
        print(json.dumps({"absent": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"ready": library}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"prepare": server.prepare, "run": server.run}[request.pop("do")](**request)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
