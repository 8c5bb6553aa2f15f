import threading

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop import environ
from spikeloop._errors import MissingSettingError
from spikeloop.transform import cond, for_loop, grad, jit, vmap


def test_inner_context_wins_over_outer_over_global():
    environ.set(dt=0.1, gain=1)
    assert (environ.get_dt(), environ.get("gain")) == (0.1, 1)
    with environ.context(dt=0.2) as outer:
        assert outer["dt"] == 0.2
        environ.set(dt=0.3)
        assert environ.get("dt") == 0.2
        with environ.context(dt=0.4):
            assert environ.get("dt") == 0.4
            assert environ.all() == {"precision": 32, "dt": 0.4, "gain": 1}
        assert environ.get("dt") == 0.2
    assert environ.get("dt") == 0.3


def test_a_context_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), environ.context(dt=0.2):
        raise ZeroDivisionError
    assert environ.get("dt", None) is None


def test_a_missing_setting_says_how_to_give_it():
    with pytest.raises(KeyError) as error:
        environ.get_dt()
    assert "`sl.environ.set(dt=0.1 * u.ms)` once" in str(error.value)
    assert "\\n" not in str(error.value)
    with pytest.raises(MissingSettingError, match=r"'gain' \(the gain\) is needed here but was not given"):
        environ.get("gain", desc="the gain")
    assert environ.get("gain", 3) == 3
    assert environ.get("gain", None) is None


def test_pop():
    environ.set(gain=1)
    with environ.context(gain=2), pytest.raises(ValueError, match="inside a context that sets it"):
        environ.pop("gain")
    assert environ.pop("gain") == 1
    assert environ.pop("gain", 5) == 5
    with pytest.raises(MissingSettingError, match="'gain' is needed"):
        environ.pop("gain")


@pytest.mark.parametrize("dt", [jnp.ones(2), np.ones(2) * u.ms, [0.1, 0.2]])
def test_dt_is_one_number(dt):
    with pytest.raises(TypeError, match="dt must be one number"):
        environ.set(dt=dt)
    with pytest.raises(TypeError, match="dt must be one number"), environ.context(dt=dt):
        pass


@pytest.mark.parametrize("key", ["platform", "host_device_count"])
def test_what_holds_for_the_process_is_refused_in_a_context(key):
    with pytest.raises(ValueError, match=f"environ.context cannot change '{key}'"), environ.context(**{key: 1}):
        pass


def test_precision():
    assert (environ.get_precision(), environ.dftype(), environ.ditype()) == (32, jnp.float32, jnp.int32)
    assert environ.tolerance() == 1e-5
    with environ.context(precision=64):
        assert jnp.zeros(1).dtype == environ.dftype() == jnp.float64
        assert environ.ditype() == jnp.int64
        assert environ.tolerance() == 1e-12
    assert jnp.zeros(1).dtype == jnp.float32
    environ.set(precision=64)
    assert jnp.zeros(1).dtype == jnp.float64
    with environ.context(precision=32):
        assert jnp.zeros(1).dtype == jnp.float32
    environ.set_precision(16)
    assert environ.dftype() == jnp.float16
    with pytest.raises(ValueError, match="precision must be 16, 32, 64 or 'bf16'; given 7"):
        environ.set(precision=7)
    assert environ.get_precision() == 16


def test_deterministic_is_true_or_false():
    with pytest.raises(TypeError, match="deterministic must be True or False; given 'yes'"):
        environ.set(deterministic="yes")
    with environ.context(deterministic=True):
        assert environ.get("deterministic") is True
    assert environ.get("deterministic", False) is False


def test_reset():
    environ.set(dt=1.0, gain=2, precision=64)
    environ.reset()
    assert environ.all() == {"precision": 32}
    assert jnp.zeros(1).dtype == jnp.float32


def test_platform_and_devices():
    assert environ.get_platform() == jax.default_backend()
    assert environ.get_host_device_count() == jax.local_device_count("cpu")


def test_contexts_belong_to_the_thread():
    seen = []
    environ.set(gain=1)
    with environ.context(gain=2):
        thread = threading.Thread(target=lambda: seen.append(environ.get("gain")))
        thread.start()
        thread.join()
    assert seen == [1]


def _in_jit(f):
    return jit(f)


def _in_for_loop(f):
    return lambda: for_loop(f, length=1)[0]


def _in_jit_of_for_loop(f):
    return jit(lambda: for_loop(f, length=1)[0])


def _in_cond_in_jit(f):
    return jit(lambda: cond(True, f, lambda: jnp.float32(0.0)))


def _in_grad_in_jit(f):
    return jit(lambda: grad(lambda x: x * f())(1.0))


def _in_vmap(f):
    return lambda: vmap(lambda x: x * f())(jnp.ones(1))[0]


