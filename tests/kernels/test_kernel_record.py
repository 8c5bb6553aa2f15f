"""What the declaration of a kernel promises, and what is derived from it, for every kernel that is declared."""

import functools
import inspect
import os
import subprocess
import sys

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import spikeloop as sl
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from spikeloop._form import param, variable
from spikeloop.kernels import _kernel, _receptors
from spikeloop.kernels._kernel import KERNELS, Kernel, inputs, state

from tests.helpers.kernel_examples import examples

EXAMPLES = examples()
every = pytest.mark.parametrize("name", sorted(KERNELS))
LINEAR = [name for name, kernel in sorted(KERNELS.items()) if kernel.linear]


def case(name):
    """The kernel, its example's operands in order, and the structure."""
    kernel, (operands, structure) = KERNELS[name], EXAMPLES[name]
    return kernel, [operands[x] for x in kernel.names(structure)], structure


@functools.cache
def compiled(name):
    """The kernel of an example, compiled once for all tests."""
    kernel, _, structure = case(name)
    return jax.jit(lambda *x: kernel.bind(*x, **structure))


def assert_close(ours, wanted):
    assert len(ours) == len(wanted)
    for i, (a, b) in enumerate(zip(ours, wanted, strict=True)):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5, err_msg=f"result {i}")


def test_every_declared_kernel_has_an_example():
    assert set(EXAMPLES) == set(KERNELS)


@every
def test_names_are_those_of_the_reference_and_unique(name):
    kernel, operands, structure = case(name)
    names = kernel.names(structure)
    avals = kernel.by_name([jax.typeof(x) for x in operands], structure)
    outputs = tuple(kernel.outputs(avals, **structure))
    assert len({*names, *outputs, *structure}) == len(names) + len(outputs) + len(structure)
    assert set(structure) == set(kernel.structure)
    assert {*kernel.replaced(structure), *kernel.linear, *kernel.dtypes, *(kernel.native_operands or ())} <= {*names}
    taken = inspect.signature(kernel.reference).parameters.values()
    keywords = [x.name for x in taken if x.kind is x.KEYWORD_ONLY]
    assert not keywords or {*keywords} <= {*structure}
    if not any(x.kind is x.VAR_POSITIONAL for x in taken):
        assert [x.name for x in taken if x.kind is x.POSITIONAL_OR_KEYWORD] == list(names)


@every
def test_results_are_the_state_and_then_the_outputs(name):
    kernel, operands, structure = case(name)
    given = EXAMPLES[name][0]
    results = kernel.bind(*operands, **structure)
    replaced = kernel.replaced(structure)
    for state_name, result in zip(replaced, results, strict=False):
        assert (result.shape, result.dtype) == (given[state_name].shape, given[state_name].dtype)
    abstract = jax.eval_shape(lambda *x: kernel.reference(*x, **structure), *operands)
    assert [(x.shape, x.dtype) for x in results] == [(x.shape, x.dtype) for x in abstract]


@every
def test_operands_go_by_name_in_any_order(name):
    kernel, operands, structure = case(name)
    mixed = dict(reversed(EXAMPLES[name][0].items()))
    for a, b in zip(kernel.run(mixed, structure), kernel.bind(*operands, **structure), strict=True):
        np.testing.assert_array_equal(a, b)
    dropped, *_ = mixed
    del mixed[dropped]
    with pytest.raises(TypeError, match=f"Kernel '{name}' takes .*{dropped}"):
        kernel.run(mixed, structure)


@every
def test_native_runs_in_place_and_equals_the_reference(name, native):
    kernel, operands, structure = case(name)
    if not kernel.platforms:
        pytest.skip("it is plain JAX everywhere")
    run = compiled(name)
    text = run.lower(*operands).as_text()
    target = kernel.target
    (call,) = (line for line in text.splitlines() if f"@spikeloop.{target}(" in line)
    own = [x for x in kernel.replaced(structure) if x in (kernel.native_operands or kernel.names(structure))]
    others = name == "recurrent_steps"  # the input of each step, in place of what comes from outside
    assert call.count("output_operand_alias<") == len(own) + others
    assert_close(run(*operands), jax.jit(lambda *x: kernel.reference(*x, **structure))(*operands))


