"""Positions of arguments from the end, out of range, and given twice, in everything that differentiates."""

import jax.numpy as jnp
import pytest
import spikeloop as sl
from spikeloop.transform import grad, hessian, jacfwd, jacrev, vector_grad, vjp

ONE = jnp.float32(1.0)
KINDS = pytest.mark.parametrize(
    "derive",
    [lambda f, n, *a, kind=kind: kind(f, argnums=n)(*a) for kind in (grad, vector_grad, jacrev, jacfwd)]
    + [lambda f, n, *a: vjp(f, *a, argnums=n)[1](ONE)],
    ids=["grad", "vector_grad", "jacrev", "jacfwd", "vjp"],
)


@KINDS
def test_a_negative_position_counts_from_the_end(derive):
    assert derive(lambda x, y: x * y, -1, 3.0 * ONE, 2.0 * ONE) == 3.0  # was 0
    assert derive(lambda x, y: x * y, (-2, 1), 3.0 * ONE, 2.0 * ONE) == (2.0, 3.0)


def test_a_negative_position_of_a_hessian():
    assert hessian(lambda x, y: x * y**3, argnums=-1)(1.0, 2.0) == 12.0


@KINDS
def test_an_argument_named_twice_is_refused(derive):
    with pytest.raises(ValueError, match="names an argument twice"):
        derive(lambda x, y: x * y, (0, -2), ONE, ONE)


def test_a_position_out_of_range_beside_states_is_refused():
    w = sl.ParamState(ONE)
    with pytest.raises(ValueError, match=r"grad: argnums=1 is out of range; the function got 1 positional"):
        grad(lambda x: x * w.value, w, argnums=1)(1.0)
