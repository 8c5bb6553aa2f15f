"""The transposes of event propagation; sums of floats have another order than on the CPU."""

import numpy as np
import pytest
from call_frame import Host, assert_same, handler, on_gpu, run
from event_case import FLOATS, INDICES, SIZES, Case

RING = {"slots": 6, "lanes": 2}


def delays(case):
    """Operands and attributes of a ring of two lanes."""
    delay = case.rng.integers(0, 6, case.nnz).astype(np.uint8)
    return {"delay": delay, "cursor": case.rng.integers(0, 6, 2).astype(np.int32)}


@pytest.mark.parametrize(("n_pre", "n_post"), SIZES)
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("ring", [False, True])
def test_gather(n_pre, n_post, float_type, index, ring, seed):
    case = Case(n_pre, n_post, float_type, index, 4, seed)
    for same in (False, True):
        ct = case.whole(*((2, 6, 2, n_post) if ring else (4, n_post)))
        operands = {"ct": ct, "weight": case.whole(1 if same else case.nnz), **case.places()}
        operands |= delays(case) if ring else {}
        attributes = case.attributes(**RING if ring else {})
        assert_same("event_gather", operands, [np.zeros((4, n_pre), float_type)], attributes)


@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("length", [3, 50, 5000])
def test_gather_adds_up_to_rounding_and_always_the_same(float_type, length, seed):
    case = Case(20, 300, float_type, seed=length)
    indices = case.rng.integers(0, 300, 20 * length).astype(np.uint16)
    operands = {
        "ct": case.rng.normal(size=300).astype(float_type),
        "weight": case.rng.normal(size=20 * length).astype(float_type),
        "indices": indices, "indptr": np.zeros(0, np.int32),
    }  # fmt: skip
    call = "event_gather", operands, [np.zeros(20, float_type)], case.attributes()
    (on_cpu,) = run(handler(call[0]), *call[1:], Host())
    (found,), (again,) = on_gpu(*call), on_gpu(*call)
    np.testing.assert_allclose(found, on_cpu, rtol=0, atol=length * 4 * np.finfo(float_type).eps)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(("n_pre", "n_post"), SIZES)
@pytest.mark.parametrize("float_type", FLOATS)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize("ring", [False, True])
def test_outer(n_pre, n_post, float_type, index, ring, seed):
    case = Case(n_pre, n_post, float_type, index, 4, seed)
    for single, graded in [(False, True), (True, False)]:
        ct = case.whole(*((2, 6, 2, n_post) if ring else (4, n_post)))
        operands = {"spikes": case.spikes(graded), "ct": ct, **case.places()}
        operands |= delays(case) if ring else {}
        attributes = case.attributes(**RING if ring else {})
        result, scratch = np.zeros(1 if single else case.nnz, float_type), np.zeros(1024 if single else 0, float_type)
        if single or case.nnz != 1:
            assert_same("event_outer", operands, [result], attributes, [scratch])


def test_synapses_of_no_row_have_no_cotangent():
    case = Case(31, 33)
    indices = np.append(case.indices, [1, 2, 3]).astype(np.uint16)  # the CPU refuses this
    operands = {"spikes": case.spikes(True), "ct": case.whole(33), "indices": indices, "indptr": case.indptr}
    scratch = np.zeros(0, np.float32)
    (found,) = on_gpu("event_outer", operands, [np.zeros(indices.size, np.float32)], case.attributes(), [scratch])
    assert found[-3:].tolist() == [0, 0, 0]
