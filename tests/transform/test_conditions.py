import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop._errors import StateChangedError
from spikeloop.transform import cond, for_loop, grad, ifelse, jit, switch, vmap


@pytest.fixture
def a():
    return sl.State(jnp.float32(1.0), "a")


@pytest.fixture
def b():
    return sl.State(jnp.float32(10.0), "b")


def _set(state, value):
    def branch(*_):
        state.value = state.value + value
        return value

    return branch


@pytest.mark.parametrize("wrap", [lambda f: f, jit], ids=["alone", "in jit"])
@pytest.mark.parametrize("pred", [True, False, jnp.array(True), np.bool_(False), 1, 0.0])
def test_cond_with_states_written_in_one_branch_only(a, b, wrap, pred):
    out = wrap(lambda: cond(pred, _set(a, 1.0), _set(b, 2.0)))()
    assert (out, a.value, b.value) == ((1.0, 2.0, 10.0) if pred else (2.0, 1.0, 12.0))


def test_cond_with_operands_and_units(a):
    f = jit(lambda p, x: cond(p, lambda x: x * 2, lambda x: x + 1 * u.mV, x))
    assert f(True, 3.0 * u.mV).to_decimal(u.mV) == 6.0
    assert f(False, 3.0 * u.mV).to_decimal(u.mV) == 4.0
    assert f.cache.num_traces == 1


def test_cond_needs_one_truth_value():
    with pytest.raises(TypeError, match=r"cond needs one truth value; given shape \(2,\). Use jnp.where or vmap"):
        cond(jnp.ones(2), lambda: 1, lambda: 2)


def test_branches_may_return_numbers_of_weak_type():
    assert jit(lambda p, x: cond(p, lambda: x, lambda: 0.0))(False, jnp.float32(3.0)) == 0.0


@pytest.mark.parametrize(
    "other", [lambda: jnp.ones(2), lambda: 1, lambda: (1.0,), lambda: 1.0 * u.mV, lambda: None], ids=range(5)
)
def test_branches_must_return_the_same_type(other):
    with pytest.raises(TypeError, match=r"The branches of cond must return the same type: false_fun .*true_fun"):
        cond(True, lambda: 1.0, other)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 7])
def test_switch_clamps_its_index(a, index):
    out = switch(index, [_set(a, 1.0), _set(a, 2.0), lambda: 3.0])
    expected = (1.0, 2.0, 3.0)[max(0, min(index, 2))]
    assert out == expected
    assert a.value == 1.0 + (expected if expected < 3 else 0)


def test_switch_with_one_branch(a):
    assert jit(lambda i: switch(i, [_set(a, 1.0)]))(5) == 1.0
    assert a.value == 2.0


def test_switch_checks_its_arguments():
    with pytest.raises(ValueError, match="switch needs at least one branch"):
        switch(0, [])
    for index in (1.5, jnp.ones(2, int), True):
        with pytest.raises(TypeError, match="switch needs one integer index"):
            switch(index, [lambda: 1, lambda: 2])
    with pytest.raises(TypeError, match=r"The branches of switch must return the same type: branch 0 .*branch 2"):
        switch(0, [lambda: 1.0, lambda: 1.0, lambda: jnp.ones(2)])


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 1.0), (0.5, 2.0), (2.0, 3.0)])
def test_ifelse_takes_the_first_condition_that_holds(a, x, expected):
    f = jit(lambda x: ifelse([x < 0, x < 1, True], [_set(a, 1.0), lambda: 2.0, 3.0]))
    assert f(x) == expected
    assert a.value == (2.0 if x < 0 else 1.0)


def test_ifelse_passes_operands():
    assert ifelse([False, True], [lambda x: x, lambda x: 2 * x], 3.0) == 6.0


def test_ifelse_checks_the_number_of_conditions():
    with pytest.raises(ValueError, match="ifelse: 1 conditions for 2 branches"):
        ifelse([True], [1, 2])
    with pytest.raises(ValueError, match="ifelse needs at least one branch"):
        ifelse([], [])
    assert ifelse([False], [1, 2], check_cond=False) == 2
    assert ifelse([True], [1, 2], check_cond=False) == 1


def test_ifelse_where_nothing_holds():
    # The last branch is the one for everything else, as if its condition were True.
    assert ifelse([False, False], [1, 2]) == 2


@pytest.mark.parametrize("both", [False, True])
def test_a_branch_that_changes_a_state_is_refused(a, b, both):
    def grow():
        b.value = b.value + 1
        a.value = jnp.ones(3)

    with pytest.raises(StateChangedError, match=r"State a holds float32\[\]; given float32\[3\]"):
        cond(True, grow, grow if both else lambda: None)
    assert (a.value, b.value) == (1.0, 10.0)


def test_cond_in_a_loop_and_a_loop_in_cond(a, b):
    def step(i):
        return cond(i % 2 == 0, lambda: for_loop(_set(a, 1.0), length=2).sum(), _set(b, 1.0))

    np.testing.assert_array_equal(for_loop(step, jnp.arange(5)), [2.0, 1.0, 2.0, 1.0, 2.0])
    assert (a.value, b.value) == (7.0, 12.0)


def test_cond_in_grad_and_vmap(a):
    f = lambda x: cond(x > 0, lambda x: x * x * a.value, lambda x: -x, x)  # noqa: E731
    assert (grad(f)(3.0), grad(f)(-3.0)) == (6.0, -1.0)
    np.testing.assert_array_equal(vmap(f)(jnp.array([-1.0, 2.0])), [1.0, 4.0])


def test_the_branch_not_taken_is_not_run(a):
    seen = []

    def branch(x):
        jax.debug.callback(lambda v: seen.append(float(v)), x)
        return x

    cond(True, branch, lambda x: branch(-x), jnp.float32(1.0))
    jax.effects_barrier()
    assert seen == [1.0]
