"""Transformations outside `jit` are traced in every call, compiled once, and found again by the traced program."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.transform import _executables, cond, for_loop, grad, vmap

XS = jnp.arange(3.0)


@pytest.fixture(autouse=True)
def no_programs():
    sl.transform.clear_caches()


class Counter(sl.nn.Module):
    def __init__(self, n=2):
        super().__init__()
        self.v = sl.State(jnp.zeros(n))

    def update(self, x):
        self.v.value = self.v.value + x
        return self.v.value.sum()


def test_a_lambda_made_anew_compiles_nothing(compiles):
    v = sl.State(jnp.float32(0.0))

    def run(gain):
        return for_loop(lambda x: x * gain + v.value, XS)

    run(2.0)
    compiles()
    for _ in range(3):
        np.testing.assert_array_equal(run(2.0), [0.0, 2.0, 4.0])
    assert compiles() == 0
    np.testing.assert_array_equal(run(3.0), [0.0, 3.0, 6.0])
    assert compiles() == 1


def test_another_model_of_the_same_form_compiles_nothing(compiles):
    a, b = Counter(), Counter()
    for_loop(a.update, XS)
    compiles()
    for_loop(b.update, XS)
    for_loop(lambda x: b.update(x), XS)
    assert compiles() == 0
    np.testing.assert_array_equal(a.v.value, [3.0, 3.0])
    np.testing.assert_array_equal(b.v.value, [6.0, 6.0])


@pytest.mark.parametrize("make", [jnp.asarray, np.asarray], ids=["jax", "numpy"])
def test_a_new_captured_array_is_an_input(make, compiles):
    def run(batch):
        return for_loop(lambda x: (batch * x).sum(), XS)

    run(make(np.ones(50, np.float32)))
    compiles()
    out = run(make(np.full(50, 3, np.float32)))
    assert compiles() == 0
    np.testing.assert_array_equal(out, [0.0, 150.0, 300.0])


def test_a_captured_generator_compiles_once_if_it_gives_arrays(compiles):
    rng = np.random.default_rng(0)

    def run():
        return for_loop(lambda x: x + rng.normal(size=4).sum(dtype=np.float32).reshape(1), XS)

    first = run()
    compiles()
    assert not np.array_equal(first, run())
    assert compiles() == 0


def test_an_attribute_of_an_installed_module_is_seen(monkeypatch):
    import scipy.constants

    monkeypatch.setattr(scipy.constants, "g", 1.0)
    np.testing.assert_allclose(for_loop(lambda x: x * scipy.constants.g, XS), XS)
    monkeypatch.setattr(scipy.constants, "g", 3.0)
    np.testing.assert_allclose(for_loop(lambda x: x * scipy.constants.g, XS), 3 * XS)


def test_other_transformations_compile_once(compiles):
    w = sl.ParamState(jnp.float32(2.0))

    def all_of_them():
        return (
            grad(lambda: w.value**2, w)(),
            vmap(lambda x: x * w.value)(XS).sum(),
            cond(w.value > 0, lambda: 1.0, lambda: 2.0),
            sl.transform.vjp(lambda x: x * w.value, 3.0)[1](1.0),
            for_loop(lambda x: x, XS, pbar=sl.transform.ProgressBar(disable=True)).sum(),
        )

    all_of_them()
    compiles()
    assert [*map(float, all_of_them())] == [4.0, 6.0, 1.0, 2.0, 3.0]
    assert compiles() == 0


def test_a_network_with_delays_compiles_once(compiles):
    import brainunit as u

    sl.environ.set(dt=0.1 * u.ms)
    net = sl.nn.init_all_states(sl.networks.Brunel(100))
    for _ in range(2):
        for_loop(lambda: net.update(0.0 * u.ms), length=3)
        first = compiles()
    assert first == 0


def test_a_kept_program_holds_neither_states_nor_arrays():
    def run():
        net, w = Counter(1000), jnp.ones(1000)
        for_loop(lambda x: net.update(x * w), XS)
        return weakref.ref(w), weakref.ref(net.v)

    refs = run()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]
    assert len(_executables.store) == 1


def test_kept_programs_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(_executables.store, "limit", 4 << 20)
    for n in range(1, 9):
        for_loop(lambda x: x * 2, jnp.ones(n))
    assert 0 < len(_executables.store) <= 4
    assert _executables.store.nbytes <= 4 << 20


def test_clear_caches(compiles):
    for _ in range(2):
        sl.transform.clear_caches()
        compiles()
        for_loop(lambda x: x, XS)
        assert compiles() == 1


def test_a_number_that_changes_is_told_once():
    def run(gain):
        return for_loop(lambda x: x * gain, XS)

    run(1.0)
    run(1.5)
    with pytest.warns(RuntimeWarning, match=r"<lambda> \(.*test_eager\.py:\d+\) .*1\.5 became 2\.5"):
        run(2.5)
    run(3.5)
    gain = sl.State(jnp.float32(1.0))
    for g in range(5):
        gain.value = jnp.float32(g)
        for_loop(lambda x: x * gain.value, XS)


def test_an_array_of_another_shape_is_no_reason_to_warn(compiles):
    for n in range(1, 6):
        for_loop(lambda x: x + 1, jnp.ones(n))


def test_custom_derivatives_do_not_hide_a_program(compiles):
    for _ in range(2):
        for_loop(lambda x: jax.nn.relu(x) + jax.nn.silu(x), XS)
        last = compiles()
    assert last == 0


def test_another_precision_is_another_program():
    assert for_loop(lambda x: x * 2, np.arange(3.0)).dtype == jnp.float32
    with sl.environ.context(precision=64):
        assert for_loop(lambda x: x * 2, np.arange(3.0)).dtype == jnp.float64
