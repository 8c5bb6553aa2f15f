"""Transformations inside each other, in threads, and when something goes wrong."""

import threading

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import environ
from spikeloop._errors import StateChangedError
from spikeloop.transform import (
    checkpoint,
    checkpointed_for_loop,
    checkpointed_scan,
    cond,
    eval_shape,
    for_loop,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    make_jaxpr,
    scan,
    switch,
    value_and_grad,
    vector_grad,
    vjp,
    vmap,
    while_loop,
)

ONE = jnp.float32(1.0)

# Each runs a function of one number inside a transformation, once or several times.
WAYS = {
    "jit": lambda f: jit(f)(ONE),
    "for_loop": lambda f: for_loop(f, jnp.ones(2)),
    "for_loop unrolled": lambda f: for_loop(f, jnp.ones(3), unroll=2),
    "for_loop with a bar": lambda f: for_loop(f, jnp.ones(3), pbar=2),
    "scan": lambda f: scan(lambda c, x: (c, f(x)), ONE, jnp.ones(2)),
    "while_loop": lambda f: while_loop(lambda c: c < 3.0, lambda c: c + f(ONE), ONE),
    "while_loop's condition": lambda f: while_loop(lambda c: f(c) < 3.0, lambda c: c + 1, ONE),
    "cond": lambda f: cond(True, f, lambda x: x, ONE),
    "switch": lambda f: switch(1, [lambda x: x, f], ONE),
    "checkpoint": lambda f: checkpoint(f)(ONE),
    "checkpointed_for_loop": lambda f: checkpointed_for_loop(f, jnp.ones(5), base=2),
    "checkpointed_scan": lambda f: checkpointed_scan(lambda c, x: (c, f(x)), ONE, jnp.ones(2)),
    "grad": lambda f: grad(f)(ONE),
    "value_and_grad": lambda f: value_and_grad(f)(ONE),
    "vector_grad": lambda f: vector_grad(f)(ONE),
    "jacrev": lambda f: jacrev(f)(ONE),
    "jacfwd": lambda f: jacfwd(f)(ONE),
    "hessian": lambda f: hessian(f)(ONE),
    "jvp": lambda f: jvp(f, (ONE,), (ONE,)),
    "vjp": lambda f: vjp(f, ONE),
    "vmap": lambda f: vmap(f)(jnp.ones(2)),
    "make_jaxpr": lambda f: make_jaxpr(f)(ONE),
    "eval_shape": lambda f: eval_shape(f, ONE),
    "jit(for_loop(grad))": lambda f: jit(lambda: for_loop(grad(f), jnp.ones(2)))(),
    "grad(jit)": lambda f: grad(jit(f))(ONE),
    "vmap(for_loop)": lambda f: vmap(lambda xs: for_loop(f, xs))(jnp.ones((2, 3))),
    "for_loop in cond": lambda f: cond(True, lambda: for_loop(f, jnp.ones(2)), lambda: jnp.ones(2)),
    "checkpoint in for_loop": lambda f: for_loop(checkpoint(f), jnp.ones(2)),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
WRITING_WAYS = {k: v for k, v in WAYS.items() if k != "while_loop's condition"}
INERT = {"make_jaxpr", "eval_shape"}


def _holds_no_tracer(*states):
    return not any(isinstance(leaf, jax.core.Tracer) for s in states for leaf in jax.tree.leaves(s._value))


@ways
def test_an_exception_leaves_everything_as_it_was(way):
    a, b = sl.State(jnp.float32(1.0), "a"), sl.State({"x": jnp.ones(2) * u.mV}, "b")
    made = []

    def f(x):
        with environ.context(t=x):
            a.value = a.value + 1
            b.value = {"x": b.value["x"] * 2}
            made.append(sl.State(x))
            raise ZeroDivisionError

    with environ.context(dt=0.1), pytest.raises(ZeroDivisionError):
        way(f)
    assert a.value == 1.0
    np.testing.assert_array_equal(b.value["x"].to_decimal(u.mV), [1.0, 1.0])
    assert environ.get("t", None) is None
    assert sl._trace.current() is None
    assert _holds_no_tracer(a, b, *made)
    way(lambda x: x * a.value)


@ways
def test_a_state_read_inside_has_its_present_value(way):
    a = sl.State(jnp.float32(1.0))
    seen = []

    def f(x):
        jax.debug.callback(lambda v: seen.append(float(v)), a.value)
        return x

    if way in (WAYS["make_jaxpr"], WAYS["eval_shape"]):
        way(f)
        assert seen == []
        return
    for value in (1.0, 2.0):
        a.value = jnp.float32(value)
        seen.clear()
        way(f)
        jax.effects_barrier()
        assert set(seen) == {value}


@pytest.mark.parametrize("name", WRITING_WAYS)
def test_effects_on_states_reach_the_outside(name):
    count = sl.State(jnp.float32(0.0), "count")

    def f(x):
        count.value = count.value + 1
        return x * 1.0

    WRITING_WAYS[name](f)
    expected = {"for_loop": 2, "for_loop unrolled": 3, "for_loop with a bar": 3, "scan": 2, "while_loop": 2,
                "checkpointed_for_loop": 5, "checkpointed_scan": 2, "jit(for_loop(grad))": 2, "vmap(for_loop)": 3,
                "for_loop in cond": 2, "checkpoint in for_loop": 2, "make_jaxpr": 0, "eval_shape": 0}  # fmt: skip
    assert count.value == expected.get(name, 1)


@pytest.mark.parametrize("way", [way for name, way in WAYS.items() if "jit" not in name])  # those make a new `jit`
def test_the_second_call_compiles_nothing(way, compiles):
    a = sl.State(1.0)  # a Python number

    def f(x):
        return x * a.value

    way(f)
    compiles()
    way(f)
    assert compiles() == 0


@pytest.mark.parametrize(
    "inner", ["jit", "grad", "vmap", "cond", "for_loop", "checkpoint", "checkpointed_for_loop", "vjp"]
)
@pytest.mark.parametrize("outer", ["jit", "for_loop", "cond", "grad", "vmap", "checkpointed_for_loop", "while_loop"])
def test_any_pair_nests(outer, inner):
    w = sl.ParamState(jnp.float32(2.0))

    def f(x):
        return w.value * x

    def around(x):
        leaves = jax.tree.leaves(WAYS[inner](lambda y: f(y) * x), is_leaf=callable)
        return jnp.sum(leaves[0]) * 1.0

    expected = {"vmap": 4.0, "for_loop": 4.0, "checkpointed_for_loop": 10.0}.get(inner, 2.0)
    assert around(ONE) == expected
    result = jax.tree.leaves(WAYS[outer](around))
    first = {"while_loop": 1 + expected}.get(outer, expected)
    assert float(jnp.ravel(result[0])[0]) == first


def test_a_state_that_changes_its_structure_in_a_nested_loop_is_named():
    net = sl.nn.Module("net")
    net.v = sl.State(jnp.ones(2))

    def step():
        net.v.value = net.v.value[None]

    for way in (jit(lambda: for_loop(step, length=2)), lambda: checkpointed_for_loop(step, length=2)):
        with pytest.raises(StateChangedError, match=r"State net\.v holds float32\[2\]; given float32\[1,2\]"):
            way()
    np.testing.assert_array_equal(net.v.value, np.ones(2))


def test_a_state_without_numbers_cannot_enter_a_program():
    state = sl.State("text", "label")
    with pytest.raises(TypeError, match="label holds 'text', which is no array"):
        jit(lambda: state.value)()


def test_a_failed_call_can_be_repeated():
    v = sl.State(jnp.ones(2))
    fail = [True]

    @jit
    def f():
        v.value = v.value + 1
        if fail[0]:
            raise ZeroDivisionError
        return v.value

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            f()
    fail[0] = False
    np.testing.assert_array_equal(f(), [2.0, 2.0])


def test_a_state_made_in_a_failed_call_says_so():
    made = []

    @jit
    def f():
        made.append(sl.State(jnp.ones(1), "made"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        f()
    with pytest.raises(sl._errors.TraceContextError, match=r"State made was made inside .*a call that failed"):
        made[0].value
    with pytest.raises(sl._errors.TraceContextError, match=r"State made was made inside .*a call that failed"):
        jit(lambda: made[0].value)()


def test_threads_do_not_see_each_others_traces():
    v = sl.State(jnp.float32(1.0), "v")
    inside, done = threading.Event(), threading.Event()
    seen = []

    def slow():
        v.value = v.value + 1
        inside.set()
        assert done.wait(20)
        seen.append(v.value)

    def fast():
        assert inside.wait(20)
        try:
            seen.append((sl._trace.current(), float(v.value), environ.get("dt", None)))
            v.value = jnp.float32(10.0)
            for_loop(lambda: v.value * 2, length=2)
        finally:
            done.set()

    thread = threading.Thread(target=fast)
    thread.start()
    with environ.context(dt=0.1):
        jit(slow)()
    thread.join()
    assert seen[0] == (None, 1.0, None)
    assert isinstance(seen[1], jax.core.Tracer)
    assert v.value == 11.0  # the program ran after the other thread had written


@pytest.mark.filterwarnings("ignore:.*was compiled 3 times:RuntimeWarning")  # each thread has a dt of its own
def test_many_threads_use_one_loop():
    nets = [sl.State(jnp.float32(i)) for i in range(8)]
    outs, errors = {}, []

    def work(i):
        try:
            for n in (2, 3, 2):
                with environ.context(dt=float(i + 1)):
                    outs[i] = for_loop(lambda: nets[i].value + environ.get_dt(), length=n)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for i in range(8):
        np.testing.assert_array_equal(outs[i], [2.0 * i + 1, 2.0 * i + 1])
