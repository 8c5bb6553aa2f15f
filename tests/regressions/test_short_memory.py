"""Connectivity for which the system has no memory is a MemoryError, not the end of the process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("native")

BUILD = """
import resource, sys
import spikeloop as sl
for rule in sys.argv[1:]:
    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (30 << 20), resource.RLIM_INFINITY))
    try:
        eval(rule)
    except MemoryError as error:
        print(error)
"""
RULES = [
    "sl.connect.FixedOutDegree(1000, sl.init.Normal(1.0, 0.1), seed=1)(20_000, 20_000)",
    "sl.connect.FixedInDegree(1000, 1.0, seed=1)(20_000, 20_000)",
    "sl.connect.FixedProb(0.05, 1.0, seed=1)(20_000, 20_000)",
    "sl.connect.OneToOne(1.0)(1 << 26, 1 << 26)",
]


def test_out_of_memory_is_a_memory_error():
    done = subprocess.run([sys.executable, "-c", BUILD, *RULES], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    messages = done.stdout.splitlines()
    assert len(messages) == len(RULES), done.stdout
    assert all(message.startswith("no memory for an array of") for message in messages), done.stdout
