"""The harness's end of a worker process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any

from benches.harness.machine import ROOT
from benches.peers import SAME_INTERPRETER


class AbsentError(Exception):
    """The peer is not installed in the interpreter it was looked for in."""


class WorkerError(Exception):
    """A worker failed, went silent, or took too long."""


def interpreter(peer: str, given: dict[str, str]) -> str:
    """`--peer-python PEER=PATH`, else SPIKELOOP_BENCH_<PEER>, else the interpreter that runs the harness."""
    if peer in SAME_INTERPRETER:
        return sys.executable
    peer = "genn_cpu" if peer == "genn_lif" else peer
    return given.get(peer) or os.environ.get(f"SPIKELOOP_BENCH_{peer.upper()}") or sys.executable


def environment(threads: int) -> dict[str, str]:
    pools = [f"{pool}_NUM_THREADS" for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")]
    return {"JAX_PLATFORMS": "cpu", **os.environ, **dict.fromkeys(pools, str(threads))}


class Worker:
    """One simulator on its own cores. A worker that outlives `timeout` seconds in one request is killed."""

    def __init__(
        self, peer: str, python: str, cores: str, timeout: float, log: Any = None, module: str = "benches.worker"
    ):
        self.peer, self.timeout = peer, timeout
        command = [python, "-m", module, peer, cores]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(cores.count(",") + 1), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            first = self._read()
        except WorkerError:
            self.close()
            raise
        if "absent" in first:
            self.close()
            raise AbsentError(f"{peer}: {first['absent']}")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        except BrokenPipeError as error:
            raise WorkerError(f"{self.peer} died before {do!r}") from error
        answer = self._read()
        if "error" in answer:
            raise WorkerError(f"{self.peer}, {do}: {answer['error']}")
        return answer

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        timer = threading.Timer(self.timeout, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            self.process.wait()
            status, limit = self.process.returncode, self.timeout
            raise WorkerError(f"{self.peer} ended with status {status} (limit {limit:.0f} s)")
        return json.loads(line)

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()