@every
def test_vmap_over_an_operand_of_each_group_is_a_loop_over_lanes(name):
    kernel, operands, structure = case(name)
    if name == "event_enqueue":
        pytest.skip("its lanes go into the input ring buffer, which tests/kernels/test_spike_queue.py compares")
    run = lambda x, i: compiled(name)(*operands[:i], x, *operands[i + 1 :])  # noqa: E731
    groups = [x.group for x in kernel.declared(structure)]
    for i in sorted({groups.index(group) for group in groups} | {len(groups) - 1}):  # one of each group, and the last
        x = operands[i]
        floating = jnp.issubdtype(x.dtype, jnp.floating)
        lanes = jnp.stack([x, jnp.where(jnp.isfinite(x), 0.5 * x, x) if floating else x])
        wanted = [run(lane, i) for lane in lanes]
        ours = jax.jit(jax.vmap(lambda x, i=i: run(x, i)))(lanes)
        assert_close(ours, [jnp.stack(x) for x in zip(*wanted, strict=True)])


@pytest.mark.parametrize("name", LINEAR)
def test_sums_of_products_have_the_derivatives_of_their_reference(name):
    kernel, operands, structure = case(name)
    names = kernel.names(structure)
    smooth = [names.index(x) for x in (*kernel.linear, *([kernel.adds_to] if kernel.adds_to else []))]
    at, rng = [operands[i] for i in smooth], np.random.default_rng(2)

    def function(run):
        def of(*values):
            given = dict(zip(smooth, values, strict=True))
            return run(*(given.get(i, x) for i, x in enumerate(operands)), **structure)

        return of

    ours, wanted = function(kernel.bind), function(kernel.reference)
    slopes = [jnp.asarray(rng.normal(size=x.shape), x.dtype) for x in at]
    assert_close(*(jax.jit(lambda f=f: jax.jvp(f, at, slopes)[1])() for f in (ours, wanted)))
    assert_close(*(jax.jit(lambda f=f: jax.vjp(f, *at)[1](f(*at)))() for f in (ours, wanted)))


@every
def test_results_vary_over_the_axes_that_any_operand_varies_over(name):
    kernel, operands, structure = case(name)
    mesh = jax.make_mesh((1,), ("n",), axis_types=(AxisType.Auto,))
    first = next(i for i, x in enumerate(operands) if x.ndim)
    specs = tuple(P("n") if i == first else P() for i in range(len(operands)))
    results = jax.eval_shape(lambda *x: kernel.bind(*x, **structure), *operands)

    def sharded(*out_specs):
        run = lambda *x: [y[None] for y in kernel.bind(*x, **structure)]  # noqa: E731
        return jax.eval_shape(jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=[*out_specs]), *operands)

    varying = [P("n")] * len(results)
    assert [x.shape[1:] for x in sharded(*varying)] == [x.shape for x in results]
    for i in range(len(results)):
        with pytest.raises(ValueError, match="replication which can't be statically inferred"):
            sharded(*varying[:i], P(), *varying[i + 1 :])


