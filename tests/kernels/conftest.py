"""Operands for one pass of a neuron kernel, and the comparison of the native pass with its reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from spikeloop.kernels import Pass, ReceptorKind, _library
from spikeloop.kernels._neuron import jvp_p, reference, step_p, vjp_p
from spikeloop.kernels._receptors import DYNAMICS, OUTPUTS
from spikeloop.models import LIF

COBA, CUBA = ReceptorKind("expon", "coba"), ReceptorKind("expon", "cuba")
KINDS = [ReceptorKind(d, o) for d in DYNAMICS for o in OUTPUTS]
RANGES = {
    "decay": (0.9, 0.99), "decay_h": (0.8, 0.9), "feed": (0.05, 0.2), "scale": (0.05, 0.15), "E": (-80, 0),
    "alpha": (0.05, 0.07), "c": (0.2, 0.4),
}  # fmt: skip

# V is near -60 mV, the receptors' E at most 80 mV away; in these units a rounding error is this many ulp of 64.
ULP = {jnp.float32: 2.0**-18, jnp.float64: 2.0**-47}

needs_native = pytest.mark.skipif(_library.native is None, reason="the native library is not built")


class Operands:
    """Draws the operands of a pass: parameters as scalars, one per neuron or in full, states in full."""

    def __init__(self, config, shape, kind="scalar", dtype=jnp.float64, seed=0):
        self.config, self.shape, self.dtype = config, shape, dtype
        self.rng = np.random.default_rng(seed)
        self.kinds = kind if isinstance(kind, (list, tuple)) else (kind,)
        self.drawn = 0

    def param(self, low, high):
        kind = self.kinds[self.drawn % len(self.kinds)]
        self.drawn += 1
        shape = {"scalar": (), "one": (1,), "neuron": self.shape[-1:], "full": self.shape}[kind]
        return jnp.asarray(self.rng.uniform(low, high, shape), self.dtype)

    def state(self, low, high):
        return jnp.asarray(self.rng.uniform(low, high, self.shape), self.dtype)

    def draw(self):
        config = self.config
        params = [self.param(-62, -58), self.param(-51, -49), self.param(-61, -59), self.param(80, 120),
                  self.param(0.004, 0.02)]  # fmt: skip
        if config.refractory:
            params.append(jnp.round(self.param(1, 5)))
        for kind in config.receptors:
            params += [self.param(*RANGES[name]) for name in kind.params]
        surrogate = [jnp.asarray(x, self.dtype) for x in config.surrogate.parameters()]
        states = [self.state(-70, -45)]
        if config.refractory:
            states.append(jnp.floor(self.state(0, 4)))
        states += [self.state(0, 8) for kind in config.receptors for _ in kind.states]
        if config.delta:
            states.append(self.state(-1, 1))
        states.append(jnp.floor(self.state(0, 2)))
        return [*params, *surrogate, *states, self.param(0, 0.3)]


def make_pass(refractory=False, delta=False, hard=False, receptors=(), surrogate=None):
    return Pass(LIF, refractory, delta, hard, surrogate or sl.surrogate.Sigmoid(), tuple(receptors))


def native_runs(fun, *args):
    """The names of the native targets that `fun` calls, in order."""
    text = jax.jit(fun).lower(*args).as_text()
    calls = [line.split("@spikeloop.")[1].split("(")[0] for line in text.splitlines() if "@spikeloop." in line]
    return [name.removeprefix("cuda.") for name in calls]


def assert_close(ours, wanted, ulps, dtype, scale=1.0):
    """Within `ulps` units in the last place of 64 (times `scale`), the size of the numbers that were added up."""
    assert len(ours) == len(wanted)
    for i, (a, b) in enumerate(zip(ours, wanted, strict=True)):
        assert a.shape == b.shape
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=ulps * scale * ULP[dtype], err_msg=f"result {i}")


@pytest.fixture(scope="session")
def pass_tools():
    """What the tests of the neuron kernel share."""
    from types import SimpleNamespace

    return SimpleNamespace(
        make_pass=make_pass, Operands=Operands, COBA=COBA, CUBA=CUBA, KINDS=KINDS, assert_close=assert_close,
        native_runs=native_runs, reference=reference, step_p=step_p, jvp_p=jvp_p, vjp_p=vjp_p,
    )  # fmt: skip


def pytest_collection_modifyitems(items):
    """Tests of the native kernels need them; one that asks for `native` is skipped without."""
    for item in items:
        if "native" in getattr(item, "fixturenames", ()):
            item.add_marker(needs_native)


@pytest.fixture(scope="session")
def native():
    """The native library."""
    return _library.native
