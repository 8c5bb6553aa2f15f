"""Plasticity: the weights and eligibilities of the CPU to the bit, as each synapse has a thread of its own."""

import numpy as np
import pytest
from call_frame import HandlerError, assert_same, driver, on_gpu
from plastic_case import DEPENDENCES, FLOATS, INDICES, SIZES, Plastic

every_case = pytest.mark.parametrize(
    ("n_pre", "n_post", "float_type", "index"),
    [(*size, x, i) for size in SIZES[:-1] for x in FLOATS for i in INDICES] + [(*SIZES[-1], np.float32, np.uint16)],
)


def check(name, operands, changed, attributes, n_pre):
    """CPU and GPU agree, and something changes where there is something."""
    results = assert_same(name, operands, changed, attributes)
    assert n_pre < 31 or all((x != operands[name]).any() for x, name in zip(results, changed, strict=True))


@every_case
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_rows(n_pre, n_post, float_type, index, dependence, seed):
    for graded in (False, True):
        case = Plastic(n_pre, n_post, float_type, index, seed)
        operands = {
            "events": case.events(n_pre, graded), "coefficient": case.floats(n_post) - 0.5, "law": case.law(),
            **case.rows(), "weight": case.floats(case.nnz),
        }  # fmt: skip
        operands["coefficient"] = operands["coefficient"].astype(float_type)
        check("plastic_rows", operands, ["weight"], {"dependence": dependence}, n_pre)


@every_case
@pytest.mark.parametrize("dependence", DEPENDENCES)
@pytest.mark.parametrize("shift", [None, 0, 4])
def test_columns(n_pre, n_post, float_type, index, dependence, shift, seed):
    case = Plastic(n_pre, n_post, float_type, index, seed)
    operands = {
        "events": case.events(n_post, bool(shift)), "coefficient": case.floats(n_pre), "law": case.law(),
        **case.columns(shift), "weight": case.floats(case.nnz),
    }  # fmt: skip
    check("plastic_columns", operands, ["weight"], {"dependence": dependence, "shift": shift or 0}, n_pre)


@every_case
def test_flush(n_pre, n_post, float_type, index, seed):
    case = Plastic(n_pre, n_post, float_type, index, seed)
    operands = {
        "events": case.events(n_pre, False), "left": case.floats(n_pre), "gain": case.floats(n_pre),
        "spikes": case.events(n_pre), "coefficient": case.floats(n_post), "bounds": case.law()[:2], **case.rows(),
        "weight": case.floats(case.nnz), "eligibility": case.floats(case.nnz),
    }  # fmt: skip
    check("plastic_flush", operands, ["weight", "eligibility"], {}, n_pre)


@every_case
@pytest.mark.parametrize("shift", [None, 3])
def test_credit(n_pre, n_post, float_type, index, shift, seed):
    case = Plastic(n_pre, n_post, float_type, index, seed)
    operands = {
        "events": case.events(n_post), "coefficient": case.floats(n_pre), "gain": case.floats(n_pre),
        **case.columns(shift), "weight": case.floats(case.nnz), "eligibility": case.floats(case.nnz),
    }  # fmt: skip
    check("plastic_credit", operands, ["weight", "eligibility"], {"shift": shift or 0}, n_pre)


@every_case
@pytest.mark.parametrize("of_sources", [True, False])
@pytest.mark.parametrize("delay_type", [np.uint8, np.uint16])
def test_events_that_arrive(n_pre, n_post, float_type, index, of_sources, delay_type, seed):
    case = Plastic(n_pre, n_post, float_type, index, seed)
    n, others = (n_pre, n_post) if of_sources else (n_post, n_pre)
    operands, lines = {**case.history(n), "coefficient": case.floats(others)}, case.lines(of_sources, delay_type)
    weight, c = {"weight": case.floats(case.nnz)}, {"eligibility": case.floats(case.nnz)}
    for dependence in DEPENDENCES:
        given = {**operands, "law": case.law(), **lines, **weight}
        check("plastic_at_arrival", given, ["weight"], {"dependence": dependence}, n_pre)
    since = {"left": case.floats(n_pre) + case.float(0.5), "gain": case.floats(n_pre)}
    given, attributes = {**operands, **since, **lines, **weight, **c}, {"lines_are_sources": of_sources}
    check("plastic_credit_at_arrival", given, ["weight", "eligibility"], attributes, n_pre)


@every_case
@pytest.mark.parametrize("of_sources", [True, False])
@pytest.mark.parametrize("delay_type", [np.uint8, np.uint16])
def test_coefficients_of_earlier_steps(n_pre, n_post, float_type, index, of_sources, delay_type, seed):
    case = Plastic(n_pre, n_post, float_type, index, seed)
    n, others = (n_pre, n_post) if of_sources else (n_post, n_pre)
    cursor, lines = np.int32(case.rng.integers(case.slots)), case.lines(of_sources, delay_type)
    operands = {"events": case.events(n), "ring": case.floats(case.slots, others), "cursor": cursor}
    weight, c = {"weight": case.floats(case.nnz)}, {"eligibility": case.floats(case.nnz)}
    for dependence in DEPENDENCES:
        given = {**operands, "law": case.law(), **lines, **weight}
        check("plastic_delayed", given, ["weight"], {"dependence": dependence}, n_pre)
    since = {"left": case.floats(n_pre) + case.float(0.5), "gain": case.floats(n_pre)}
    given, attributes = {**operands, **since, **lines, **weight, **c}, {"lines_are_sources": of_sources}
    check("plastic_credit_delayed", given, ["weight", "eligibility"], attributes, n_pre)


def rows_of(case, rate=1.0):
    return {
        "events": np.full(case.n_pre, rate, case.float), "coefficient": case.floats(case.n_post), "law": case.law(),
        **case.rows(), "weight": case.floats(case.nnz),
    }  # fmt: skip


def test_commands_do_not_depend_on_what_buffers_hold():
    case, journals = Plastic(600, 300), []
    for rate in (0, 1):
        driver().fake_forget()
        on_gpu("plastic_rows", rows_of(case, rate), ["weight"], {"dependence": 0})
        journals.append([line.split(" params")[0] for line in driver().fake_journal().decode().splitlines()])
    assert journals[0] == journals[1] != []


def test_places_and_neurons_that_are_not_there_are_left_out():
    case = Plastic(31, 33)
    operands = {
        "events": np.ones(33, np.float32), "coefficient": case.floats(31), "law": case.law(), **case.columns(2),
        "weight": case.floats(case.nnz),
    }  # fmt: skip
    operands["places"] = np.full_like(operands["places"], case.nnz)
    operands["places"][1:] = case.nnz - 1
    operands["sources"][:] = 31
    (weight,) = on_gpu("plastic_columns", operands, ["weight"], {"dependence": 0, "shift": 2})
    np.testing.assert_array_equal(weight, operands["weight"])


def test_what_does_not_fit_is_refused():
    operands = rows_of(Plastic(31, 33))
    for name, value, message in [
        ("events", np.ones(4, np.float32), "'indptr' has 32 elements, expected 5"),
        ("law", np.ones(4, np.float32), "'law' has 4 elements, expected 5"),
        ("coefficient", np.ones(33), "operand 'coefficient' is float64, expected float32"),
        ("weight", np.ones(7, np.float32), "'weight' has 7 elements"),
    ]:
        with pytest.raises(HandlerError, match=message):
            on_gpu("plastic_rows", {**operands, name: value}, ["weight"], {"dependence": 0})
    with pytest.raises(HandlerError, match="no dependence on the weight has the code 3"):
        on_gpu("plastic_rows", operands, ["weight"], {"dependence": 3})
