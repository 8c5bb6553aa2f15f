"""The sanitizers find what they are for: a missing barrier, and an index beyond the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "csrc" / "cuda" / "emu" / "build.sh"
OPTIONS = {
    "thread": {"TSAN_OPTIONS": "halt_on_error=1:exitcode=66:report_signal_unsafe=0"},
    "address": {"ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:exitcode=66"},
}
CALL = """
import numpy as np
from call_frame import assert_same
from event_case import Case
case = Case(1000, 300)
operands = {"spikes": case.spikes(False), "weight": case.whole(case.nnz), **case.places(), "target": case.whole(300)}
assert_same("event_scatter", operands, ["target"], case.attributes())
print("the same")
"""


def run_under(folder, sanitizer, plant=""):
    """What a call prints on a driver that is built with a sanitizer, and a fault if one is named."""
    env = {**os.environ, "PLANT": plant}
    subprocess.run([BUILD, folder, os.environ["SPIKELOOP_CUDA_INCLUDE"], sanitizer], env=env, check=True)
    preload = subprocess.run(
        ["g++", f"-print-file-name=lib{sanitizer[0]}san.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **OPTIONS[sanitizer]}
    env |= {"LD_PRELOAD": preload, "SPIKELOOP_LIBCUDA": str(folder / "libcuda.so.1")}
    # ThreadSanitizer knows no addresses but those of a process that is laid out plainly.
    command = ["setarch", "-R", sys.executable, "-c", CALL]
    return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sanitizer", "plant", "report"),
    [
        ("thread", "", None),
        ("thread", "PLANT_MISSING_BARRIER", "WARNING: ThreadSanitizer: data race"),
        ("address", "PLANT_OVERRUN", "ERROR: AddressSanitizer: heap-buffer-overflow"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, sanitizer, plant, report):
    done = run_under(tmp_path, sanitizer, plant)
    if report is None:
        assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr
    else:
        assert done.returncode == 66, done.stderr
        assert report in done.stderr
        assert "csrc/cuda/" in done.stderr or ".cuh:" in done.stderr or ".cu:" in done.stderr
