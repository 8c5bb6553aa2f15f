"""Event propagation: that of the CPU. Weights are whole numbers, so that every order of additions is exact."""

from itertools import product

import numpy as np
import pytest
from call_frame import HandlerError, assert_same, driver, on_gpu
from event_case import FLOATS, INDICES, SIZES, Case


@pytest.mark.parametrize(("n_pre", "n_post"), SIZES)
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("graded", [False, True])
def test_scatter(n_pre, n_post, float_type, index, graded, seed):
    for batch, equal, same in product([1, 3], [False, True], [False, True]):
        case = Case(n_pre, n_post, float_type, index, batch, seed, equal)
        weight = case.whole(1 if same else case.nnz)
        target = case.whole(*case.rows(n_post))
        operands = {"spikes": case.spikes(graded), "weight": weight, **case.places(), "target": target}
        (result,) = assert_same("event_scatter", operands, ["target"], case.attributes())
        assert n_pre < 1000 or (result != target).any()


@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("delay_type", [np.uint8, np.uint16])
@pytest.mark.parametrize("lanes", [1, 2])
def test_scatter_into_a_ring(float_type, delay_type, lanes, seed):
    slots, each = 6, 3
    case = Case(400, 50, float_type, batch=lanes * each, seed=seed)
    for cursors in {1, lanes}:
        operands = {
            "spikes": case.spikes(False), "weight": case.whole(case.nnz), **case.places(),
            "delay": case.rng.integers(0, slots, case.nnz).astype(delay_type),
            "cursor": case.rng.integers(0, slots, cursors).astype(np.int32),
            "target": case.whole(lanes, slots, each, 50),
        }  # fmt: skip
        (ring,) = assert_same("event_scatter", operands, ["target"], case.attributes(slots=slots, lanes=lanes))
        assert (ring != operands["target"]).any()


@pytest.mark.parametrize(("n_pre", "length"), [(1, 100_000), (10_000, 1), (3, 20_000)])
def test_rows_of_any_length_are_shared_by_the_grid(n_pre, length):
    case = Case(n_pre, 10_000, index=np.uint16)
    indices = case.rng.integers(0, 10_000, n_pre * length).astype(np.uint16)
    operands = {
        "spikes": np.ones(n_pre, bool), "weight": case.whole(1), "indices": indices, "indptr": np.zeros(0, np.int32),
        "target": case.whole(10_000),
    }  # fmt: skip
    driver().fake_forget()
    assert_same("event_scatter", operands, ["target"], {"n_pre": n_pre, "offset": 0, "sorted": False})
    (line,) = driver().fake_journal().decode().splitlines()
    tiles, parts = map(int, line.split()[2:4])
    assert tiles == -(-n_pre // 256)
    assert tiles * parts >= 16 or length < 256  # two multiprocessors with eight blocks each


@pytest.mark.parametrize(("n_pre", "n_post"), SIZES)
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("slots", [1, 2, 15])
def test_relay(n_pre, n_post, float_type, slots, seed):
    for lanes, each, graded in product([1, 2], [1, 2], [False, True]):
        case = Case(n_pre, n_post, float_type, batch=lanes * each, seed=seed)
        past = case.spikes(False)[..., :n_pre] if n_pre else np.zeros((lanes * each, 0))
        past = (case.rng.random((lanes, slots, each, n_pre)) < 0.2).astype(float_type)
        operands = {
            "spikes": case.spikes(graded), "weight": case.whole(case.nnz), **case.places(),
            "cursor": case.rng.integers(0, slots, lanes).astype(np.int32), "past": past,
            "target": case.whole(lanes * each, n_post),
        }  # fmt: skip
        if case.batch == 1:
            operands["spikes"] = operands["spikes"].reshape(1, -1)
        attributes = case.attributes(slots=slots, lanes=lanes)
        assert_same("event_relay", operands, ["past", "target"], attributes)


@pytest.mark.parametrize("n", [0, 1, 31, 33, 10_000])
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("full", [0, 2])
def test_collect(n, float_type, full):
    rng = np.random.default_rng(n)
    for lanes, cursors in [(1, 1), (3, 1), (3, 3)]:
        operands = {
            "cursor": rng.integers(0, 4, cursors).astype(np.int32), "full": np.int32(full),
            "target": rng.random((lanes, n)).astype(float_type), "ring": rng.random((lanes, 4, n)).astype(float_type),
        }  # fmt: skip
        assert_same("event_collect", operands, ["target", "ring"], {"slots": 4, "lanes": lanes})


def test_a_result_that_is_not_the_operand_is_a_copy_of_it_first():
    case = Case(31, 33)
    target = case.whole(33)
    operands = {"spikes": case.spikes(False), "weight": case.whole(1), **case.places(), "target": target}
    assert_same("event_scatter", operands, [np.zeros_like(target)], case.attributes())


def test_commands_do_not_depend_on_what_buffers_hold():
    case = Case(1000, 300)
    operands = {"spikes": case.spikes(False), "weight": case.whole(1), **case.places(), "target": case.whole(300)}
    journals = []
    for factor in (1, 0):
        driver().fake_forget()
        on_gpu(
            "event_scatter",
            {k: (x * factor).astype(x.dtype) for k, x in operands.items()},
            ["target"],
            case.attributes(),
        )
        journals.append([line.split(" params")[0] for line in driver().fake_journal().decode().splitlines()])
    assert journals[0] == journals[1] != []


def test_indices_and_delays_out_of_range_are_left_out():
    operands = {
        "spikes": np.ones(1, bool), "weight": np.ones(1, np.float32), "indices": np.array([0, 9, 1], np.uint16),
        "indptr": np.array([0, 3], np.int32), "delay": np.array([0, 0, 7], np.uint8), "cursor": np.array([5], np.int32),
        "target": np.zeros((2, 3), np.float32),
    }  # fmt: skip
    attributes = {"n_pre": 1, "offset": 0, "sorted": False, "slots": 2, "lanes": 1}
    (ring,) = on_gpu("event_scatter", operands, ["target"], attributes)
    assert ring.tolist() == [[0, 0, 0], [1, 0, 0]]


def test_what_does_not_fit_is_refused():
    case = Case(31, 33)
    operands = {"spikes": case.spikes(False), "weight": case.whole(1), **case.places(), "target": case.whole(33)}
    for name, value, message in [
        ("spikes", np.ones(4, bool), "'spikes' has 4 elements, expected 34"),
        ("weight", np.ones(2, np.float32), "'weight' has 2 elements"),
        ("weight", np.ones(1), "operand 'weight' is float64, expected float32"),
        ("indices", case.indices.astype(np.int32), "operand 'indices' is int32"),
        ("indptr", case.indptr[:-1], "'indptr' has 31 elements, expected 32"),
    ]:
        with pytest.raises(HandlerError, match=message):
            on_gpu("event_scatter", {**operands, name: value}, ["target"], case.attributes())
