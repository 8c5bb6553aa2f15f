"""The driver of CUDA handlers: modules of each context, XLA's stream, graphs, and what it refuses in words."""

import os
import subprocess
import sys

import numpy as np
import pytest
from call_frame import STREAM, Gpu, driver, handler, native, run, traits

OF_KEY = {"keys": np.array([7, 8], np.uint32), "first": np.array(0, np.uint32)}
WORDS = (OF_KEY, [np.zeros(9, np.uint32)], {"purpose": 1})


def launches():
    """The commands since the last call of this function."""
    lines = driver().fake_journal().decode().splitlines()
    driver().fake_forget()
    return lines


def test_a_kernel_runs_on_the_stream_of_the_frame_in_its_context():
    launches()
    run(handler("random_words", cuda=True), *WORDS, Gpu(), stream=STREAM + 5)
    (line,) = launches()
    assert line.startswith("random_words grid 1 1 1 block 256 stream 0x105 ")
    # A stream of another context: it is made current, and has a module of its own.
    (words,) = run(handler("random_words", cuda=True), *WORDS, Gpu(), stream=0x201)
    assert words.any()
    assert "stream 0x201 " in launches()[0]


def test_all_handlers_can_be_captured_in_a_graph():
    for name in native().registrations(cuda=True):
        assert traits(handler(name.removeprefix("spikeloop.cuda."), cuda=True)) == 1, name
    for name in native().registrations():
        assert traits(handler(name.removeprefix("spikeloop."))) == 0, name


def test_a_module_is_loaded_while_a_stream_is_captured():
    driver().fake_capture(True)
    try:
        (words,) = run(handler("random_words", cuda=True), *WORDS, Gpu(), stream=0x301)
    finally:
        driver().fake_capture(False)
    assert words.any()


CALL = """
import numpy as np
from call_frame import Host, handler, run
operands, results = {"keys": np.zeros(2, np.uint32), "first": np.array(0, np.uint32)}, [np.zeros(4, np.uint32)]
try:
    run(handler("random_words", cuda=True), operands, results, {"purpose": 1}, Host())
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ("/nowhere/libcuda.so.1", "/nowhere/libcuda.so.1 cannot be opened: is NVIDIA's driver installed?"),
        ("libm.so.6", "the CUDA driver is too old: it has no cuInit"),
    ],
)
def test_a_missing_driver_is_an_error_in_words(library, message):
    env = {**os.environ, "SPIKELOOP_LIBCUDA": library, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", CALL], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"random_words: {message}"
