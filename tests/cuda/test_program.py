"""Step programs on the emulated GPU: the handler, its memory to work in, its launches."""

import call_frame
import numpy as np
import pytest
from call_frame import Gpu, HandlerError, driver, handler, native, run
from ptx_machine import flushing

SHAPES = [(0,), (1,), (31,), (33,), (10007,), (3, 257), (2, 0)]
DTYPES = {"f32": np.float32, "f64": np.float64}
# The first operand is one number for all, the second one for each neuron or row, the third the state.
TEXT = """program {} inputs 3
0 = uin 0
1 = in 1
2 = in 2
3 = fma 0 1 2
4 = sqrt 3
5 = gt 4 2
6 = guard 5 2
7 = mul 6 4
8 = endguard 6 5 7
out 8 alias 2
"""
SUMS = TEXT + "out 3\nsum 3\nsum 8\n"


def program(text, dtype):
    return native().program(text.format(dtype))


def operands(dtype, shape, second):
    rng = np.random.default_rng(3)
    sizes = {"one": (), "neuron": shape[-1:], "row": (*shape[:-1], 1), "full": shape}
    scale, each, state = rng.uniform(0.5, 2), rng.uniform(-1, 2, sizes[second]), rng.uniform(-1, 3, shape)
    return {name: np.asarray(x, DTYPES[dtype]) for name, x in (("scale", scale), ("each", each), ("state", state))}


def assert_same(text, dtype, shape, second, sums=()):
    """CPU and GPU agree to the bit; returns the results."""
    made, attributes = operands(dtype, shape, second), {"program": program(text, dtype)}
    results = ["state", *[np.zeros(shape, DTYPES[dtype])] * bool(sums), *(np.zeros(x, DTYPES[dtype]) for x in sums)]
    size = native().program_scratch(attributes["program"], int(np.prod(shape[:-1])), shape[-1])
    scratch = [np.zeros(size, DTYPES[dtype])] if sums else []
    with flushing():
        wanted = run(handler("program"), made, results, attributes, call_frame.Host())
    found = call_frame.on_gpu("program", made, results, attributes, scratch)
    for ours, other in zip(found, wanted, strict=True):
        assert ours.tobytes() == other.tobytes()
    return found


@pytest.mark.parametrize("second", ["one", "neuron", "full"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_those_of_the_cpu(dtype, shape, second):
    (state,) = assert_same(TEXT, dtype, shape, second)
    changed = state != operands(dtype, shape, second)["state"]
    assert state.size < 31 or changed.sum() > 3  # the comparison is not of what was there before


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_those_of_the_cpu(dtype, shape, rows):
    each = (*shape[:-1], 1) if rows else ()
    *_, total, _ = assert_same(SUMS, dtype, shape, "row" if rows and len(shape) > 1 else "one", [each, ()])
    assert total.shape == each


def commands():
    """Names and grids of the launches since the last call of this function."""
    lines = driver().fake_journal().decode().splitlines()
    driver().fake_forget()
    return [line.split(" params")[0] for line in lines]


def test_launches_do_not_depend_on_what_buffers_hold():
    attributes = {"program": program(SUMS, "f32")}
    seen = []
    for factor in (1, 0):
        made = {name: x * factor for name, x in operands("f32", (5000,), "full").items()}
        results = ["state", np.zeros(5000, np.float32), *[np.zeros((), np.float32)] * 2, np.zeros(10, np.float32)]
        commands()
        run(handler("program", cuda=True), made, results, attributes, Gpu())
        seen.append(commands())
    assert seen[0] == seen[1]
    assert seen[0] == [f"program grid 5 1 1 block 128 stream {call_frame.STREAM:#x}",
                       f"program_total grid 1 2 1 block 128 stream {call_frame.STREAM:#x}"]  # fmt: skip


def test_nothing_is_launched_for_no_neurons():
    commands()
    assert_same(TEXT, "f32", (0,), "one")
    assert commands() == []


@pytest.mark.parametrize(
    ("scratch", "message"),
    [
        (np.zeros(9, np.float32), "program: the memory to work in is 9 elements of float32, expected 10 of float32"),
        (np.zeros(10, np.float64), "program: the memory to work in is 10 elements of float64, expected 10 of float32"),
        (None, "program: got 3 operands and 4 results, expected 3 and 5"),
    ],
)
def test_memory_to_work_in_is_checked(scratch, message):
    made, attributes = operands("f32", (5000,), "one"), {"program": program(SUMS, "f32")}
    results = ["state", np.zeros(5000, np.float32), *[np.zeros((), np.float32)] * 2]
    results += [] if scratch is None else [scratch]
    with pytest.raises(HandlerError, match=message):
        run(handler("program", cuda=True), made, results, attributes, Gpu())


def test_errors_are_those_of_the_cpu():
    made = operands("f32", (5,), "one") | {"each": np.zeros(4, np.float32)}
    for cuda in (False, True):
        memory = Gpu() if cuda else call_frame.Host()
        with pytest.raises(HandlerError, match=r"program: operand 1 \[4\] has 4 elements"):
            run(handler("program", cuda=cuda), made, ["state"], {"program": program(TEXT, "f32")}, memory)
