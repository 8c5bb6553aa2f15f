"""Operands that a native kernel cannot take, and a panic inside one, become Python exceptions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spikeloop.kernels import _library

pytestmark = pytest.mark.usefixtures("native")

F32 = np.float32
Failure = (jax.errors.JaxRuntimeError, ValueError)  # JAX turns INVALID_ARGUMENT into one or the other


STEP = """program f32 inputs 3
0 = uin 0
1 = in 1
2 = in 2
3 = fma 0 1 2
out 3 alias 1
sum 3
"""


def step(change=None, results=(4, 1), dtype=F32, text=STEP):
    """A call of a program with one operand changed: {position: value}."""
    args = [F32(2), jnp.ones(4, F32), jnp.zeros(4, F32)]
    for i, value in (change or {}).items():
        args[i : i + 1] = [] if value is None else [value]
    shapes = [jax.ShapeDtypeStruct((k,), dtype) for k in results]
    return jax.ffi.ffi_call("spikeloop.program", shapes)(*args, program=np.int64(_library.native.program(text)))


def test_the_program_without_a_mistake_works():
    out, total = step()
    np.testing.assert_array_equal(out, 2)
    np.testing.assert_array_equal(total, 8)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({0: jnp.ones(7, F32)}, {}, "operand 0.*7 elements, expected 1"),
        ({1: jnp.ones(3, F32)}, {}, "operand 1.*3"),
        ({2: jnp.ones((2, 4), F32)}, {}, "operand 2.*8"),
        ({0: np.int32(3)}, {}, "operand 0.*int32"),
        ({2: None}, {}, "2 operands"),
        ({}, {"results": (4,)}, "result"),
        ({}, {"results": (4, 5)}, "5"),
        ({}, {"dtype": np.int32}, "int32"),
    ],
)
def test_bad_operands_of_a_program(change, options, message):
    with pytest.raises(Failure, match=f"program: (?s:.*)({message})"):
        jax.block_until_ready(step(change, **options))


def test_a_text_that_is_no_program_is_refused_with_its_line():
    with pytest.raises(ValueError, match="line 4"):
        step(text=STEP.replace("2 = in 2", "2 = in x"))


def scatter(spikes, weight, indices, indptr, target, offset=0, n_pre=2):
    call = jax.ffi.ffi_call("spikeloop.event_scatter", jax.ShapeDtypeStruct(target.shape, target.dtype))
    return call(spikes, weight, indices, indptr, target, offset=np.int32(offset), n_pre=np.int32(n_pre), sorted=False)


GOOD = {
    "spikes": jnp.ones(2, F32), "weight": jnp.ones(1, F32), "indices": jnp.asarray([0, 1, 1, 2], jnp.uint32),
    "indptr": jnp.zeros(0, jnp.int32), "target": jnp.zeros(3, F32),
}  # fmt: skip


def test_the_scatter_without_a_mistake_works():
    np.testing.assert_array_equal(scatter(**GOOD), [1, 2, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"indices": jnp.asarray([0, 1, 1, 3], jnp.uint32)},
            "'indices' holds 3 at place 3, which is out of range",
        ),
        (
            {"indices": jnp.asarray([0, 1, 1, 2**32 - 1], jnp.uint32)},
            "'indices' holds 4294967295 at place 3",
        ),
        ({"indices": jnp.asarray([0, 1, 1, 2], jnp.int32)}, "indices.*int32"),
        ({"indices": jnp.asarray([0, 1, 1], jnp.uint32)}, "3"),
        (
            {"indptr": jnp.asarray([0, 3, 2], jnp.int32)},
            "lets row 1 go from 3 to 2, which does not fit",
        ),
        (
            {"indptr": jnp.asarray([0, 3, 5], jnp.int32)},
            "lets row 1 go from 3 to 5, which does not fit",
        ),
        ({"indptr": jnp.asarray([0, 4], jnp.int32)}, "indptr"),
        (
            {"indptr": jnp.asarray([-1, 2, 4], jnp.int32)},
            "lets row 0 go from -1 to 2, which does not fit",
        ),
        ({"weight": jnp.ones(3, F32)}, "weight"),
        ({"weight": jnp.ones(1, jnp.int32)}, "weight.*int32"),
        ({"spikes": jnp.ones((3, 2), F32)}, "3 batches"),
        ({"offset": 1}, "spikes|source|offset"),
        ({"offset": -1}, "offset"),
        ({"n_pre": -1}, "n_pre"),
        ({"target": jnp.zeros(3, jnp.int32)}, "target.*int32"),
    ],
)
def test_bad_operands_of_the_event_kernel(change, message):
    with pytest.raises(Failure, match=f"event_scatter: (?s:.*)({message})"):
        jax.block_until_ready(scatter(**{**GOOD, **change}))


def test_a_panic_becomes_an_exception_and_the_process_lives_on():
    call = jax.ffi.ffi_call("spikeloop.panic", jax.ShapeDtypeStruct((), F32))
    for _ in range(3):
        with pytest.raises(Failure, match="panic"):
            jax.block_until_ready(call(F32(1)))
    with pytest.raises(Failure, match="panic"):
        jax.block_until_ready(jax.jit(lambda: jax.lax.fori_loop(0, 3, lambda i, x: call(x), F32(1)))())
    assert step()[0].shape == (4,)
