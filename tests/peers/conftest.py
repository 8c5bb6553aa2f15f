"""The other simulators, each in a process of its own, run by the interpreter that has it.

SPIKELOOP_PEERS_PYTHON names an interpreter with NEST, Brian2 and brainpy.state; `make test-peers` makes one. Without it
they are looked for here, and skipped if they are missing. What is missing there is an error. SPIKELOOP_TORCH_PYTHON
does the same for snnTorch and Norse; `make test-torch` makes one.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import brainunit as u
import numpy as np
import pytest
import spikeloop as sl

PEERS, TORCH = "SPIKELOOP_PEERS_PYTHON", "SPIKELOOP_TORCH_PYTHON"


class Peer:
    """A simulator that answers requests, as `_serve.py` has them."""

    def __init__(self, module: str, script: str, variable: str):
        named = os.environ.get(variable)
        if named is None and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed and {variable} is not set")
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        command = [named or sys.executable, "-W", "ignore", Path(__file__).with_name("_serve.py"), script]
        self.process = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer()

    def __call__(self, do: str, **arguments):
        """The answer, its lists as arrays."""
        assert self.process.stdin is not None
        request = json.dumps({"do": do, **arguments}, default=lambda x: np.asarray(x).tolist())
        print(request, file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with status {self.process.wait()}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return {k: np.asarray(v) if isinstance(v, list) else v for k, v in answer["result"].items()}

    def close(self):
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait(timeout=30)


def _peer(module: str, script: str, variable: str = PEERS):
    peer = Peer(module, script, variable)
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def nest():
    yield from _peer("nest", "_nest")


@pytest.fixture(scope="module")
def brian2():
    yield from _peer("brian2", "_brian2")


@pytest.fixture(scope="module")
def brian2_stdp():
    yield from _peer("brian2", "_brian2_stdp")


@pytest.fixture(scope="module")
def brainpy():
    yield from _peer("brainpy", "_brainpy")


@pytest.fixture(scope="module")
def torch_libraries():
    yield from _peer("snntorch", "_nir", TORCH)


@pytest.fixture
def settings():
    """A function that sets double precision and the time step."""

    def use(dt: float) -> None:
        sl.environ.set(precision=64, dt=dt * u.ms)

    return use


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.peers)