def _in_jit_of_loop_of_loop(f):
    return jit(lambda: for_loop(lambda: for_loop(f, length=1)[0], length=1)[0])


NESTS = [
    _in_jit,
    _in_for_loop,
    _in_jit_of_for_loop,
    _in_cond_in_jit,
    _in_grad_in_jit,
    _in_vmap,
    _in_jit_of_loop_of_loop,
]


@pytest.mark.parametrize("nest", NESTS, ids=lambda n: n.__name__[4:])
def test_a_new_dt_is_seen_at_any_depth(nest):
    f = nest(lambda: jnp.asarray(environ.get_dt() / u.ms, jnp.float32))
    for dt in (0.1, 0.2, 0.1):
        with environ.context(dt=dt * u.ms):
            np.testing.assert_allclose(f(), dt, rtol=1e-6)
    with pytest.raises(MissingSettingError):
        f()


@pytest.mark.parametrize("nest", NESTS, ids=lambda n: n.__name__[4:])
def test_a_new_t_is_seen_at_any_depth_without_compiling_again(nest, compiles):
    f = nest(lambda: jnp.asarray(environ.get("t") / u.ms, jnp.float32))
    counts = []
    for t in (1.0, 2.0, 3.0):
        with environ.context(t=t * u.ms):
            np.testing.assert_allclose(f(), t)
        counts.append(compiles())
    assert counts[-1] == 0
    with pytest.raises(MissingSettingError):
        f()


def test_a_setting_made_inside_does_not_depend_on_the_outside(compiles):
    @jit
    def f(x):
        with environ.context(dt=x, gain=2):
            return for_loop(lambda: environ.get_dt() * environ.get("gain"), length=1)[0]

    for dt in (1.0, 2.0):
        with environ.context(dt=dt, gain=dt):
            assert f(3.0) == 6.0
    assert f.cache.num_traces == 1


@pytest.mark.parametrize(
    "values",
    [
        (1.0, jnp.ones(2)),
        (jnp.ones(2), 1.0),
        (1, 1.0, True),
        ("a", "b", 1.0),
        (None, 1.0, None),
        (2.0 * u.ms, 2.0 * u.mV, 2.0),
        (np.ones(2), np.zeros(2), np.zeros(3)),
    ],
    ids=str,
)
def test_a_setting_may_change_its_kind(values):
    seen = []
    f = jit(lambda: seen.append(environ.get("x")) or jax.tree.map(jnp.asarray, environ.get("x"))
            if not isinstance(environ.get("x"), str) else None)  # fmt: skip
    for value in (*values, *values):
        with environ.context(x=value):
            out, expected = f(), None if isinstance(value, str) else jax.tree.map(jnp.asarray, value)
            assert jax.tree.structure(out) == jax.tree.structure(expected)
            for a, b in zip(jax.tree.leaves(out), jax.tree.leaves(expected), strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)


def test_a_default_and_a_given_setting_are_told_apart():
    f = jit(lambda: environ.get("fit", False))
    g = jit(lambda: environ.get("t", None) is not None)
    for _ in range(2):
        assert not f()
        assert not g()
        with environ.context(fit=True, t=1.0):
            assert f()
            assert g()


def test_a_mutable_setting_changed_in_place_is_seen():
    config = {"mode": "a"}
    environ.set(config=config)
    f = jit(lambda: 1 if environ.get("config")["mode"] == "a" else 2)
    assert f() == 1
    config["mode"] = "b"
    assert f() == 2


def test_all_inside_a_trace_is_followed():
    f = jit(lambda: environ.all()["gain"])
    with environ.context(gain=1):
        assert f() == 1
    with environ.context(gain=2) as settings:
        assert f() == 2
        assert settings["gain"] == 2

    @jit
    def g():
        with environ.context(t=1.0) as settings:
            return settings["gain"]

    with environ.context(gain=1):
        assert g() == 1
    with environ.context(gain=2):
        assert g() == 2


def test_no_tracer_stays_in_the_settings():
    @jit
    def f(x):
        with environ.context(t=x):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        f(1.0)
    assert environ.get("t", None) is None


def test_a_tracer_set_globally_inside_a_trace_is_refused():
    @jit
    def f(x):
        environ.set(t=x)

    with pytest.raises(sl._errors.TraceContextError, match=r"environ\.set\(t=\.\.\.\) inside a transformed function"):
        f(1.0)
    assert environ.get("t", None) is None


def test_precision_is_part_of_a_program():
    f = jit(lambda: jnp.zeros((), environ.dftype()))
    for precision, dtype in ((32, jnp.float32), (64, jnp.float64), (32, jnp.float32)):
        with environ.context(precision=precision):
            assert f().dtype == dtype
