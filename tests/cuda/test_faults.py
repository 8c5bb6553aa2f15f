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
from call_frame import assert_same, driver, native
from event_case import Case
from plastic_case import Plastic
from joined_case import Calls
from procedural_case import DELAYS, SLOTS, WEIGHTS, drawn, scratch

driver().fake_seed(1)
native().set_num_threads(1)  # those of the CPU's kernels are not what is looked at
case = Case(600, 300)
spikes, weight, places, attributes = case.spikes(False), case.whole(case.nnz), case.places(), case.attributes()
target, n = case.whole(300), case.n_pre
operands = {"spikes": spikes, "weight": weight, **places, "target": target}
assert_same("event_scatter", operands, ["target"], attributes)
"""

# Calls in which threads of a block, or launches after one another, depend on each other; several blocks take part.
ALL = (
    CALL
    + """
zeros = lambda *shape, dtype=np.float32: np.zeros(shape, dtype)
past = {"cursor": np.int32(1), "past": (case.whole(1, 3, 1, n) < 20).astype(np.float32)}
operands = {"spikes": spikes[None], "weight": weight, **places, **past, "target": target[None]}
assert_same("event_relay", operands, ["past", "target"], {**attributes, "slots": 3, "lanes": 1})
assert_same("event_gather", {"ct": target, "weight": weight, **places}, [zeros(n)], attributes)
assert_same("event_outer", {"spikes": spikes, "ct": target, **places}, [zeros(1)], attributes, [zeros(1024)])
operands = {"spikes": spikes[None], "clock": np.array([[3, 4]], np.int32), "events": zeros(1, 200, 2, dtype=np.int32)}
assert_same("record_append", operands, ["clock", "events"], {}, [zeros(5, dtype=np.uint32)])
assert_same("record_count", {"spikes": spikes[None]}, [zeros(1, 1, dtype=np.int32)], {"starts": [0], "stops": [n]})
for rule, given in (("fixed_prob", {}), ("fixed_out_degree", {"num": 300, "multapses": False})):
    rule = drawn(rule, 2, weight=WEIGHTS[0], delay=DELAYS, **given) | {"slots": SLOTS, "lanes": 1}
    operands = {"values": np.ones((1, 2)), "cursor": np.int32(1), "target": np.zeros((SLOTS, n))}
    assert_same("procedural_scatter", operands, ["target"], rule, scratch(n, 300))
    ct = np.eye(SLOTS, n)
    assert_same("procedural_gather", {"ct": ct, "cursor": np.int32(1)}, [np.zeros((1, 2))], rule, scratch(n, 300))
calls = Calls(np.float32, 1, n=300, slots=2, longest=6)  # few blocks: each thread takes memory
calls.queue(np.uint16, calls.projections(np.uint16))
calls.split()
assert calls.assert_same() == ["joined_f32"]
case = Plastic(n, 300)
law, weight, c = case.law(), {"weight": case.floats(case.nnz)}, {"eligibility": case.floats(case.nnz)}
pre, post = {"events": case.events(n)}, {"events": case.events(300)}
of_pre, of_post = ({"coefficient": case.floats(k)} for k in (n, 300))
assert_same("plastic_rows", {**pre, **of_post, "law": law, **case.rows(), **weight}, ["weight"], {"dependence": 2})
operands = {**post, **of_pre, "gain": case.floats(n), **case.columns(3), **weight, **c}
assert_same("plastic_credit", operands, ["weight", "eligibility"], {"shift": 3})
operands = {**case.history(300), **of_pre, "law": law, **case.lines(False), **weight}
assert_same("plastic_at_arrival", operands, ["weight"], {"dependence": 0})
print("the same")
"""
)


def run_under(folder, sanitizer, program, plant=""):
    """What Python prints on a driver that is built with a sanitizer, and a fault if one is named."""
    env = {**os.environ, "PLANT": plant}
    subprocess.run([BUILD, folder, os.environ["SPIKELOOP_CUDA_INCLUDE"], sanitizer], env=env, check=True)
    preload = subprocess.run(
        ["g++", f"-print-file-name=lib{sanitizer[0]}san.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **OPTIONS[sanitizer]}
    env |= {"LD_PRELOAD": preload, "SPIKELOOP_LIBCUDA": str(folder / "libcuda.so.1")}
    # ThreadSanitizer knows no addresses but those of a process that is laid out plainly.
    return subprocess.run(["setarch", "-R", sys.executable, "-c", program], env=env, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sanitizer", "plant", "report"),
    [
        ("thread", "PLANT_MISSING_BARRIER", "WARNING: ThreadSanitizer: data race"),
        ("address", "PLANT_OVERRUN", "ERROR: AddressSanitizer: heap-buffer-overflow"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, sanitizer, plant, report):
    done = run_under(tmp_path, sanitizer, CALL, plant)
    assert done.returncode == 66, done.stderr
    assert report in done.stderr
    assert "scatter.cuh:" in done.stderr


@pytest.mark.slow
def test_no_kernel_has_a_race(tmp_path):
    done = run_under(tmp_path, "thread", ALL)
    assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr
