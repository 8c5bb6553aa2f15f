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


# Calls of all kernels, in a shuffled order of threads, large enough for several blocks.
NAMES = ("random", "record", "queue", "products", "event")
FILES = [str(Path(__file__).with_name(f"test_{name}.py")) for name in NAMES]
ALL = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--confcutdir={Path(__file__).parent}", *FILES]
ALL += ["-s", "-k", "seed1 and float32 and (257 or ((700 or 1000) and not (uint32 or True)))"]


def run_under(folder, sanitizer, command, plant=""):
    """What Python prints on a driver that is built with a sanitizer, and a fault if one is named."""
    env = {**os.environ, "PLANT": plant}
    subprocess.run([BUILD, folder, os.environ["SPIKELOOP_CUDA_INCLUDE"], sanitizer], env=env, check=True)
    preload = subprocess.run(
        ["g++", f"-print-file-name=lib{sanitizer[0]}san.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **OPTIONS[sanitizer]}
    env |= {"LD_PRELOAD": preload, "SPIKELOOP_LIBCUDA": str(folder / "libcuda.so.1")}
    # ThreadSanitizer knows no addresses but those of a process that is laid out plainly.
    return subprocess.run(["setarch", "-R", sys.executable, *command], env=env, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sanitizer", "plant", "report"),
    [
        ("thread", "PLANT_MISSING_BARRIER", "WARNING: ThreadSanitizer: data race"),
        ("address", "PLANT_OVERRUN", "ERROR: AddressSanitizer: heap-buffer-overflow"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, sanitizer, plant, report):
    done = run_under(tmp_path, sanitizer, ["-c", CALL], plant)
    assert done.returncode == 66, done.stderr
    assert report in done.stderr
    assert "scatter.cuh:" in done.stderr


@pytest.mark.slow
def test_no_kernel_has_a_race(tmp_path):
    done = run_under(tmp_path, "thread", ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