FOUR_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, spikeloop as sl
from jax.sharding import AxisType, PartitionSpec as P
from spikeloop.kernels._event import Rows, scatter
mesh = jax.make_mesh((4,), ("n",), axis_types=(AxisType.Auto,))
c = sl.connect.FixedOutDegree(5, 1.0, seed=1)(8, 16)
spikes, target = (np.arange(32) % 3 == 0).astype(np.float32), np.zeros(64, np.float32)
run = lambda s, w, t: scatter(s, w, c.indices, c.indptr, t, Rows(0, 8, sorted=True))
loss = lambda s, w, t: jax.lax.psum(run(s, w, t).sum(), "n")
slope = jax.shard_map(jax.grad(loss, 1), mesh=mesh, in_specs=(P("n"), P(), P("n")), out_specs=P())
print(jax.jit(slope)(spikes, jnp.ones(1, jnp.float32), target))  # 11 spikes, 5 synapses each
replicated = jax.shard_map(run, mesh=mesh, in_specs=(P("n"), P(), P()), out_specs=P("n"))
parts = [run(s, jnp.ones(1), jnp.zeros(16)) for s in spikes.reshape(4, 8)]
np.testing.assert_array_equal(jax.jit(replicated)(spikes, jnp.ones(1), jnp.zeros(16)), np.concatenate(parts))
"""


def test_a_weight_that_all_shards_share_gets_the_gradient_of_all():
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run([sys.executable, "-c", FOUR_DEVICES], env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[55.]"


def test_a_declaration_is_all_that_a_kernel_needs(monkeypatch):
    monkeypatch.setattr(_kernel, "KERNELS", {})
    add = Kernel(
        "toy",
        lambda x, total, *, times: [total + times * x],
        structure=("times",),
        operands=(*inputs("x"), *state("total")),
        batch=_kernel._rules.leading_axes("x", "total"),
    )
    assert list(_kernel.KERNELS) == ["toy"]
    with pytest.raises(ValueError, match="a kernel 'toy' already"):
        Kernel("toy", add.reference, add.operands)
    with pytest.warns(RuntimeWarning, match="Kernel 'toy' runs as its JAX reference"):
        (total,) = jax.jit(lambda x: add(x=x, total=jnp.ones(2), times=3))(jnp.arange(2.0))
    np.testing.assert_array_equal(total, [1, 4])
    assert sl.info()["kernels"]["toy"] == ()
    slope = jax.grad(lambda x: add(x=x, total=jnp.ones(2), times=3)[0].sum())(jnp.arange(2.0))
    np.testing.assert_array_equal(slope, [3, 3])
    lanes = jax.vmap(lambda x: add(x=x, total=jnp.ones(2), times=3)[0])(jnp.arange(4.0).reshape(2, 2))
    np.testing.assert_array_equal(lanes, [[1, 4], [7, 10]])


def test_a_receptor_of_ones_own_is_native_too(native, monkeypatch):
    growing = _receptors.Dynamics(("decay",), ("g",), lambda p, s: 2 * s[0], lambda p, s: (s[0] * p[0],))
    monkeypatch.setitem(_receptors.DYNAMICS, "twice", growing)

    class Twice(sl.Expon):
        dynamics = "twice"

    def run(synapse, weight):
        neuron = sl.LIF(1, tau=10.0 * u.ms)
        proj = sl.AlignPostProj(comm=lambda x: x, post=neuron, out=sl.CUBA.desc(), syn=synapse.desc(1))
        sl.nn.init_all_states(proj)
        with sl.environ.context(dt=0.1 * u.ms):
            return sl.transform.for_loop(lambda x: (proj(x * weight), neuron(), neuron.V.value)[-1], jnp.ones((20, 1)))

    ours, wanted = run(Twice, 0.5 * u.mS), run(sl.Expon, 1.0 * u.mS)
    np.testing.assert_allclose(ours.mantissa, wanted.mantissa, rtol=1e-5)
    assert sl.info()["fallbacks"] == "none"


def test_an_operand_with_the_name_of_a_state_is_refused():
    class Twice(sl.Neuron):
        V_th = param(1.0 * u.mV)
        V_reset = param(0.0 * u.mV)
        V = variable(0.0 * u.mV, u.mV)
        operands = ("V_th", "V_reset", "V")

        @staticmethod
        def derive(p, dt):
            return p.V_th, p.V_reset, 0.0

    neuron = sl.nn.init_all_states(Twice(1))
    with (
        sl.environ.context(dt=0.1 * u.ms),
        pytest.raises(TypeError, match="Twice: 'V' is the name of an operand and of a state"),
    ):
        neuron()
