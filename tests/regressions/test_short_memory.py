"""Connectivity for which the system has no memory is a MemoryError, not the end of the process."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("native")

BUILD = """
import resource
import spikeloop as sl
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (30 << 20), resource.RLIM_INFINITY))
try:
    {rule}
except MemoryError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "rule",
    [
        "sl.connect.FixedOutDegree(1000, sl.init.Normal(1.0, 0.1), seed=1)(20_000, 20_000)",
        "sl.connect.FixedInDegree(1000, 1.0, seed=1)(20_000, 20_000)",
        "sl.connect.FixedProb(0.05, 1.0, seed=1)(20_000, 20_000)",
        "sl.connect.OneToOne(1.0)(1 << 26, 1 << 26)",
    ],
)
def test_out_of_memory_is_a_memory_error(rule):
    done = subprocess.run([sys.executable, "-c", BUILD.format(rule=rule)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no memory for an array of"), done.stdout
